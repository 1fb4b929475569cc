"""The files source, against real files."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.connector import Spec
from headrace.errors import QueryError, SourceError
from headrace.ports import Source
from headrace.sources.files import SPEC
from headrace.testing.source_contract import SourceContract, Typed

Make = Callable[[Spec, Mapping[str, Any]], Source]
SAMPLE = 210_000  # rows after which a CSV column's type could be guessed wrongly


class TestFiles(SourceContract):
    catalog = SPEC.catalog_query({}), ("main", "people", "id BIGINT, name VARCHAR")
    series = "select range + 1 as n, 'row ' || n as label from range({rows})"
    slow = "select count(*) from range(1000000000000) where range % 7 = 8"
    fails_late = "select case when range = 900000 then error('late') else range end as n from range(1000000)"
    wrong = (
        ("select nope from people", 1, 8, 'Referenced column "nope" not found'),
        ("select 1,\n  'ü😀', nope\nfrom people", 2, 9, "nope"),
        ("selec 1 from people", 1, 1, 'syntax error at or near "selec"'),
        ("select * from nobody", 1, 15, "The tables are: people"),
    )
    writes = (
        "insert into people values (11, 'x')",
        "delete from people",
        "create table more (n int)",
        "create view more as select 1",
        "drop view people",
        "copy (select 1) to 'people.csv'",
        "copy people to 'data/people.csv'",
        "attach 'other.duckdb' as other",
        "set allowed_paths = ['/etc/passwd']",
        "set enable_external_access = true",
        "reset lock_configuration",
        "load httpfs",
        "select * from '/etc/passwd'",
        "select * from read_text('/etc/passwd')",
        "select * from read_csv('other.csv')",
        "select * from read_csv('data/../../*')",
        "select * from glob('*')",
        "select * from self",
        "select * from settings",
    )
    types = (
        Typed("9223372036854775807", pa.int64(), 9223372036854775807),
        Typed("9223372036854775808::hugeint", pa.string(), "9223372036854775808", NUMERIC_FIELD),
        Typed("true", pa.bool_(), True),
        Typed("'2026-01-02'::date", pa.date32(), date(2026, 1, 2)),
        Typed("""'{"a":1}'::json""", pa.string(), '{"a":1}', JSON_FIELD),
        Typed("{'a': 1}", pa.string(), '{"a":1}', JSON_FIELD),
        Typed("null", pa.string(), None),
    )

    @pytest.fixture(autouse=True)
    def _given(self, tmp_path: Path, make: Make) -> None:
        self.folder, self.make = tmp_path, make
        self.write("data/people.csv", "id,name\n1,Ada\n2,Zoë\n")
        self.write("other.csv", "a\n1\n")

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def parquet(self, name: str, **columns: list[Any]) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), self.folder / name)

    def source(self, **settings: Any) -> Source:
        return self.make(SPEC, {"path": "data", **settings})

    async def rows(self, sql: str, **settings: Any) -> list[dict[str, Any]]:
        async with self.opened(**settings) as source:
            rows: list[dict[str, Any]] = pa.Table.from_batches([batch async for batch in source.read(sql)]).to_pylist()
            return rows

    def contents(self) -> object:
        files = [path for path in self.folder.rglob("*") if path.is_file() and "home" not in path.parts]
        return sorted((str(path), path.read_bytes()) for path in files)

    def broken(self) -> Sequence[tuple[Mapping[str, Any], str]]:
        (self.folder / "empty").mkdir()
        self.write("two/people.csv", "a\n1\n")
        self.write("two/people.tsv", "a\n1\n")
        self.write("mixed/t/a.csv", "a\n1\n")
        self.parquet("mixed/t/b.parquet", a=[1])
        return (
            ({"path": "missing"}, "The folder 'missing' does not exist"),
            ({"path": "data/people.csv"}, "is a file, not a folder"),
            ({"path": "empty"}, "holds no files ending in .csv"),
            ({"path": "two"}, "Two things would be the table 'people': 'people.csv' and 'people.tsv'"),
            ({"path": "mixed"}, "Table 't': 't' holds csv and parquet"),
            ({"path": None, "tables": {"p": "data/*.parquet"}}, "Table 'p': no file matches 'data/*.parquet'"),
            ({"memory_limit": "lots"}, "Check `memory_limit`"),
        )

    async def test_each_file_and_each_folder_is_a_table(self) -> None:
        """All formats, compressed ones too; names become identifiers; what is hidden or unknown is left out."""
        self.write("data/Übersicht 2024-v[1].tsv", "a\tb\n1\tx\n")
        self.write("data/{odd}.CSV", 'a,b\n1,"{}"\n')
        self.write("data/2024.jsonl", '{"a": 1}\n{"a": 2.5, "late": {"k": [1]}}\n')
        self.write("data/README.md", "no table")
        self.write("data/.hidden.csv", "a\n1\n")
        with gzip.open(self.folder / "data/packed.csv.gz", "wt") as packed:
            packed.write("a;b\n1;x\n")
        self.parquet("data/orders/2025/one.parquet", n=[1, 2])
        self.parquet("data/orders/two.parquet", n=[3])
        assert await self.rows("select * from Übersicht_2024_v_1_") == [{"a": 1, "b": "x"}]
        assert await self.rows("select * from _odd_") == [{"a": 1, "b": "{}"}]
        assert await self.rows("select * from packed") == [{"a": 1, "b": "x"}]
        assert await self.rows("from _2024") == [{"a": 1.0, "late": None}, {"a": 2.5, "late": '{"k":[1]}'}]
        assert await self.rows("select * from ORDERS order by n") == [{"n": 1}, {"n": 2}, {"n": 3}]
        async with self.opened() as source:
            check = await source.check()
        assert check.facts["tables"] == "_2024, orders, packed, people, _odd_, Übersicht_2024_v_1_"

    async def test_tables_by_pattern(self) -> None:
        """`tables` names tables and their files; only these can be read."""
        self.parquet("lake/a/people-1.parquet", n=[1])
        self.parquet("lake/b/people-2.parquet", n=[2])
        settings = {"path": None, "tables": {"My people": "lake/**/people-*.parquet"}}
        assert await self.rows('select * from "My people" order by n', **settings) == [{"n": 1}, {"n": 2}]
        with pytest.raises(QueryError, match="Only the tables of this source can be read"):
            await self.rows(f"select * from read_csv('{self.folder}/other.csv') -- \"My people\"", **settings)

    async def test_name_and_time_of_the_file(self) -> None:
        """t_with_file has two more columns, by which changed files can be chosen; t has not."""
        for name, year in (("old", 2020), ("new", 2026)):
            self.parquet(f"data/orders/{name}.parquet", n=[year])
            stamp = datetime(year, 1, 2, 3, 4, 5, 250_000, UTC).timestamp()
            os.utime(self.folder / f"data/orders/{name}.parquet", (stamp, stamp))
        sql = "select * from orders_with_file where epoch(_file_modified_at) > 1600000000"
        assert await self.rows(sql) == [
            {
                "n": 2026,
                "_file_name": "data/orders/new.parquet",
                "_file_modified_at": datetime(2026, 1, 2, 3, 4, 5, 250_000, UTC),
            }
        ]
        assert await self.rows("select * from orders where n = 2020") == [{"n": 2020}]

    @pytest.mark.parametrize(
        ("usual", "late", "kind"),
        [
            ("7", "1.5", pa.string()),
            ("7", "00501", pa.string()),
            ("7", "1e3", pa.string()),
            ("7", "12345678901234567890", pa.string()),
            ("7", "", pa.int64()),
            ("7", "-8", pa.int64()),
            ("1.5", "007", pa.string()),
            ("1.5", "n/a", pa.string()),
            ("1.5", "-0.5", pa.float64()),
            ("true", "maybe", pa.string()),
            ("2026-01-02", "2026-01-02 10:00:00", pa.string()),
            ("2026-01-02 10:00:00", "2026-01-02 10:00:00+02", pa.string()),
        ],
    )
    async def test_no_value_of_a_csv_file_is_bent_to_a_guessed_type(
        self, usual: str, late: str, kind: pa.DataType
    ) -> None:
        """A value that comes after the sample, and would lose something in the guessed type, makes the column text."""
        self.write("data/t.csv", "id,v\n" + f"1,{usual}\n" * SAMPLE + f"2,{late}\n")
        async with self.opened() as source:
            table = pa.Table.from_batches([batch async for batch in source.read("select v from t")])
        assert table.schema.field("v").type == kind
        value = table["v"][-1].as_py()
        assert value == (float(late) if late and kind != pa.string() else late or None)

    async def test_no_value_of_a_json_file_is_bent_to_a_guessed_type(self) -> None:
        """Keys and fractions that come late in an NDJSON file are seen."""
        self.write("data/t.ndjson", '{"v": 1}\n' * 30_000 + '{"v": 1.5, "w": "late"}\n')
        assert await self.rows("select * from t where v <> 1") == [{"v": 1.5, "w": "late"}]

    async def test_json_keys_that_differ_in_case(self) -> None:
        """DuckDB's names do not differ in case alone: the second key gets a number, and keeps its values."""
        self.write("data/t.ndjson", '{"a": 1, "A": "x"}\n')
        assert await self.rows("select * from t") == [{"a": 1, "A_1": "x"}]

    async def test_a_quote_after_the_sample(self) -> None:
        """A quoted value with a comma and a line's end is one value, even if no row before had quotes."""
        self.write("data/t.csv", "id,v\n" + "1,x\n" * SAMPLE + '2,"a, ""b""\nc"\n')
        assert await self.rows("select v from t where id = 2") == [{"v": 'a, "b"\nc'}]

    async def test_csv_options(self) -> None:
        """`csv` says how to read what guessing gets wrong."""
        self.write("data/t.csv", "1|05.06.2026\n2|01.02.2026\n")
        csv = {"header": False, "delim": "|", "types": {"column0": "VARCHAR"}, "dateformat": "%d.%m.%Y"}
        assert await self.rows("select * from t", csv=csv) == [
            {"column0": "1", "column1": date(2026, 6, 5)},
            {"column0": "2", "column1": date(2026, 2, 1)},
        ]

    async def test_a_csv_file_with_a_header_only(self) -> None:
        """No rows yet: the columns are known."""
        self.write("data/t.csv", "id,name\n")
        async with self.opened() as source:
            [batch] = [batch async for batch in source.read("select * from t")]
        assert (batch.num_rows, batch.schema.names) == (0, ["id", "name"])

    @pytest.mark.parametrize(
        ("files", "words"),
        [
            (
                {"a.csv": "id,name\n1,x\n", "b.csv": "id,other\n1,x\n"},
                "'a.csv' has the columns id,name, and 'b.csv' has",
            ),
            ({"a.csv": "id\n1\n", "b.csv": "id,more\n1,x\n"}, "'b.csv' has id,more"),
            ({"a.csv": "a,b\n1,2,3\n4\n"}, "rows have different numbers of columns"),
            ({"a.ndjson": '{"a": 1}\n{"a": \n'}, "Malformed JSON"),
            ({"a.parquet": "not parquet at all"}, "Mend the files"),
        ],
    )
    async def test_files_that_make_no_table_are_told(self, files: Mapping[str, str], words: str) -> None:
        """Files of different columns and broken files are told by the check and by a run, naming table and file."""
        for name, text in files.items():
            self.write(f"data/t/{name}", text)
        async with self.opened() as source:
            [problem] = (await source.check()).problems
            with pytest.raises(SourceError) as caught:
                await source.preview("select * from t", 1)
        assert problem == caught.value.message
        assert problem.startswith("Table 't' cannot be read from 'data/t/a.")
        assert words in problem

    async def test_parquet_files_of_different_types_are_told(self) -> None:
        """DuckDB would round the second file's values to the first file's type."""
        self.parquet("data/t/a.parquet", n=[1])
        self.parquet("data/t/b.parquet", n=[1.5])
        async with self.opened() as source:
            [problem] = (await source.check()).problems
        assert "'a.parquet' has the columns n BIGINT, and 'b.parquet' has n DOUBLE" in problem

    async def test_empty_files_among_others_are_passed_over(self) -> None:
        """A file of no bytes, as some exports leave behind, has no columns to agree."""
        self.write("data/t/a.csv", "")
        self.write("data/t/b.csv", "n\n1\n")
        assert await self.rows("select * from t") == [{"n": 1}]

    async def test_one_bad_table_does_not_hide_the_others(self) -> None:
        """A query reads the tables it names; a broken one beside them does no harm."""
        self.write("data/bad.parquet", "not parquet at all")
        assert len(await self.rows("select * from people")) == 2
        assert {"name": "people"} in await self.rows("show tables")

    async def test_files_that_come_after_now_are_left_to_the_next_run(self) -> None:
        """`now` is told from before the files were listed, so that no file is newer and yet unread."""
        async with self.opened() as source:
            moment = await source.now()
            late = self.write("data/late.csv", "a\n1\n")
            stamp = moment.timestamp() + 1
            os.utime(late, (stamp, stamp))
            with pytest.raises(QueryError, match="late does not exist"):
                await source.preview("select * from late", 1)

    async def test_parquet_types(self) -> None:
        """Types of a Parquet file arrive as they are."""
        moment = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
        with duckdb.connect() as connection:
            connection.execute(
                f"copy (select '{moment.isoformat()}'::timestamptz as at, [1, 2] as l, {{'k': 1}} as s, uuid() as u, "
                f"'x'::blob as b) to '{self.folder}/data/t.parquet'"
            )
        [row] = await self.rows("select * exclude (u), length(u::varchar) as u from t")
        assert row == {"at": moment, "l": [1, 2], "s": '{"k":1}', "b": b"x", "u": 36}


def test_rules_between_fields() -> None:
    """A folder or tables must be named, and `csv` knows its options."""
    assert SPEC.validate is not None
    assert [field for field, _ in SPEC.validate({})] == ["path"]
    [(field, message)] = SPEC.validate({"path": "data", "csv": {"delimiter": ";"}})
    assert field == "csv"
    assert message.startswith("has no option 'delimiter'; it knows")
    assert SPEC.validate({"tables": {"a": "b.csv"}, "csv": {"delim": ";"}}) == []
