"""The contract of `headrace.ports.Source` as a test class: subclass it, fill in the dialect, and it runs everything.

class TestMyDatabase(SourceContract):
    def source(self, **settings): return MySource({**WORKING, **settings}, tools)
    series = "select n, 'row ' || n as label from generate_series(1, {rows}) as n"
    …
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headrace.errors import QueryError, SourceError
from headrace.ports import Source
from headrace.sources.catalog import read_catalog

PROMPT = 20  # seconds in which anything that ends at once has ended, on the slowest machine
MOST_ROWS = 65_536


@dataclass(frozen=True)
class Typed:
    """An SQL expression and the plain column it must become."""

    sql: str
    type: pa.DataType
    value: Any
    mark: Mapping[bytes, bytes] | None = None


class SourceContract(ABC):
    """All that the engine relies on in a source."""

    series: ClassVar[str]
    """A query for the columns n (1 to ``{rows}``, in order) and label (``row 1`` …), computed row by row."""

    slow: ClassVar[str]
    """A query that computes for longer than anybody waits, and returns nothing before."""

    fails_late: ClassVar[str]
    """A query that is correct, and fails on a row after many others."""

    wrong: ClassVar[Sequence[tuple[str, int | None, int | None, str]]]
    """Queries with a fault: the text, line and column that must be told (None: not known), a word of the message."""

    writes: ClassVar[Sequence[str]]
    """Statements that would change or reach something; each must be refused."""

    types: ClassVar[Sequence[Typed]]
    """Every type of the database, with the values that are easily lost."""

    catalog: ClassVar[tuple[str, tuple[str, str, str]] | None] = None
    """The connector's `Spec.catalog_query`, and a table that it must tell: schema, name, ``id bigint, name text``."""

    longest_name: ClassVar[int] = 128  # characters of a column name that the database allows

    names: ClassVar[Sequence[str]] = (
        "cart.items.0", 'say "hi"', "it's", " a b ", "{}", "UserId", "straße 名前 😀",
    )  # fmt: skip
    """Awkward column names, as far as the database allows them."""

    equal_names: ClassVar[bool] = True  # False: the database itself refuses two columns of one name

    quote: ClassVar[str] = '"'  # around a name; doubled inside it

    many: ClassVar[int] = 5_000_000
    """Rows of the longest result that is read to its end; fewer where a stand-in for the database cannot give them."""

    endless: ClassVar[int] = 1_000_000_000
    """Rows of a result of which only the first are previewed; fewer where a stand-in must make all of them."""

    plenty: ClassVar[int] = 1_000_000_000
    """Rows that nobody waits for; fewer for a source that must see all rows before it gives the first."""

    @abstractmethod
    def source(self, **settings: Any) -> Source:
        """A new source on a working database; ``settings`` go over the usual ones."""

    @abstractmethod
    def contents(self) -> object:
        """All that a statement in `writes` could change, to compare before and after."""

    @abstractmethod
    def broken(self) -> Sequence[tuple[Mapping[str, Any], str]]:
        """Settings with a fault, and words that the check must say of it."""

    def running(self) -> int:
        """How many statements of ours still run in the database."""
        return 0

    def literal(self, text: str) -> str:
        """Text as the database's SQL writes it."""
        return "'" + text.replace("'", "''") + "'"

    def null(self, sql: str) -> str:
        """NULL of the type that ``sql`` has."""
        return f"case when 1 = 0 then {sql} end"

    def _quoted(self, name: str) -> str:
        return self.quote + name.replace(self.quote, 2 * self.quote) + self.quote

    @asynccontextmanager
    async def opened(self, **settings: Any) -> AsyncIterator[Source]:
        """A source that is closed afterwards."""
        source = self.source(**settings)
        try:
            yield source
        finally:
            await source.close()

    async def rows(self, sql: str) -> list[dict[str, Any]]:
        async with self.opened() as source:
            rows: list[dict[str, Any]] = pa.Table.from_batches([batch async for batch in source.read(sql)]).to_pylist()
            return rows

    # ------------------------------------------------------------------------------------------------ what is read

    async def test_every_type_arrives_as_it_is(self) -> None:
        """Each type becomes its plain Arrow type, with the value unchanged and its mark in the field."""
        sql = "select " + ", ".join(f"{typed.sql} as c{number}" for number, typed in enumerate(self.types))
        async with self.opened() as source:
            table = pa.Table.from_batches([batch async for batch in source.read(sql)])
        lost = [
            (typed, field, column[0].as_py())
            for typed, field, column in zip(self.types, table.schema, table.columns, strict=True)
            if (field.type, field.metadata) != (typed.type, typed.mark) or not _same(column[0].as_py(), typed.value)
        ]
        assert lost == []

    async def test_null_of_every_type_is_null(self) -> None:
        """NULL stays null, whatever the type."""
        sql = "select " + ", ".join(f"{self.null(typed.sql)} as c{n}" for n, typed in enumerate(self.types))
        assert await self.rows(sql) == [{f"c{number}": None for number in range(len(self.types))}]

    async def test_column_names_are_passed_on(self) -> None:
        """Dots, quotes, spaces, brackets, capitals, other scripts and the longest name arrive letter by letter."""
        names = [*self.names, "x" * self.longest_name]
        [row] = await self.rows("select " + ", ".join(f"{n} as {self._quoted(name)}" for n, name in enumerate(names)))
        assert list(row.items()) == [(name, number) for number, name in enumerate(names)]

    async def test_equal_column_names_are_passed_on(self) -> None:
        """The mapping judges equal names; the source neither drops nor renames them. Or the database refuses them."""
        sql = "select 1 as a, 'x' as a, 3 as b"
        async with self.opened() as source:
            if not self.equal_names:
                with pytest.raises(QueryError, match=r"(?i)duplicate"):
                    await anext(source.read(sql))
                return
            [batch] = [batch async for batch in source.read(sql)]
            shown = await source.preview(sql, 5)
        assert batch.schema.names == shown.schema.names == ["a", "a", "b"]
        assert [column[0].as_py() for column in batch.columns] == [1, "x", 3]

    @pytest.mark.parametrize(
        "text", ["", "it's \\n \\\\", "line\nend\r\n\ttab", "名前 😀 é e\u0301 \u202eright", "'; --", "NaN"]
    )
    async def test_text_is_passed_on(self, text: str) -> None:
        """Text of any script arrives character by character."""
        assert await self.rows(f"select {self.literal(text)} as t") == [{"t": text}]

    async def test_an_empty_result_has_columns(self) -> None:
        """One batch without rows tells the columns and their types."""
        async with self.opened() as source:
            batches = [
                batch async for batch in source.read(f"select * from ({self.series.format(rows=5)}) as s where n > 5")
            ]
        assert [(batch.num_rows, batch.schema.names) for batch in batches] == [(0, ["n", "label"])]

    async def test_many_rows_come_in_order_and_in_small_batches(self) -> None:
        """200,000 rows arrive in the order of the query, in batches of at most 65,536."""
        async with self.opened() as source:
            batches = [batch async for batch in source.read(self.series.format(rows=200_000))]
        assert max(batch.num_rows for batch in batches) <= MOST_ROWS
        table = pa.Table.from_batches(batches)
        assert table["n"].to_pylist() == list(range(1, 200_001))
        assert table["label"][-1].as_py() == "row 200000"

    async def test_millions_of_rows_arrive_whole(self) -> None:
        """Millions of rows arrive, each once; at no time more than a few batches of them exist."""
        count, total, most = 0, 0, 0
        before = pa.total_allocated_bytes()
        async with self.opened() as source, aclosing(source.read(self.series.format(rows=self.many))) as batches:
            async for batch in batches:
                count += batch.num_rows
                total += pc.sum(batch["n"]).as_py()
                most = max(most, pa.total_allocated_bytes() - before)
        assert (count, total) == (self.many, self.many * (self.many + 1) // 2)
        assert most < 128 * 2**20

    @pytest.mark.parametrize("end", [" -- done", "\n-- done", " /* done */", "\n"])
    async def test_a_query_may_end_in_a_comment(self, end: str) -> None:
        """A comment after the query harms neither the run nor the preview."""
        sql = self.series.format(rows=2) + end
        async with self.opened() as source:
            read = pa.Table.from_batches([batch async for batch in source.read(sql)])
            assert read.to_pylist() == (await source.preview(sql, 9)).to_pylist()
        assert read["n"].to_pylist() == [1, 2]

    async def test_a_preview_takes_the_first_rows_only(self) -> None:
        """A preview of a result without end returns at once, with the first rows."""
        async with self.opened() as source, asyncio.timeout(PROMPT):
            table = await source.preview(self.series.format(rows=self.endless), 3)
            assert table["n"].to_pylist() == [1, 2, 3]
            assert (await source.preview(self.series.format(rows=2), 5)).num_rows == 2

    # ---------------------------------------------------------------------------------------------------- the clock

    async def test_now_is_the_time_in_utc(self) -> None:
        """The database's clock is told in UTC, and is not after the reading that follows."""
        before = datetime.now(UTC)
        async with self.opened() as source:
            moment = await source.now()
            assert [batch.num_rows async for batch in source.read(self.series.format(rows=1))] == [1]
        assert moment.utcoffset() == timedelta(0)
        assert before - timedelta(seconds=1) <= moment <= datetime.now(UTC)

    # -------------------------------------------------------------------------------------------------- the catalog

    async def test_the_catalog_tells_tables_and_columns(self) -> None:
        """Tables come whole, with the types of their columns in order; none of the database's own is among them."""
        if self.catalog is None:
            pytest.skip("the connector has no catalog, or the stand-in for its database has none")
        query, listed = self.catalog
        async with self.opened() as source:
            found = await read_catalog(source, query)
        told = [(one.schema, one.name, ", ".join(map(" ".join, one.columns))) for one in found.tables]
        assert listed in told, told
        names = [(table.schema, table.name) for table in found.tables]
        assert names == sorted(set(names))
        assert not {"information_schema", "pg_catalog", "sys", "system"} & {schema.lower() for schema, _ in names}
        assert not found.cut

    # --------------------------------------------------------------------------------------------- what ends a query

    async def test_a_consumer_that_stops_ends_the_statement(self) -> None:
        """After the first batch of a result without end, stopping returns at once and leaves nothing running."""
        async with self.opened() as source, asyncio.timeout(PROMPT):
            async with aclosing(source.read(self.series.format(rows=self.plenty))) as batches:
                assert (await anext(batches)).num_rows > 0
            assert self.running() == 0

    async def test_a_cancelled_consumer_ends_the_statement(self) -> None:
        """Cancelled while the database computes, even before it began, the reader ends and leaves nothing running."""
        async with self.opened() as source, asyncio.timeout(PROMPT):
            await source.now()
            reading = asyncio.ensure_future(anext(source.read(self.slow)))
            for _ in range(3):
                await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        assert self.running() == 0

    async def test_the_time_limit_ends_the_statement(self) -> None:
        """A query beyond statement_timeout is stopped, with an error that says how long it was allowed to run."""
        async with self.opened(statement_timeout=0.2) as source, asyncio.timeout(PROMPT):
            with pytest.raises(QueryError, match=r"longer than 0\.2 seconds") as caught:
                await anext(source.read(self.slow))
            assert caught.value.code == "query_timeout"
        assert self.running() == 0

    async def test_a_failure_amid_the_rows_is_the_query_s(self) -> None:
        """What fails on a late row is told as an error of the query, in the database's words."""
        async with self.opened() as source:
            with pytest.raises(QueryError):
                async for _ in source.read(self.fails_late):
                    pass

    async def test_a_wrong_query_tells_its_place(self) -> None:
        """Bad SQL raises a QueryError with the database's message, line and column; the source stays usable."""
        async with self.opened() as source:
            for sql, line, column, word in self.wrong:
                for attempt in (source.preview(sql, 5), anext(source.read(sql))):
                    with pytest.raises(QueryError) as caught:
                        await attempt
                    assert (caught.value.line, caught.value.column) == (line, column), caught.value.message
                    assert word in caught.value.message
            assert (await source.preview("select 1 as n", 5)).to_pylist() == [{"n": 1}]

    # ---------------------------------------------------------------------------------------------- it is only read

    async def test_nothing_can_be_written(self) -> None:
        """Whatever would change something is refused, in a run and in a preview, and changes nothing."""
        before = self.contents()
        async with self.opened() as source:
            for sql in self.writes:
                for attempt in (anext(source.read(sql)), source.preview(sql, 5)):
                    with pytest.raises(QueryError):
                        await attempt
        assert self.contents() == before

    @pytest.mark.parametrize("sql", ["select 1; select 2", "select 1 as a;\n-- then\nselect 2 as a"])
    async def test_two_statements_are_refused(self, sql: str) -> None:
        """Exactly one statement is run; of two, none."""
        async with self.opened() as source:
            for attempt in (source.preview(sql, 5), anext(source.read(sql))):
                with pytest.raises(QueryError) as caught:
                    await attempt
                assert caught.value.code == "one_statement"

    @pytest.mark.parametrize("sql", ["", " \n", "-- nothing"])
    async def test_no_statement_is_refused(self, sql: str) -> None:
        """A query without a statement is told as such."""
        async with self.opened() as source:
            with pytest.raises(QueryError):
                await source.preview(sql, 5)

    # ------------------------------------------------------------------------------------------ opening and closing

    async def test_closing_never_fails(self) -> None:
        """A source may be closed unopened, twice, after an error, and when its reader was left alone."""
        unopened = self.source()
        await unopened.close()
        failed = self.source()
        with pytest.raises(QueryError):
            await failed.preview("select from from", 1)
        await failed.close()
        await failed.close()
        left = self.source()
        batches = left.read(self.series.format(rows=self.plenty))
        await anext(batches)
        async with asyncio.timeout(PROMPT):
            await left.close()
        assert self.running() == 0

    async def test_the_check_of_a_working_source_is_clean(self) -> None:
        """A source that works has no problems, and tells what it is connected to."""
        async with self.opened() as source:
            check = await source.check()
        assert check.ok, check.problems
        assert check.facts["server"]

    async def test_the_check_says_what_is_wrong(self) -> None:
        """Each fault of the settings is told in a sentence with its fix; a run refuses with the same sentence."""
        for settings, words in self.broken():
            async with self.opened(**settings) as source:
                check = await source.check()
                assert len(check.problems) == 1, (settings, check)
                assert words in check.problems[0]
                with pytest.raises(SourceError) as caught:
                    await source.now()
                assert caught.value.message == check.problems[0]


def _same(found: Any, expected: Any) -> bool:
    """Equal, of one type; NaN is equal to NaN."""
    both_nan = isinstance(found, float) and isinstance(expected, float) and isnan(found) and isnan(expected)
    return both_nan or (type(found) is type(expected) and bool(found == expected))
