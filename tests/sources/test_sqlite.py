"""The SQLite source, against real database files."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headrace.calls.batch import NUMERIC_FIELD
from headrace.connector import Spec
from headrace.errors import QueryError, SourceError
from headrace.ports import Source
from headrace.sources.sqlite import SPEC
from headrace.testing.source_contract import SourceContract, Typed

Make = Callable[[Spec, Mapping[str, Any]], Source]
NUMBERS = "with recursive s(n) as (select 1 union all select n + 1 from s where n < {rows}) "
SCHEMA = """
create table people (id integer primary key, name text, active boolean, born date, price decimal(10, 2));
insert into people values (1, 'Ada', 1, '1815-12-10', 10), (2, 'Zoë', 0, null, 2.5);
create virtual table texts using fts5(body);
insert into texts values ('hello world');
"""


class TestSqlite(SourceContract):
    catalog = (
        SPEC.catalog_query({}),
        ("", "people", "id integer, name text, active boolean, born date, price decimal(10, 2)"),
    )
    series = NUMBERS + "select n, 'row ' || n as label from s"
    slow = NUMBERS.format(rows=1_000_000_000_000) + "select count(*) as n from s"
    fails_late = (
        NUMBERS.format(rows=50_000) + "select json_extract(case when n = 49000 then '{' else '1' end, '$') as n from s"
    )
    plenty = 100_000  # it sees all rows before it gives the first
    many = 1_000_000  # and puts them aside on disk
    wrong = (
        ("select nope from people", 1, 8, "no such column: nope"),
        ("select 1,\n  'ü😀', nope\nfrom people", 2, 9, "nope"),
        ("selec 1", 1, 1, 'near "selec": syntax error'),
        ("select 'wher', 1\nfrom people wher\nwher id = 1", 3, 1, 'near "wher": syntax error'),
        ("select * from nobody", 1, 15, "no such table: nobody"),
        ("select nope, 'nope' from people", None, None, "no such column: nope"),
        ("select (1", None, None, "incomplete input"),
        ("select ? as a", None, None, "bindings"),
    )
    writes = (
        "insert into people (name) values ('x')",
        "insert into people (name) values ('x') returning id",
        "with x as (select 1) insert into people (id) select * from x",
        "update people set name = 'x'",
        "delete from people",
        "create table more (n)",
        "create temp table more (n)",
        "create trigger t after insert on people begin select 1; end",
        "drop table people",
        "attach 'other.db' as other",
        "attach ':memory:' as other",
        "detach main",
        "pragma query_only = 0",
        "pragma journal_mode = delete",
        "pragma writable_schema = 1",
        "update sqlite_master set sql = ''",
        "begin immediate",
        "commit",
        "rollback",
        "savepoint s",
        "vacuum into 'copy.db'",
        "reindex",
        "analyze",
        "select load_extension('x')",
        "select writefile('x', 'y')",
    )
    types = (
        Typed("9223372036854775807", pa.int64(), 9223372036854775807),
        Typed("-1", pa.int64(), -1),
        Typed("0.1", pa.float64(), 0.1),
        Typed("9e999", pa.float64(), float("inf")),
        Typed("true", pa.int64(), 1),
        Typed("'text'", pa.string(), "text"),
        Typed("x'00ff'", pa.binary(), b"\x00\xff"),
        Typed("date('2026-01-02')", pa.string(), "2026-01-02"),
        Typed("json_object('a', 1)", pa.string(), '{"a":1}'),
        Typed("null", pa.string(), None),
    )

    @pytest.fixture(autouse=True)
    def _given(self, tmp_path: Path, make: Make) -> None:
        self.folder, self.make = tmp_path, make
        self.fill("app ?#%.db", SCHEMA)

    def fill(self, name: str, sql: str) -> None:
        connection = sqlite3.connect(self.folder / name)
        connection.executescript(sql)
        connection.close()

    def source(self, **settings: Any) -> Source:
        return self.make(SPEC, {"path": "app ?#%.db", **settings})

    def contents(self) -> object:
        files = sorted(path.name for path in self.folder.iterdir() if path.name != "home")
        return files, (self.folder / "app ?#%.db").read_bytes()

    def broken(self) -> Sequence[tuple[Mapping[str, Any], str]]:
        (self.folder / "notes.txt").write_text("not a database\n" * 1000)
        return (
            ({"path": "missing.db"}, "There is no file 'missing.db'"),
            ({"path": "."}, "'.' is a folder"),
            ({"path": "notes.txt"}, "'notes.txt' is not a SQLite database"),
        )

    async def test_a_column_has_the_type_of_all_its_values(self) -> None:
        """Types are found from all rows, however late a value of another kind comes."""

        async def columns(expression: str) -> pa.RecordBatch:
            async with self.opened() as source:
                sql = NUMBERS.format(rows=40_000) + f"select {expression} as c from s"
                batches = [batch async for batch in source.read(sql)]
                self.notes = dict(source.notes)
                return pa.Table.from_batches(batches)["c"]

        numbers = await columns("case when n < 40000 then n else 0.5 end")
        assert (numbers[0].as_py(), numbers[-1].as_py(), numbers.type) == ("1", "0.5", pa.string())
        words = await columns("case when n < 40000 then n else 'many' end")
        assert (words[0].as_py(), words[-1].as_py(), words.type) == ("1", "many", pa.string())
        assert list(self.notes.values()) == [39_999]
        late = await columns("case when n = 40000 then 'only' end")
        assert (late.null_count, late[-1].as_py()) == (39_999, "only")
        with pytest.raises(QueryError, match=r"Column 'c' holds BLOBs among other values.*CAST\(c AS TEXT\)"):
            await columns("case when n < 40000 then n else x'00' end")

    async def test_numbers_of_two_kinds_are_exact(self) -> None:
        """A DECIMAL column holds integers and floats; both become decimal text, marked as a number."""
        async with self.opened() as source:
            [batch] = [batch async for batch in source.read("select price, 9e999 * id as big from people")]
        assert batch.schema.field("price").metadata == NUMERIC_FIELD
        assert batch["price"].to_pylist() == ["10", "2.5"]

    async def test_text_that_is_not_utf8_is_told(self) -> None:
        """Text in another encoding is an error that names the column and the way out, not garbage."""
        self.fill("old.db", "create table t (name text); insert into t values (cast(x'4dfc' as text))")
        async with self.opened(path="old.db") as source:
            with pytest.raises(QueryError, match="column 'name' holds text that is not UTF-8") as caught:
                await source.preview("select name from t", 1)
            assert caught.value.code == "bad_text"
            assert (await source.preview("select hex(name) as h from t", 1)).to_pylist() == [{"h": "4DFC"}]

    async def test_a_database_in_wal_mode_is_read_while_it_is_written(self) -> None:
        """A writer at work does not stop the reader, who sees what was committed when `now` was asked."""
        self.fill("wal.db", "pragma journal_mode = wal; create table t (n); insert into t values (1)")
        writer = sqlite3.connect(self.folder / "wal.db", isolation_level=None)
        writer.execute("begin immediate")
        writer.execute("insert into t values (2)")
        async with self.opened(path="wal.db") as source:
            await source.now()
            writer.execute("commit")
            assert (await source.preview("select count(*) as n from t", 1)).to_pylist() == [{"n": 1}]
            await source.now()
            assert (await source.preview("select count(*) as n from t", 1)).to_pylist() == [{"n": 2}]
        writer.close()

    async def test_a_locked_database_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A writer that holds the whole file is told as such."""
        monkeypatch.setattr("headrace.sources.sqlite._WAIT_FOR_WRITER", 0.0)
        writer = sqlite3.connect(self.folder / "app ?#%.db", isolation_level=None)
        writer.execute("begin exclusive")
        async with self.opened() as source:
            with pytest.raises(SourceError, match="is locked by a program that writes to it") as caught:
                await source.now()
        writer.close()
        assert caught.value.code == "locked"

    async def test_full_text_search_works(self) -> None:
        """A full-text table asks for more rights than others, and is still only read."""
        assert await self.rows("select body from texts where texts match 'hello'") == [{"body": "hello world"}]

    async def test_an_empty_database_is_a_warning(self) -> None:
        """No tables yet: it may be the wrong file."""
        self.fill("new.db", "vacuum")
        async with self.opened(path="new.db") as source:
            check = await source.check()
        assert check.ok
        assert "has no tables yet" in check.warnings[0]
