"""The DuckDB source, against real database files."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.connector import Spec
from headrace.errors import SourceError
from headrace.ports import Source
from headrace.sources.duckdb import SPEC
from headrace.testing.source_contract import SourceContract, Typed

NO_ZONE = datetime.fromisoformat("2026-01-02T03:04:05.678901")
Make = Callable[[Spec, Mapping[str, Any]], Source]
HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"


class TestDuckdb(SourceContract):
    catalog = SPEC.catalog_query({}), ("main", "people", "id BIGINT, name VARCHAR")
    series = "select range + 1 as n, 'row ' || n as label from range({rows})"
    slow = "select count(*) from range(1000000000000) where range % 7 = 8"
    fails_late = "select case when range = 900000 then error('late') else range end as n from range(1000000)"
    wrong = (
        ("select nope from people", 1, 8, 'Referenced column "nope" not found'),
        ("select 1,\n  'ü😀', nope\nfrom people", 2, 9, "nope"),
        ("selec 1", 1, 1, 'syntax error at or near "selec"'),
        ("select 1\nfrom people\nwher id = 1", 3, 6, "syntax error"),
        ("select * from nobody", 1, 15, "nobody does not exist"),
        ("select 1::hugeint as a,\n nofunction(1)", 2, 2, "nofunction"),
        ("select 'ü', 1::hugeint, 'x'::int", 1, 28, "Could not convert string 'x'"),
        ("pivot people on id", None, None, "PIVOT must name its columns"),
    )
    writes = (
        "insert into people values (11, 'x')",
        "update people set name = 'x'",
        "delete from people",
        "create table more (n int)",
        "create temp table more (n int)",
        "drop table people",
        "with added as (insert into people values (11, 'x') returning id) select id from added",
        "select nextval('numbers')",
        "attach ':memory:' as other",
        "attach 'other.duckdb' as other",
        "detach shop",
        "use memory",
        "copy people to 'people.csv'",
        "export database 'folder'",
        "checkpoint",
        "set threads = 1",
        "set enable_external_access = true",
        "pragma enable_profiling",
        "install httpfs",
        "load httpfs",
        "call checkpoint()",
        "prepare p as insert into people values (11, 'x')",
        "execute p",
        "begin",
        "select * from '/etc/passwd'",
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('/etc/passwd')",
        "select * from glob('/etc/*')",
        "select * from sniff_csv('/etc/passwd')",
        "select getenv('HOME')",
        "select * from before",
    )
    types = (
        Typed("(-128)::tinyint", pa.int8(), -128),
        Typed("255::utinyint", pa.uint8(), 255),
        Typed("9223372036854775807", pa.int64(), 9223372036854775807),
        Typed("18446744073709551615::ubigint", pa.uint64(), 18446744073709551615),
        Typed(
            "(-170141183460469231731687303715884105727)::hugeint",
            pa.string(),
            "-170141183460469231731687303715884105727",
            NUMERIC_FIELD,
        ),
        Typed(
            "'12345678901234567890123456789012345678901'::bignum",
            pa.string(),
            "12345678901234567890123456789012345678901",
            NUMERIC_FIELD,
        ),
        Typed("1.5::float", pa.float32(), 1.5),
        Typed("'nan'::double", pa.float64(), float("nan")),
        Typed("1.10::decimal(10,2)", pa.decimal128(10, 2), Decimal("1.10")),
        Typed("true", pa.bool_(), True),
        Typed("'text'", pa.string(), "text"),
        Typed("'glad'::mood", pa.string(), "glad"),
        Typed(r"'\x00\xFF'::blob", pa.binary(), b"\x00\xff"),
        Typed("'101'::bit", pa.string(), "101"),
        Typed(
            "'2026-01-02 03:04:05.678901+02'::timestamptz",
            pa.timestamp("us", "UTC"),
            datetime(2026, 1, 2, 1, 4, 5, 678901, UTC),
        ),
        Typed(
            "'2026-01-02 03:04:05.678901'::timestamp",
            pa.timestamp("us"),
            NO_ZONE,
        ),
        Typed("'2026-01-02 03:04:05'::timestamp_s", pa.timestamp("s"), datetime.fromisoformat("2026-01-02T03:04:05")),
        Typed("'9999-12-31'::date", pa.date32(), date(9999, 12, 31)),
        Typed("'23:59:59.999999'::time", pa.time64("us"), time(23, 59, 59, 999999)),
        Typed("'10:00:00+02'::timetz", pa.string(), "10:00:00+02"),
        Typed("interval '1 year 2 months 3 days 04:05:06.7'", pa.string(), "P1Y2M3DT4H5M6.7S"),
        Typed("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", pa.string(), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        Typed("""'{"b": [1, null, "é"]}'::json""", pa.string(), '{"b": [1, null, "é"]}', JSON_FIELD),
        Typed("""'{"b": NaN, "c": "NaN"}'::json""", pa.string(), '{"b": null, "c": "NaN"}', JSON_FIELD),
        Typed("[1, null, 3]", pa.list_(pa.field("l", pa.int32())), [1, None, 3]),
        Typed("['a', 'b,\"c']", pa.list_(pa.field("l", pa.string())), ["a", 'b,"c']),
        Typed("[[1, 2], [3]]", pa.string(), "[[1,2],[3]]", JSON_FIELD),
        Typed("[1.10::decimal(10,2)]", pa.string(), "[1.1]", JSON_FIELD),
        Typed("array_value(1, 2)", pa.string(), "[1,2]", JSON_FIELD),
        Typed("{'a': 1, 'b': {'c': 'x'}}", pa.string(), '{"a":1,"b":{"c":"x"}}', JSON_FIELD),
        Typed("{'a': 'inf'::double}", pa.string(), '{"a": null}', JSON_FIELD),
        Typed("map {'k': 1}", pa.string(), '{"k":1}', JSON_FIELD),
        Typed("union_value(n := 1)", pa.string(), '{"n":1}', JSON_FIELD),
        Typed("null", pa.string(), None),
    )

    @pytest.fixture(autouse=True)
    def _given(self, tmp_path: Path, make: Make) -> None:
        self.folder, self.make = tmp_path, make
        with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
            connection.execute("create type mood as enum ('glad', 'sad'); create sequence numbers")
            connection.execute("create table people as select range as id, 'name ' || range as name from range(10)")

    def source(self, **settings: Any) -> Source:
        return self.make(SPEC, {"path": "shop.duckdb", **settings})

    def contents(self) -> object:
        files = sorted(path.name for path in self.folder.iterdir() if path.name != "home")
        return files, (self.folder / "shop.duckdb").read_bytes()

    def broken(self) -> Sequence[tuple[Mapping[str, Any], str]]:
        (self.folder / "notes.txt").write_text("not a database\n" * 1000)
        return (
            ({"path": "missing.duckdb"}, "There is no file 'missing.duckdb'"),
            ({"path": "."}, "'.' is a folder"),
            ({"path": "notes.txt"}, "'notes.txt' is not a DuckDB database"),
            ({"memory_limit": "lots"}, "Check `path`, `memory_limit` and `threads`"),
        )

    async def test_a_file_held_by_a_writer_is_told(self) -> None:
        """DuckDB lets nobody read while another process writes; the error says so and names it."""
        command = [sys.executable, "-c", HOLD, str(self.folder / "shop.duckdb")]
        writer = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        await writer.stdout.readline()
        try:
            async with self.opened() as source:
                with pytest.raises(SourceError, match=f"being written by another process .*{writer.pid}") as caught:
                    await source.now()
        finally:
            await writer.communicate(b"\n")
        assert caught.value.code == "locked"

    async def test_two_sources_read_one_file_at_a_time(self) -> None:
        """Two syncs of one source may run together."""
        async with self.opened(threads=1) as one, self.opened(threads=2) as two:
            query = "select count(*) as n from people"
            assert (await one.preview(query, 1)).to_pylist() == (await two.preview(query, 1)).to_pylist() == [{"n": 10}]

    async def test_values_that_cannot_be_told_are_null_and_counted(self) -> None:
        """Infinite and impossible dates become null; a note names the column."""
        async with self.opened() as source:
            [batch] = [
                batch
                async for batch in source.read(
                    "select 'infinity'::timestamptz a, '-infinity'::timestamp b, 'infinity'::date c, "
                    "'infinity'::timestamp_ns d, '24:00:00'::time e, now() f"
                )
            ]
        assert [column.null_count for column in batch.columns] == [1, 1, 1, 1, 1, 0]
        assert sorted(note.split(":")[0] for note in source.notes) == [f"Column '{name}'" for name in "abcde"]

    async def test_a_sort_larger_than_the_memory_goes_to_disk(self) -> None:
        """memory_limit bounds a query, which then uses the state folder, and leaves nothing there."""
        sql = "select range as n, hash(range)::varchar as label from range(1000000) order by label"
        async with self.opened(memory_limit="60MB", threads=1) as source:
            rows = [batch.num_rows async for batch in source.read(sql)]
        assert sum(rows) == 1_000_000
        assert list((self.folder / "home").iterdir()) == []

    async def test_a_file_may_have_any_name(self) -> None:
        """Also names that DuckDB uses itself, and names to be quoted."""
        for name in ("temp.duckdb", "main.db", 'my "own" shop.duckdb'):
            with duckdb.connect() as connection:
                connection.execute(f"attach '{self.folder / name}' as made; create table made.t as select 1 as n")
            async with self.opened(path=name) as source:
                assert (await source.preview("select n from t", 1)).to_pylist() == [{"n": 1}]

    async def test_an_empty_database_is_a_warning(self) -> None:
        """No tables yet: it may be the wrong file."""
        duckdb.connect(str(self.folder / "new.duckdb")).close()
        async with self.opened(path="new.duckdb") as source:
            check = await source.check()
        assert check.ok
        assert "has no tables yet" in check.warnings[0]
