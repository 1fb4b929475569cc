"""What the sources share: places in a query, wrapping, plain columns, the spool, and light imports."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Generator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.calls.batch import JSON_FIELD
from headrace.errors import QueryError, SourceError, StageFull
from headrace.model import Check
from headrace.sources.plain import Faithful, PlainColumns, iso_duration
from headrace.sources.spool import Spool
from headrace.sources.sql import Result, SqlSource, place, wrap

CELLS = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()


@given(st.text(alphabet="ab😀\n", max_size=40), st.integers(0, 40))
def test_a_place_leads_back_to_its_character(sql: str, offset: int) -> None:
    """Line and column count from 1, in characters; walking there finds the same character."""
    offset = min(offset, len(sql))
    line, column = place(sql, offset)
    before = sql.split("\n")[: line - 1]
    assert sum(len(text) + 1 for text in before) + column - 1 == offset


def test_wrapping_tells_how_far_the_text_moved() -> None:
    """The user's text stands unchanged in the wrapped statement, after as many characters as told."""
    sql = "select 1 -- {} )"
    text, prefix = wrap(sql, ["{}", "{}::text"], 5)
    assert text[prefix:].startswith(f"{sql}\n)")
    assert text == f"select c0, c1::text from (\n{sql}\n) as q(c0, c1) limit 5"


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        ((0, 0, 0), "PT0S"),
        ((14, 3, 14_706_700_000_000), "P1Y2M3DT4H5M6.7S"),
        ((-14, 0, 0), "P-1Y-2M"),
        ((0, 1, -500_000_000), "P1DT-0.5S"),
        ((0, 0, -3_661_000_000_000), "PT-1H-1M-1S"),
        ((0, 0, 1), "PT0.000000001S"),
        ((0, 40, 3_600_000_000_000 * 30), "P40DT30H"),
    ],
)
def test_intervals_in_iso_8601(interval: tuple[int, int, int], text: str) -> None:
    """Months, days and seconds stay apart, each with its own sign: a month has no fixed length."""
    assert iso_duration(*interval) == text


def plain(array: pa.Array, mark: Any = None) -> tuple[pa.Array, Counter[str]]:
    notes: Counter[str] = Counter()
    batch = pa.RecordBatch.from_arrays([array], ["c"])
    return PlainColumns(batch.schema, ["c"], [Faithful(mark=mark)], notes)(batch).column(0), notes


def test_types_of_drivers_become_plain() -> None:
    """Dictionaries, views, nulls, intervals and extension types become text; others stay."""
    words = pa.array(["a", None, "a"])
    assert plain(words.dictionary_encode())[0].equals(words)
    assert plain(words.cast(pa.string_view()))[0].equals(words)
    assert plain(pa.nulls(2))[0].equals(pa.array([None, None], pa.string()))
    assert plain(pa.array([None, (1, 2, 3_000_000_000)], pa.month_day_nano_interval()))[0].to_pylist() == [
        None,
        "P1M2DT3S",
    ]
    assert plain(pa.ExtensionArray.from_storage(pa.json_(), words))[0].equals(words)
    assert plain(pa.array([1, None]))[0].equals(pa.array([1, None]))


def test_json_is_strict() -> None:
    """NaN and infinities in JSON become null; words that only look like them, and big integers, stay."""
    array = pa.array(
        ['{"a": [NaN, -Infinity]}', None, '{"NaN": "Infinity"}', "[123456789012345678901234567890, NaN]", "{}"]
    )
    assert plain(array, JSON_FIELD)[0].to_pylist() == [
        '{"a": [null, null]}',
        None,
        '{"NaN": "Infinity"}',
        "[123456789012345678901234567890, null]",
        "{}",
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_the_calendar_s_ends_are_in_it(unit: str) -> None:
    """The first and the last moment of the years 1 to 9999 stay; the moments beside them become null."""
    scale = {"s": 1, "ms": 1000, "us": 1_000_000}[unit]
    first, last = -62_135_596_800 * scale, 253_402_300_800 * scale - 1
    array, notes = plain(pa.array([first - 1, first, None, last, last + 1], pa.timestamp(unit)))
    assert array.cast(pa.int64()).to_pylist() == [None, first, None, last, None]
    assert list(notes.values()) == [2]


@given(st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=4))
def test_the_spool_gives_back_what_it_was_given(columns: list[list[Any]]) -> None:
    """Whatever the rows, in whatever portions, they come back in order and unchanged."""
    rows = [(cell,) for column in columns for cell in column]
    spool = Spool(["c"], Path("unused-while-it-fits-in-memory"))
    for column in columns:
        spool.add([(cell,) for cell in column])
    assert [row for portion in spool.rows() for row in portion] == rows
    spool.close()


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the state folder is full the run ends with StageFull."""
    spool = Spool(["c"], tmp_path)

    def full(_: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool._file, "write", full)
    with pytest.raises(StageFull, match="No space left on device"):
        spool.add([("x",)])
    spool.close()


class Quiet:
    """A session whose rows just end when they are interrupted, as some drivers' do."""

    notes: Mapping[str, int] = {}
    errors: tuple[type[Exception], ...] = ()

    def __init__(self) -> None:
        self.interrupted = threading.Event()

    def now(self) -> datetime:
        raise NotImplementedError

    def run(self, sql: str, limit: int | None) -> Result:
        batch = pa.RecordBatch.from_pydict({"n": [1]})

        def batches() -> Generator[pa.RecordBatch, None, None]:
            yield batch
            self.interrupted.wait(20)

        return Result(batch.schema, batches())

    def interrupt(self) -> None:
        self.interrupted.set()

    def explain(self, error: Exception, sql: str) -> SourceError:
        raise NotImplementedError

    def close(self) -> None: ...


async def test_a_result_that_just_ends_when_its_time_is_up_is_no_result() -> None:
    """Rows that end because they were interrupted are never taken for all of them, whatever the driver says."""
    source = SqlSource(Quiet, Check, timeout=0.05)
    with pytest.raises(QueryError, match=r"ran longer than 0\.05 seconds"):
        assert [batch.num_rows async for batch in source.read("select 1")] == []
    await source.close()


def test_a_connector_s_declaration_loads_no_driver() -> None:
    """Reading a configuration must be quick: drivers are imported when their source is opened."""
    modules = ", ".join(f"headrace.sources.{name}" for name in ("postgresql", "duckdb", "sqlite", "files"))
    program = (
        f"import sys, {modules}; print([m for m in ('duckdb', 'adbc_driver_manager', 'psycopg') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
