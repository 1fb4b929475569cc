"""The Databricks source, against DuckDB behind the Statement Execution API as it is documented."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from http.client import HTTPConnection
from typing import Any

import pyarrow as pa
import pytest

from headrace.calls.batch import JSON_FIELD
from headrace.connector import Spec
from headrace.model import Secret
from headrace.ports import Source
from headrace.sources.databricks import SPEC
from headrace.sources.databricks_api import DatabricksError
from headrace.sources.databricks_errors import refusal
from headrace.testing.server_contract import ServerContract
from headrace.testing.source_contract import Typed
from tests.emulators.process import Emulator
from tests.emulators.tls import Certificates, TlsServer

Make = Callable[[Spec, Mapping[str, Any]], Source]
WAREHOUSE = "1a2b3c4d5e6f7890"
OAUTH = {"token": None, "client_id": "app", "client_secret": Secret("app secret")}


def settings_for(server: Emulator, **settings: Any) -> dict[str, Any]:
    return {
        "host": "dbc-a1b2345c-d6e7.cloud.databricks.com", "url": f"http://{server.host}:{server.port}",
        "http_path": f"/sql/1.0/warehouses/{WAREHOUSE}", "token": Secret("reader secret"), **settings,
    }  # fmt: skip


def control(server: Emulator, what: str) -> dict[str, Any]:
    """Ask the stand-in for something no warehouse does; its contents and what runs in it."""
    connection = HTTPConnection(server.host, server.port, timeout=10)
    connection.request("POST", f"/control/{what}")
    told = json.loads(connection.getresponse().read())
    connection.close()
    assert isinstance(told, dict)
    return told


@pytest.fixture(scope="session")
def databricks() -> Iterator[Emulator]:
    """A workspace without TLS."""
    with Emulator("databricks") as server:
        yield server


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def showing(certificates: Certificates) -> Iterator[Mapping[str, int]]:
    """Ports of servers with a faulty certificate, by the fault."""
    with ExitStack() as stack:
        yield {
            fault: stack.enter_context(TlsServer(getattr(certificates, fault))).port
            for fault in ("expired", "unknown", "other_name")
        }


class TestDatabricks(ServerContract):
    catalog = SPEC.catalog_query({}), ("main", "people", "id BIGINT, name VARCHAR")
    series = "select id + 1 as n, concat('row ', id + 1) as label from range({rows})"
    slow = "select count(*) from range(10000000) a cross join range(10000000) b where hash(a.id, b.id) = 1"
    fails_late = "select case when id = 190000 then raise_error('late') end as bad from range(200000)"
    quote = "`"
    names = ("cart.items.0", 'say "hi"', "it's", " a b ", "{}", "UserId", "straße 名前 😀", "a`b")
    plenty = 3_000_000  # a warehouse computes the whole result before it gives the first chunk
    wrong = (
        ("select nope from people", 1, 8, "nope"),
        ("select 1,\n  'ü😀', nope\nfrom people", 2, 9, "nope"),
        ("selec 1", 1, 1, "selec"),
        ("select 1\nfrom people\nwher id = 1", 3, 6, "id"),
        ("select * from nobody", 1, 15, "nobody"),
    )
    writes = (
        "insert into people values (11, 'x')",
        "update people set name = 'x'",
        "delete from people",
        "truncate people",
        "drop table people",
        "create table more (n int)",
        "create view more as select 1",
        "set timezone = 'UTC'",
        "copy people to '/tmp/headrace-was-here'",
        "select 1 as n) as q(c0); drop table people; --",
        "select 1; drop table people",
    )
    types = (
        Typed("cast(-128 as tinyint)", pa.int8(), -128),
        Typed("cast(-32768 as smallint)", pa.int16(), -32768),
        Typed("2147483647", pa.int32(), 2147483647),
        Typed("9223372036854775807", pa.int64(), 9223372036854775807),
        Typed("cast(1.5 as float)", pa.float32(), 1.5),
        Typed("cast(0.1 as double)", pa.float64(), 0.1),
        Typed("cast('NaN' as double)", pa.float64(), float("nan")),
        Typed("cast(1.10 as decimal(12, 2))", pa.decimal128(12, 2), Decimal("1.10")),
        Typed("cast('12345678901234567890.123456789012345678' as decimal(38, 18))", pa.decimal128(38, 18),
              Decimal("12345678901234567890.123456789012345678")),
        Typed("true", pa.bool_(), True),
        Typed("'text'", pa.string(), "text"),
        Typed("unhex('00ff')", pa.binary(), b"\x00\xff"),
        Typed("date '9999-12-31'", pa.date32(), date(9999, 12, 31)),
        Typed("cast('2026-01-02 03:04:05.678901+02' as timestamptz)", pa.timestamp("us", "UTC"),
              datetime(2026, 1, 2, 1, 4, 5, 678901, UTC)),
        Typed("cast('2026-01-02 03:04:05.678901' as timestamp)", pa.timestamp("us"),
              datetime.fromisoformat("2026-01-02T03:04:05.678901")),
        Typed("interval 3 days", pa.string(), "3 days"),
        Typed("[1, null, 3]", pa.string(), "[1,null,3]", JSON_FIELD),
        Typed("{'a': 1, 'b': null}", pa.string(), '{"a":1,"b":null}', JSON_FIELD),
        Typed("map {'a': [1]}", pa.string(), '{"a":[1]}', JSON_FIELD),
        Typed("""cast('{"a":[1,null]}' as json)""", pa.string(), '{"a":[1,null]}', JSON_FIELD),
        Typed("null", pa.string(), None),
    )  # fmt: skip

    @pytest.fixture(autouse=True)
    def _given(self, databricks: Emulator, make: Make, certificates: Certificates, showing: Mapping[str, int]) -> None:
        self.server, self.make, self.certificates, self.showing = databricks, make, certificates, showing

    def source(self, **settings: Any) -> Source:
        return self.make(SPEC, settings_for(self.server, **settings))

    def contents(self) -> object:
        return control(self.server, "tell")["contents"]

    def running(self) -> int:
        return int(control(self.server, "tell")["running"])

    def faults(self) -> Mapping[str, tuple[Mapping[str, Any], str]]:
        def showing(fault: str) -> dict[str, Any]:
            url = f"https://127.0.0.1:{self.showing[fault]}"
            return {"url": url, "tls_ca": str(self.certificates.authority)}

        return {
            "wrong password": ({"token": Secret("wrong secret")}, "refused the credentials"),
            "wrong client secret": ({**OAUTH, "client_secret": Secret("other")}, "Check `client_id` and"),
            "may not use the warehouse": ({"token": Secret("no use secret")}, "CAN USE"),
            "unknown warehouse": ({"http_path": "/sql/1.0/warehouses/nope"}, "has no SQL warehouse"),
            "unknown schema": ({"schema": "missing"}, "Check `catalog` and `schema`"),
            "unknown host": ({"url": "https://no-such-host.invalid"}, "'no-such-host.invalid' is unknown here"),
            "nothing listens": ({"url": "http://127.0.0.1:1"}, "Nothing answers at 127.0.0.1:1"),
            "no such file": ({"url": "https://127.0.0.1:1", "tls_ca": "nope.pem"}, "There is no file 'nope.pem'"),
            "expired certificate": (showing("expired"), "has expired"),
            "certificate of an unknown authority": (showing("unknown"), "not signed by an authority that we trust"),
            "certificate for another name": (showing("other_name"), "is for another name"),
        }

    def writer(self) -> Mapping[str, Any]:
        return {"token": Secret("writer secret")}

    def sever(self) -> None:
        control(self.server, "sever")

    async def test_links_that_expired_are_asked_for_again(self) -> None:
        """A chunk whose link is too old, and an OAuth token that ran out, are fetched anew; no row is lost."""
        async with self.opened(**OAUTH) as source:
            count = 0
            async for batch in source.read(self.series.format(rows=1_000_000)):
                if not count:
                    control(self.server, "expire")
                assert batch["n"][0].as_py() == count + 1
                count += batch.num_rows
        assert count == 1_000_000

    async def test_the_certificate_of_workspace_and_store_is_verified(self) -> None:
        """With the authority in tls_ca rows come through TLS, chunks as well; without it the workspace is refused."""
        with Emulator("databricks", *map(str, self.certificates.good)) as server:
            trusted = {"url": f"https://127.0.0.1:{server.port}", "tls_ca": str(self.certificates.authority)}
            async with self.opened(**trusted) as source:
                read = [batch.num_rows async for batch in source.read(self.series.format(rows=250_000))]
            assert sum(read) == 250_000
            async with self.opened(url=trusted["url"]) as source:
                [problem] = (await source.check()).problems
        assert "not signed by an authority that we trust" in problem


def test_rules_between_fields() -> None:
    """One way to name the warehouse, one way to log in, and no token in the clear."""
    assert SPEC.validate is not None
    good = {"http_path": "/sql/1.0/warehouses/a", "token": Secret("t")}
    assert SPEC.validate(good) == SPEC.validate({**good, "url": "http://127.0.0.1:1"}) == []
    for wrong, field in (
        ({"http_path": None}, "warehouse_id"),
        ({"warehouse_id": "a"}, "warehouse_id"),
        ({"token": None}, "token"),
        ({"client_id": "a", "client_secret": Secret("b")}, "token"),
        ({"client_id": "a"}, "client_id"),
        ({"url": "http://proxy.example.com"}, "url"),
    ):
        assert field in [name for name, _ in SPEC.validate({**good, **wrong})]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (DatabricksError(401, "UNAUTHENTICATED", "Token is expired"), "password"),
        (DatabricksError(403, "PERMISSION_DENIED", "no CAN USE"), "grants"),
        (DatabricksError(404, "NOT_FOUND", "nope"), "database"),
        (DatabricksError(429, "REQUEST_LIMIT_EXCEEDED", "slow down"), "too_many_connections"),
        (DatabricksError(503, "TEMPORARILY_UNAVAILABLE", "starting"), "not_ready"),
        (DatabricksError(400, "INVALID_PARAMETER_VALUE", "x is not a valid endpoint id"), "database"),
        (DatabricksError(200, "BAD_REQUEST", "[INSUFFICIENT_PERMISSIONS] no SELECT on table t", "42501"), "grants"),
        (DatabricksError(200, "CANCELED", "cancelled by an administrator"), "connection_lost"),
        (DatabricksError(200, "RESOURCE_EXHAUSTED", "too much"), "query"),
    ],
)
def test_what_databricks_says_has_a_code(error: DatabricksError, told: str) -> None:
    """Refusals that a user meets have a code of their own."""
    assert refusal(error, "select 1", {"token": Secret("t"), "warehouse_id": "w"}, "dbc.example.com:443").code == told
