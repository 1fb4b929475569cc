"""How the Snowflake source gets in, what it says of its role, and what its words mean."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import adbc_driver_manager
import pyarrow as pa
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from headrace.calls.batch import JSON_FIELD
from headrace.connector import Spec
from headrace.errors import QueryError
from headrace.model import Secret
from headrace.ports import Source
from headrace.sources.snowflake import SPEC
from headrace.sources.snowflake_errors import connection_refusal, query_refusal
from headrace.sources.snowflake_session import SnowflakeSession
from headrace.sources.snowflake_types import Columns
from tests.emulators.process import Emulator
from tests.sources.test_snowflake import ask, settings_for

Make = Callable[[Spec, Mapping[str, Any]], Source]
ACCOUNT = {"account": "acme-main", "user": "reader", "role": "READER", "database": "SHOP"}


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory, key: rsa.RSAPrivateKey) -> Path:
    path = tmp_path_factory.mktemp("keys") / "public.pem"
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


@pytest.fixture(scope="module")
def stand_in(public: Path) -> Iterator[Emulator]:
    with Emulator("snowflake", str(public)) as emulator:
        ask(emulator, "execute", "create table people (id int)")
        yield emulator


def pem(
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


class TestKeys:
    @pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
    @pytest.mark.parametrize("passphrase", [None, "s3cret words"])
    @pytest.mark.parametrize("name", ["private_key", "private_key_file"])
    async def test_a_key_logs_in(
        self, stand_in: Emulator, make: Make, key: rsa.RSAPrivateKey, tmp_path: Path,
        form: PrivateFormat, passphrase: str | None, name: str,
    ) -> None:  # fmt: skip
        """The user's key lets in: as text or file, encrypted or not, in either form of PEM."""
        text = pem(key, form, BestAvailableEncryption(passphrase.encode()) if passphrase else None)
        (tmp_path / "key.pem").write_text(text)
        given: dict[str, Any] = {name: Secret(text) if name == "private_key" else "key.pem"}
        if passphrase:
            given["private_key_passphrase"] = Secret(passphrase)
        source = make(SPEC, settings_for(stand_in, password=None, **given))
        check = await source.check()
        await source.close()
        assert (check.ok, check.warnings) == (True, ()), check

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({}, "is encrypted; set it: `private_key_passphrase`"),
            ({"private_key_passphrase": Secret("wr0ng")}, "must fit"),
            ({"private_key": Secret(pem(ed25519.Ed25519PrivateKey.generate()))}, "is not an RSA key"),
        ],
    )
    async def test_a_key_that_cannot_be_used_is_told(
        self, make: Make, stand_in: Emulator, key: rsa.RSAPrivateKey, changed: dict[str, Any], words: str
    ) -> None:
        """A passphrase that is missing or wrong, and a key of another kind, are told before Snowflake is asked."""
        encrypted = Secret(pem(key, encryption=BestAvailableEncryption(b"right")))
        source = make(SPEC, settings_for(stand_in, password=None, **{"private_key": encrypted, **changed}))
        check = await source.check()
        [problem] = check.problems
        assert words in problem

    @pytest.mark.parametrize(
        ("settings", "fields"),
        [
            ({"password": Secret("x")}, []),
            ({"private_key": Secret("x"), "private_key_passphrase": Secret("y")}, []),
            ({}, ["private_key"]),
            ({"password": Secret("x"), "private_key": Secret("y")}, ["password"]),
            ({"private_key": Secret("x"), "private_key_file": "y"}, ["private_key_file"]),
            ({"password": Secret("x"), "private_key_passphrase": Secret("y")}, ["private_key_passphrase"]),
            ({"password": Secret("x"), "protocol": "http"}, ["protocol"]),
            ({"password": Secret("x"), "protocol": "http", "host": "db.example.com"}, ["protocol"]),
            ({"password": Secret("x"), "protocol": "http", "host": "127.0.0.1"}, []),
            ({"password": Secret("x"), "options": {"multi_statement_count": 0, "WEEK_START": 1}}, ["options"]),
            ({"password": Secret("x"), "options": {"GEOGRAPHY_OUTPUT_FORMAT": "WKT"}}, ["options"]),
        ],
    )
    def test_rules_between_the_fields(self, settings: dict[str, Any], fields: list[str]) -> None:
        """Exactly one way to log in; http only on this machine; no parameter that reading relies on."""
        assert SPEC.validate is not None
        assert [name for name, _ in SPEC.validate(settings)] == fields


class TestSession:
    async def test_the_session_is_set_from_its_first_moment(self, make: Make, stand_in: Emulator) -> None:
        """The log-in itself brings the time limit, UTC, the tag, one statement at a time, and the user's options.

        Then all roles but the one that was set are put aside.
        """
        options = {"week_start": 1, "QUERY_TAG": "mine"}
        source = make(SPEC, settings_for(stand_in, statement_timeout=1.5, options=options))
        await source.now()
        await source.close()
        sent = ask(stand_in, "parameters")
        wanted = {
            "STATEMENT_TIMEOUT_IN_SECONDS": "2", "TIMEZONE": "UTC", "QUERY_TAG": "mine", "MULTI_STATEMENT_COUNT": "1",
            "ROWS_PER_RESULTSET": "0", "WEEK_START": "1", "ABORT_DETACHED_QUERY": "true",
            "CLIENT_TELEMETRY_ENABLED": "false",
            "secondary roles": "none",
        }  # fmt: skip
        assert {name: str(sent.get(name)) for name in wanted} == wanted

    def test_the_server_s_time_limit_is_told(self, stand_in: Emulator, tmp_path: Path) -> None:
        """Where Snowflake itself stops a query, its refusal becomes the error of a query that ran too long."""
        session = SnowflakeSession(settings_for(stand_in, statement_timeout=1), tmp_path)
        with pytest.raises(session.errors) as caught:
            session.run("select system$wait(3600)", None)
        error = session.explain(caught.value, "select system$wait(3600)")
        session.close()
        assert isinstance(error, QueryError)
        assert error.code == "query_timeout"
        assert "longer than 1 seconds" in error.message

    async def test_only_a_query_is_run(self, make: Make, stand_in: Emulator) -> None:
        """What is no query is refused as such; and no bracket in the text closes the one that Headrace puts around."""
        source = make(SPEC, settings_for(stand_in))
        for sql, code in (
            ("insert into people values (1)", "read_only"),
            ("show tables", "read_only"),
            ("select 1 as a) union all select * from (select 2 as a", "query"),
        ):
            with pytest.raises(QueryError) as caught:
                await source.preview(sql, 5)
            assert caught.value.code == code, caught.value.message
        await source.close()

    def test_certificates_are_verified(self, public: Path, tmp_path: Path) -> None:
        """A server is trusted if, and only if, the machine trusts its authority. (The driver reads that once, at
        its start; so each case has a process of its own.)"""
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        (tmp_path / "cert.pem").write_bytes(chain)
        program = f"""
from pathlib import Path
from headrace.model import Secret
from headrace.sources import snowflake_connection
from headrace.sources.snowflake_check import check
snowflake_connection.LOGIN_TIMEOUT = 1
check({{**{ACCOUNT!r}, "password": Secret("correct horse"), "warehouse": "READING", "host": "127.0.0.1",
        "port": PORT, "ocsp": False}}, Path("."))
"""
        with Emulator("snowflake", str(public), str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")) as emulator:
            ends = []
            for trusted in ({"SSL_CERT_FILE": str(tmp_path / "ca.pem")}, {}):
                done = subprocess.run(
                    [sys.executable, "-c", program.replace("PORT", str(emulator.port))],
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **trusted},
                    capture_output=True, text=True, check=False,
                )  # fmt: skip
                ends.append((done.returncode, "is not signed by an authority" in done.stderr))
        assert ends == [(0, False), (1, True)]

    async def test_a_missing_driver_is_told(
        self, make: Make, stand_in: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the optional driver the check says how to install it."""
        monkeypatch.setitem(sys.modules, "adbc_driver_snowflake.dbapi", None)
        [problem] = (await make(SPEC, settings_for(stand_in)).check()).problems
        assert problem.endswith('Run: pip install "headrace[snowflake]"')


class TestCheck:
    async def test_a_reader_has_no_warnings_but_of_the_password(self, make: Make, stand_in: Emulator) -> None:
        """A role that only reads is clean; the password is warned of, since Snowflake is ending it."""
        source = make(SPEC, settings_for(stand_in))
        check = await source.check()
        await source.close()
        assert [("ending log-in by password" in warning) for warning in check.warnings] == [True]
        assert check.facts["role"] == "READER"
        assert "GRANT SELECT ON FUTURE TABLES IN SCHEMA SHOP.PUBLIC TO ROLE READER;" in check.facts["grants"]

    async def test_each_right_to_change_has_its_statement(self, make: Make, stand_in: Emulator) -> None:
        """Own and inherited rights, sequences, ownership: each warning ends with what takes it away."""
        source = make(SPEC, settings_for(stand_in, role="WRITER"))
        warnings = "\n".join((await source.check()).warnings)
        await source.close()
        for statement in (
            'REVOKE INSERT ON TABLE SHOP.PUBLIC.PEOPLE FROM ROLE "WRITER";',
            'REVOKE USAGE ON SEQUENCE SHOP.PUBLIC.NUMBERS FROM ROLE "WRITER";',
            'GRANT OWNERSHIP ON VIEW SHOP.PUBLIC."Odd name" TO ROLE SYSADMIN COPY CURRENT GRANTS;',
            'REVOKE DELETE ON TABLE SHOP.PUBLIC.PEOPLE FROM ROLE "CLEANER";',
            'REVOKE CREATE TABLE ON SCHEMA SHOP.PUBLIC FROM ROLE "CLEANER";',
            "show grants to database role SHOP.SECRETIVE;",
        ):
            assert f"Run: {statement}" in warnings or statement in warnings
        assert "SELECT ON TABLE" not in warnings


class _Error(adbc_driver_manager.Error):
    def __init__(self, message: str, number: int | None = None) -> None:
        super().__init__(message, status_code=adbc_driver_manager.AdbcStatusCode.INTERNAL)
        self.vendor_code = number  # a number, whatever its types say


class TestWords:
    @pytest.mark.parametrize(
        ("said", "code", "words"),
        [
            (
                "390422 (08004): Incoming request with IP 192.0.2.1 is not allowed to access Snowflake.",
                "not_allowed",
                "network policy",
            ),
            ("394507 (08004): Multi-factor authentication is required for this account.", "password", "Use a key"),
            (
                "390101 (08004): User access disabled. Contact your local system administrator.",
                "grants",
                "SET DISABLED = FALSE",
            ),
            (
                "390102 (08004): Your user account has been temporarily locked due to too many failed attempts.",
                "not_allowed",
                "MINS_TO_UNLOCK",
            ),
            (
                "261004 (08004): failed to auth for unknown reason. HTTP: 404, URL: https://x",
                "unknown_host",
                "Check `account`",
            ),
            ("IO: timeout after 10s and 7 attempts. HTTP Status: 503. Hanging?", "no_answer", "No answer from"),
            ("Invalid value [X] for parameter 'TIMEZONE'", "options", "Mend `options`"),
            ("something new", "source", "something new"),
        ],
    )
    def test_refusals_of_a_log_in(self, said: str, code: str, words: str) -> None:
        """What Snowflake and its driver say of a log-in becomes a sentence with what to do."""
        error = connection_refusal(_Error(said), ACCOUNT)
        assert error.code == code
        assert words in error.message

    @pytest.mark.parametrize(
        ("said", "number", "code", "place"),
        [
            (
                "002003 (42S02): SQL compilation error:\nObject 'T' does not exist or not authorized.",
                2003,
                "query",
                None,
            ),
            (
                "003001 (42501): SQL access control error:\nInsufficient privileges to operate on table 'T'",
                3001,
                "grants",
                None,
            ),
            (
                "000904 (42000): SQL compilation error: error line 3 at position 2\ninvalid identifier 'X'",
                904,
                "query",
                (2, 3),
            ),
            (
                "001003 (42000): SQL compilation error:\nsyntax error line 2 at position 0 unexpected 'insert'.",
                1003,
                "read_only",
                None,
            ),
            ("000604 (57014): SQL execution canceled", 604, "query", None),
            (
                "390111 (08001): Session no longer exists. New login required to access the service.",
                390111,
                "connection_lost",
                None,
            ),
            (
                'Get "https://bucket.s3.example.com/r?X-Amz-Signature=abc": read: connection reset by peer',
                None,
                "connection_lost",
                None,
            ),
            ("100038 (22018): Numeric value 'x' is not recognized", 100038, "query", None),
        ],
    )
    def test_refusals_of_a_query(self, said: str, number: int | None, code: str, place: tuple[int, int] | None) -> None:
        """Places are those of the user's text although a line stands before it; signed addresses are not told."""
        error = query_refusal(
            _Error(f"INTERNAL: [Snowflake] {said}", number), "select\n  x\nfrom t", lambda: True, 9, 1
        )
        assert error.code == code
        assert (getattr(error, "line", None), getattr(error, "column", None)) == (place or (None, None))
        assert "Signature" not in error.message


class TestColumns:
    def columns(self, kind: str, given: pa.Array) -> tuple[pa.Field, list[Any], Counter[str]]:
        """What becomes of a column that Snowflake calls ``kind`` and its driver gives as ``given``."""
        notes: Counter[str] = Counter()
        described = pa.schema([pa.field("c", pa.string(), metadata={"SNOWFLAKE_TYPE": kind})])
        columns = Columns(pa.schema([pa.field("C", given.type)]), described, notes)
        batch = columns(pa.record_batch([given], schema=pa.schema([pa.field("C", given.type)])))
        assert batch.schema == columns.schema
        return batch.schema.field(0), batch.column(0).to_pylist(), notes

    def test_json_is_strict(self) -> None:
        """Words that are no JSON become null and are counted; the same words within strings stay."""
        texts = ['[1,\n  undefined,\n  "undefined"]', '{"NaN": NaN, "x": -Infinity}', '"a \\" NaN"', None, "7"]
        field, values, notes = self.columns("variant", pa.array(texts))
        assert field.metadata == JSON_FIELD
        assert values == ['[1,\n  null,\n  "undefined"]', '{"NaN": null, "x": null}', '"a \\" NaN"', None, "7"]
        assert list(notes.values()) == [2]

    @pytest.mark.parametrize("kind", ["object", "array", "map", "geography", "geometry"])
    def test_what_is_json(self, kind: str) -> None:
        """Semi-structured and geospatial types are marked as JSON."""
        field, values, _ = self.columns(kind, pa.array(['{"a": 1}', None]))
        assert (field.metadata, values) == (JSON_FIELD, ['{"a": 1}', None])

    def test_a_vector_is_an_array(self) -> None:
        """A VECTOR comes as a list of Arrow's and becomes a JSON array."""
        field, values, _ = self.columns("vector", pa.array([[1.5, 2.0], None], pa.list_(pa.float32(), 2)))
        assert (field.type, field.metadata, values) == (pa.string(), JSON_FIELD, ["[1.5, 2.0]", None])

    @pytest.mark.parametrize(
        ("kind", "given", "becomes"),
        [
            ("time", pa.time32("ms"), pa.time64("ns")),
            ("timestamp_ntz", pa.timestamp("s"), pa.timestamp("us")),
            ("timestamp_ntz", pa.timestamp("ns"), pa.timestamp("us")),
            ("timestamp_tz", pa.timestamp("ns"), pa.timestamp("us", "UTC")),
            ("timestamp_ltz", pa.timestamp("ns", "Europe/Berlin"), pa.timestamp("us", "UTC")),
            ("fixed", pa.decimal128(18, 0), pa.int64()),
            ("fixed", pa.decimal128(19, 0), pa.decimal128(19, 0)),
            ("fixed", pa.decimal128(5, 2), pa.decimal128(5, 2)),
        ],
    )
    def test_a_column_has_one_type_with_and_without_rows(
        self, kind: str, given: pa.DataType, becomes: pa.DataType
    ) -> None:
        """Whatever unit the driver takes for a result, a column of one type of Snowflake's stays of one type."""
        assert self.columns(kind, pa.nulls(0, given))[0].type == becomes

    def test_years_beyond_the_calendar_are_counted(self) -> None:
        """A timestamp after the year 9999 becomes null, and a note says so."""
        _, values, notes = self.columns("timestamp_ntz", pa.array([253_402_300_800, 0], pa.timestamp("s")))
        assert values[0] is None
        assert list(notes.values()) == [1]

    def test_a_type_that_would_be_lost_is_refused(self) -> None:
        """DECFLOAT comes as exponent and digits: no number of Arrow's, so the query must cast it."""
        kind = pa.struct([("exponent", pa.int16()), ("significand", pa.binary())])
        with pytest.raises(QueryError, match=r"DECFLOAT.*Cast it"):
            self.columns("decfloat", pa.nulls(1, kind))
