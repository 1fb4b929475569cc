"""The BigQuery source, against a stand-in."""

from __future__ import annotations

import json
import ssl
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import bigquery
from google.cloud.bigquery.table import RowIterator
from google.oauth2.service_account import Credentials

from headrace.calls.batch import JSON_FIELD
from headrace.connector import Spec
from headrace.errors import QueryError, SourceError
from headrace.model import Secret
from headrace.ports import Source
from headrace.sources.bigquery import SPEC
from headrace.testing.server_contract import ServerContract
from headrace.testing.source_contract import Typed
from tests.emulators.bigquery_relay import Relay
from tests.emulators.process import Emulator

Make = Callable[[Spec, Mapping[str, Any]], Source]

NUMBERS = "select n, concat('row ', cast(n as string)) as label from unnest(generate_array(1, {rows})) as n order by n"
FOREVER = "select count(*) as n from unnest(generate_array(1, 1000000)) as a, unnest(generate_array(1, 1000000)) as b"


def private_key() -> str:
    """A key as it stands in Google's JSON files."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_key(folder: Path) -> tuple[str, Path]:
    """A new private key, and the file of its public half."""
    key = private_key()
    public = serialization.load_pem_private_key(key.encode(), None).public_key()
    file = folder / "public.pem"
    file.write_bytes(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return key, file


class Warehouse:
    """The stand-in, with a dataset in it and the keys of its accounts."""

    def __init__(self, emulator: Emulator, key: str) -> None:
        self.url = f"http://127.0.0.1:{emulator.port}"
        self.port, self._key = emulator.port, key
        self.grpc = self.state()["grpc"]

    def state(self, of: str = "") -> Any:
        with urllib.request.urlopen(f"{self.url}/stand-in{of}") as answer:
            return json.load(answer)

    def credentials(self, account: str = "reader", key: str | None = None) -> Secret:
        info = {
            "type": "service_account",
            "project_id": "shop",
            "private_key_id": "1",
            "private_key": key or self._key,
            "client_email": f"{account}@shop.iam.gserviceaccount.com",
            "token_uri": f"{self.url}/token",
        }
        return Secret(json.dumps(info))

    def settings(self, **more: Any) -> dict[str, Any]:
        return {
            "credentials": self.credentials(),
            "url": self.url,
            "storage_url": f"http://127.0.0.1:{self.grpc}",
            "dataset": "sales",
            **more,
        }

    def fill(self) -> None:
        """What an administrator of the warehouse did, with Google's own client."""
        account = Credentials.from_service_account_info(
            json.loads(self.credentials("writer").reveal()), scopes=["https://www.googleapis.com/auth/bigquery"]
        )
        client = bigquery.Client("shop", account, client_options={"api_endpoint": self.url})
        client.create_dataset("sales")
        schema = [bigquery.SchemaField("id", "INT64"), bigquery.SchemaField("name", "STRING")]
        client.create_table(bigquery.Table("shop.sales.people", schema))
        client.query("insert into sales.people values (1, 'Ada'), (2, 'Bob')").result()
        client.close()


@pytest.fixture(scope="module", autouse=True)
def only_here() -> Iterator[None]:
    """Google's login library also asks Google, in the background, in which regions an account may be used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Credentials, "_is_regional_access_boundary_lookup_required", lambda self: False)
        yield


@pytest.fixture(scope="module")
def warehouse(only_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    key, public = public_key(tmp_path_factory.mktemp("bigquery"))
    with Emulator("bigquery", str(public)) as emulator:
        warehouse = Warehouse(emulator, key)
        warehouse.fill()
        yield warehouse


def test_the_catalog_is_of_a_place() -> None:
    """BigQuery tells the columns of a dataset or of a region, and of everything there is no catalog."""
    assert "`sales`.INFORMATION_SCHEMA.COLUMNS" in SPEC.catalog_query({"dataset": "sales", "location": "EU"})
    assert "`region-eu`.INFORMATION_SCHEMA.COLUMNS" in SPEC.catalog_query({"dataset": None, "location": "EU"})
    assert SPEC.catalog_query({"dataset": None, "location": None}) == ""


class TestBigQuery(ServerContract):
    series = NUMBERS
    slow = FOREVER + " where a * b = -1"
    fails_late = "select 1 / (100000 - n) as x from unnest(generate_array(1, 200000)) as n"
    longest_name = 300
    names = ("UserId", "user_id", "_1", "straße", "名前", "a-b", "two words")
    equal_names = False
    quote = "`"
    many, endless, plenty = 1_000_000, 200_000, 2_000_000
    wrong = (
        ("select nope from people", None, None, "nope"),
        ("selec 1", 1, 7, "Syntax error"),
        ("select 1\nfrom people\nwher id = 1", 3, 7, "Syntax error"),
        ("select nobody(1)", 1, 8, "Function not found"),
        ("select * from nobody", None, None, "nobody"),
    )
    writes = (
        "insert into people values (3, 'x')",
        "insert into sales.people (id) select 3",
        "update people set name = 'x' where true",
        "delete from people where true",
        "truncate table people",
        "merge people using (select 1 as id) as s on people.id = s.id when matched then delete",
        "create table sales.more (n int64)",
        "create or replace table people as select 1 as id, 'x' as name",
        "create temp table more (n int64)",
        "create schema more",
        "drop table people",
        "drop schema sales cascade",
        "alter table people add column more int64",
        "create view sales.more as select 1 as n",
        "create function sales.one() as (1)",
        "begin insert into people values (3, 'x'); end",
        "declare x int64 default 1; insert into people values (x, 'x')",
        "execute immediate 'drop table people'",
        "grant `roles/bigquery.dataEditor` on schema sales to 'user:a@example.com'",
        "export data options (uri='gs://b/x-*.csv', format='CSV') as select 1 as n",
        "select 1 as n; drop table people",
    )
    types = (
        Typed("9223372036854775807", pa.int64(), 9223372036854775807),
        Typed("-9223372036854775807 - 1", pa.int64(), -9223372036854775808),
        Typed("true", pa.bool_(), True),
        Typed("cast(0.1 as float64)", pa.float64(), 0.1),
        Typed("cast('nan' as float64)", pa.float64(), float("nan")),
        Typed("cast('123.456' as numeric)", pa.decimal128(18, 3), Decimal("123.456")),  # as the stand-in has it
        Typed("'名前'", pa.string(), "名前"),
        Typed("from_hex('00ff')", pa.binary(), b"\x00\xff"),
        Typed("date '0001-01-01'", pa.date32(), date(1, 1, 1)),
        Typed("date '9999-12-31'", pa.date32(), date(9999, 12, 31)),
        Typed("time '23:59:59.999999'", pa.time64("us"), time(23, 59, 59, 999999)),
        Typed("datetime '2026-01-02 03:04:05.678901'", pa.timestamp("us"),
              datetime.fromisoformat("2026-01-02 03:04:05.678901")),
        Typed("timestamp '2026-01-02 03:04:05.678901+02'", pa.timestamp("us", "UTC"),
              datetime(2026, 1, 2, 1, 4, 5, 678901, UTC)),
        Typed("""json '{"a": [1, null]}'""", pa.string(), '{"a":[1,null]}', JSON_FIELD),
        Typed("[cast(1 as int64), 2]", pa.list_(pa.int64()), [1, 2]),
        Typed("struct(cast(1 as int64) as a, 'x' as b)", pa.struct([("a", pa.int64()), ("b", pa.string())]),
              {"a": 1, "b": "x"}),
    )  # fmt: skip

    @pytest.fixture(autouse=True)
    def _given(self, warehouse: Warehouse, make: Make) -> Iterator[None]:
        self.warehouse, self.make = warehouse, make
        with ExitStack() as self.stack, Relay(warehouse.grpc) as self.relay:
            yield

    def source(self, **settings: Any) -> Source:
        storage = f"http://127.0.0.1:{self.relay.port}"
        return self.make(SPEC, self.warehouse.settings(**{"storage_url": storage, **settings}))

    def contents(self) -> object:
        return self.warehouse.state("/stored")

    def running(self) -> int:
        return int(self.warehouse.state()["running"])

    def writer(self) -> Mapping[str, Any]:
        return {"credentials": self.warehouse.credentials("writer")}

    def sever(self) -> None:
        self.relay.cut()

    def literal(self, text: str) -> str:
        return "'" + json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"

    def faults(self) -> Mapping[str, tuple[Mapping[str, Any], str]]:
        authority = trustme.CA()
        trusted = self.stack.enter_context(authority.cert_pem.tempfile())
        now = datetime.now(UTC)

        def front(certificate: trustme.LeafCert) -> str:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            relay = self.stack.enter_context(Relay(self.warehouse.port, context))
            return f"https://127.0.0.1:{relay.port}"

        expired = authority.issue_cert("127.0.0.1", not_before=now - timedelta(9), not_after=now - timedelta(1))
        return {
            "wrong password": ({"credentials": self.warehouse.credentials(key=private_key())}, "Invalid JWT Signature"),
            "unknown host": ({"url": "https://no-such-host.invalid"}, "is unknown here"),
            "nothing listens": ({"url": "http://127.0.0.1:1"}, "Nothing answers at 127.0.0.1:1"),
            "expired certificate": ({"url": front(expired), "tls_ca": trusted}, "has expired"),
            "certificate of an unknown authority": (
                {"url": front(trustme.CA().issue_cert("127.0.0.1"))}, "not signed by an authority that we trust",
            ),
            "certificate for another name": (
                {"url": front(authority.issue_cert("other.example")), "tls_ca": trusted}, "is for another name",
            ),
            "no key": ({"credentials": Secret('{"private_key": "hush"}')}, "holds no key of a service account"),
        }  # fmt: skip

    # ------------------------------------------------------------------------------------- what is BigQuery's alone

    async def test_a_stream_that_breaks_goes_on_where_it_was(self) -> None:
        """A connection that is back at once costs nothing: every row comes, each once and in order."""
        rows: list[int] = []
        async with self.opened() as source:
            async for batch in source.read(NUMBERS.format(rows=1_000_000)):
                if not rows:
                    self.relay.cut(for_good=False)
                rows += batch["n"].to_pylist()
        assert rows == list(range(1, 1_000_001))

    @pytest.mark.parametrize("api", ["storage", "rest"])
    async def test_a_result_that_ends_too_early_is_an_error(self, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
        """BigQuery tells how many rows a result has; fewer are no result."""
        monkeypatch.setattr(RowIterator, "total_rows", property(lambda _rows: 11))
        async with self.opened(api=api) as source:
            with pytest.raises(SourceError, match="broke off after 10 of 11 rows") as caught:
                assert [batch.num_rows async for batch in source.read(NUMBERS.format(rows=10))] == [10]
        assert caught.value.code == "connection_lost"

    async def test_rows_come_over_rest_as_well(self) -> None:
        """The same types and values as from the Storage Read API, page by page; NULL arrays are empty in both."""
        scalar = [typed for typed in self.types if not pa.types.is_list(typed.type)]
        sql = "select " + ", ".join(f"{typed.sql} as c{number}" for number, typed in enumerate(scalar))
        async with self.opened() as one, self.opened(api="rest") as other:
            [storage] = [batch async for batch in one.read(sql)]
            [rest] = [batch async for batch in other.read(sql)]
            many = [batch async for batch in other.read(NUMBERS.format(rows=25_000))]
        assert [kind for kind in rest.schema.types if not pa.types.is_decimal(kind)] == [
            kind for kind in storage.schema.types if not pa.types.is_decimal(kind)
        ]
        assert repr(rest.to_pylist()).replace("123.456000000", "123.456") == repr(storage.to_pylist())
        assert [number for batch in many for number in batch["n"].to_pylist()] == list(range(1, 25_001))
        assert len(many) > 1

    async def test_an_account_without_read_sessions_reads_over_rest(self) -> None:
        """Where the Storage Read API is not allowed, rows come over REST, with a note and a warning of the check."""
        async with self.opened(project="no-storage", dataset=None) as source:
            assert [batch.num_rows async for batch in source.read("select 1 as n")] == [1]
            [(note, count)] = source.notes.items()
            check = await source.check()
        assert (count, "roles/bigquery.readSessionUser" in note) == (1, True)
        assert note in check.warnings
        async with self.opened(project="no-storage", dataset=None, api="storage") as source:
            with pytest.raises(SourceError) as caught:
                await anext(source.read("select 1 as n"))
        assert caught.value.code == "grants"

    async def test_only_what_bigquery_calls_a_select_is_run(self) -> None:
        """The words of the refusal tell what BigQuery takes the statement for."""
        async with self.opened() as source:
            with pytest.raises(QueryError, match="it is INSERT") as caught:
                await source.preview("insert into people values (3, 'x')", 1)
        assert caught.value.code == "read_only"

    async def test_a_query_that_is_too_dear_is_refused(self) -> None:
        """`maximum_bytes_billed` goes with the query; the refusal names the setting."""
        async with self.opened(maximum_bytes_billed=1000) as source:
            with pytest.raises(QueryError, match="raise `maximum_bytes_billed`"):
                await source.preview("select 1 as n", 1)

    async def test_a_check_tells_what_an_account_may_do(self) -> None:
        """Facts for people; rights to write, with what takes them away; no rights to read are a problem."""
        async with self.opened() as source:
            check = await source.check()
        assert not check.warnings
        assert check.facts["role"] == "reader@shop.iam.gserviceaccount.com"
        assert check.facts["readable"] == "tables of 1 of 1 datasets"
        assert "GRANT `roles/bigquery.dataViewer` ON SCHEMA `shop`.`sales`" in check.facts["grants"]
        async with self.opened(**self.writer()) as source:
            dataset, project = (await source.check()).warnings
        assert "REVOKE `roles/bigquery.dataEditor` ON SCHEMA `shop`.`sales`" in dataset
        assert "remove-iam-policy-binding shop" in project
        async with self.opened(credentials=self.warehouse.credentials("blind")) as source:
            assert "may read none of the tables" in (await source.check()).problems[0]
        async with self.opened(dataset="nope") as source:
            assert "has no dataset 'nope'. Check `dataset`. It has: sales." in (await source.check()).problems[0]

    async def test_a_certificate_of_a_trusted_authority_is_taken(self) -> None:
        """`tls_ca` is trusted for the API and for the Storage Read API."""
        authority = trustme.CA()
        ends = {}
        for name, port, protocol in (
            ("url", self.warehouse.port, "http/1.1"),
            ("storage_url", self.warehouse.grpc, "h2"),
        ):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.set_alpn_protocols([protocol])
            authority.issue_cert("localhost").configure_cert(context)
            ends[name] = f"https://localhost:{self.stack.enter_context(Relay(port, context)).port}"
        with authority.cert_pem.tempfile() as trusted:
            async with self.opened(tls_ca=trusted, api="storage", **ends) as source:
                check = await source.check()
                assert [batch.num_rows async for batch in source.read("select * from people")] == [2]
        assert check.ok, check.problems
        assert check.facts["tls"] == "on"


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"credentials": "x", "credentials_file": "y"}, "credentials_file"),
        ({"url": "http://bigquery.example.com"}, "url"),
        ({"storage_url": "http://192.0.2.1:80"}, "storage_url"),
    ],
)
def test_rules_between_fields(settings: Mapping[str, Any], field: str) -> None:
    """One key only; no rows unencrypted over a network, but to a stand-in on this machine."""
    assert SPEC.validate is not None
    assert [name for name, _ in SPEC.validate(settings)] == [field]
    assert SPEC.validate({"url": "http://127.0.0.1:9050", "storage_url": "https://example.com"}) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"credentials": Secret("hush")}, "`credentials` holds no key of a service account"),
        ({"credentials_file": "nowhere.json"}, "'nowhere.json' cannot be read: No such file"),
        ({"tls_ca": "nowhere.pem"}, "There is no file 'nowhere.pem'. Mend `tls_ca`."),
    ],
)
async def test_files_and_keys_that_are_none(make: Make, settings: Mapping[str, Any], words: str) -> None:
    """What is no key, or not there, is told without a connection and without its text."""
    source = make(SPEC, settings)
    [problem] = (await source.check()).problems
    await source.close()
    assert words in problem
    assert "hush" not in problem


@pytest.mark.parametrize("module", ["google.cloud.bigquery", "google.cloud.bigquery_storage"])
async def test_a_missing_driver_is_told(make: Make, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Without the driver the check says how to install it."""
    monkeypatch.setitem(sys.modules, module, None)
    source = make(SPEC, {})
    assert 'pip install "headrace[bigquery]"' in (await source.check()).problems[0]
    with pytest.raises(SourceError) as caught:
        await source.now()
    assert caught.value.code == "driver_missing"


async def test_a_machine_without_credentials_is_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any setting the application default credentials are looked for; their lack is told with both ways out."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    source = make(SPEC, {})
    [problem] = (await source.check()).problems
    await source.close()
    assert "Set `credentials` or `credentials_file`" in problem
