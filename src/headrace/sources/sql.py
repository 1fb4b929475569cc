"""What SQL sources share: a blocking session behind the async port, time limits, cancelling, places in a query."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from headrace.aio import in_thread, stream
from headrace.errors import QueryError, SourceError
from headrace.model import Check

BATCH_ROWS = 65_536
_INTERRUPT_AGAIN = 0.05  # seconds; an interrupt that comes just before its statement would be lost


@dataclass(frozen=True, slots=True)
class Result:
    """A running statement. Its columns are known at once; ``batches`` are fetched as they are asked for."""

    schema: pa.Schema
    batches: Generator[pa.RecordBatch, None, None]


class Session(Protocol):
    """One open connection. Blocking; one thread uses it at a time, only `interrupt` may come from another."""

    @property
    def notes(self) -> Mapping[str, int]: ...

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises; `explain` knows their meaning."""
        ...

    def now(self) -> datetime: ...

    def run(self, sql: str, limit: int | None) -> Result:
        """Start one read-only statement; with ``limit`` no more than its first rows are fetched."""
        ...

    def interrupt(self) -> None:
        """Make the running statement fail. Does nothing when none runs; may come more than once."""
        ...

    def explain(self, error: Exception, sql: str) -> SourceError:
        """What an error of the driver means, for the user who wrote ``sql``."""
        ...

    def close(self) -> None: ...


class SqlSource:
    """`headrace.ports.Source` over a `Session`.

    ``connect`` and ``check`` may raise `SourceError`, whose message the check then tells as a problem.
    ``timeout`` (seconds, 0: none) is for databases that cannot limit a statement's time themselves.
    """

    def __init__(self, connect: Callable[[], Session], check: Callable[[], Check], *, timeout: float = 0) -> None:
        self._connect = connect
        self._check = check
        self._timeout = timeout
        self._session: Session | None = None
        self._reading: AsyncGenerator[pa.RecordBatch, None] | None = None
        self.notes: Mapping[str, int] = {}

    async def check(self) -> Check:
        try:
            return await in_thread(self._check)
        except SourceError as error:
            return Check(problems=(error.message,))

    async def now(self) -> datetime:
        return await in_thread(self._now)

    async def preview(self, sql: str, limit: int) -> pa.Table:
        async with aclosing(self._stream(sql, limit)) as batches:
            return pa.Table.from_batches([batch async for batch in batches])

    async def read(self, sql: str) -> AsyncGenerator[pa.RecordBatch, None]:
        async with aclosing(self._stream(sql, None)) as batches:
            async for batch in batches:
                yield batch

    async def close(self) -> None:
        if self._reading is not None:
            with suppress(RuntimeError):  # its consumer is inside it this moment, and ends it
                await self._reading.aclose()
        session, self._session = self._session, None
        if session is not None:
            await in_thread(session.close)

    def _now(self) -> datetime:
        session = self._opened()
        with explained(session, ""):
            return session.now()

    def _opened(self) -> Session:
        if self._session is None:
            self._session = self._connect()
            self.notes = self._session.notes
        return self._session

    async def _stream(self, sql: str, limit: int | None) -> AsyncGenerator[pa.RecordBatch, None]:
        statement = _Statement(self._timeout)
        self._reading = stream(lambda: statement.run(self._opened, sql, limit), interrupt=statement.interrupt)
        async with aclosing(self._reading) as rows:
            async for batch in rows:
                yield batch


class _Statement:
    """One statement from its start to its end, whoever ends it: itself, its consumer or the clock."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._late = False
        self._stop = threading.Event()
        self._done = threading.Event()
        self._session: Session | None = None

    def run(self, opened: Callable[[], Session], sql: str, limit: int | None) -> Iterator[pa.RecordBatch]:
        """The result in slices of at most `BATCH_ROWS` rows; one empty batch if there are no rows."""
        try:
            self._session = session = opened()
            with self._time_limit(), explained(session, sql):
                self._go_on()
                result = session.run(sql, limit)
                rows = 0
                with closing(result.batches):  # within reach of interrupts: a driver may want to read on to the end
                    for batch in result.batches:
                        rows += batch.num_rows
                        for start in range(0, batch.num_rows, BATCH_ROWS):
                            yield batch.slice(start, BATCH_ROWS)
                self._go_on()
                if not rows:
                    yield pa.RecordBatch.from_arrays(
                        [pa.array([], kind) for kind in result.schema.types], schema=result.schema
                    )
        except SourceError as error:
            if self._late:
                raise timed_out(self._timeout) from error
            raise
        finally:
            self._done.set()

    def interrupt(self) -> None:
        """End the statement; returns when it has ended."""
        self._stop.set()
        while not self._done.is_set():
            if self._session is not None:
                self._session.interrupt()
            self._done.wait(_INTERRUPT_AGAIN)

    def _go_on(self) -> None:
        """Raises if the statement was interrupted: some drivers then end the rows as if there were no more."""
        if self._stop.is_set():
            raise stopped()

    @contextmanager
    def _time_limit(self) -> Iterator[None]:
        if not self._timeout:
            yield
            return
        timer = threading.Timer(self._timeout, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _expire(self) -> None:
        self._late = True
        self.interrupt()


@contextmanager
def explained(session: Session, sql: str) -> Iterator[None]:
    """Within it, errors of the session's driver become those of Headrace."""
    try:
        yield
    except session.errors as error:
        raise session.explain(error, sql) from error


def timed_out(seconds: float) -> QueryError:
    """The error of a statement that was stopped after ``seconds``."""
    return QueryError(
        f"The query ran longer than {seconds:g} seconds and was stopped. "
        "Make it faster, or raise `statement_timeout` of the source.",
        code="query_timeout",
    )


def stopped() -> QueryError:
    """The error of a statement that was stopped from our side."""
    return QueryError("The query was stopped before it had ended. Run it again.")


def cut_short(database: str, rows: int, total: int) -> SourceError:
    """The error of a result that ended without an error, and before its ``total`` rows had come."""
    return SourceError(f"{database} broke off after {rows:,} of {total:,} rows. Run it again.", code="connection_lost")


def not_a_select(database: str, reason: str = "it returns no columns") -> QueryError:
    """The error of a statement that is no SELECT, and so may be there for its effects."""
    return QueryError(
        f"{database} cannot read rows from the query: {reason}. Headrace only reads: write one SELECT statement.",
        code="read_only",
    )


def one_statement() -> QueryError:
    """The error of a query that holds more than one statement."""
    return QueryError(
        "The query holds more than one statement. Write one SELECT; join several with UNION ALL or WITH.",
        code="one_statement",
    )


def writes(database: str, reason: str) -> QueryError:
    """The error of a query that tried to change something, in the words of the ``database`` that refused it."""
    return QueryError(
        f"{database} refused to write: {reason}. Headrace only reads: write a SELECT without side effects.",
        code="read_only",
    )


def refused(database: str, reason: str, sql: str, offset: int | None = None, *, code: str = "query") -> QueryError:
    """A `QueryError` in the database's words; ``offset`` counts the characters of ``sql`` before the fault."""
    line = column = None
    where = ""
    if offset is not None and 0 <= offset <= len(sql):
        line, column = place(sql, offset)
        where = f" at line {line}, column {column}"
    return QueryError(f"{database} refused the query{where}: {reason}", line=line, column=column, code=code)


def place(sql: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of the character that ``offset`` others precede."""
    before = sql[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def wrap(sql: str, expressions: Sequence[str], limit: int | None = None) -> tuple[str, int]:
    """``sql`` as a subquery whose columns go through ``expressions``, and how many characters now precede it.

    ``{}`` in an expression stands for the column. Columns are renamed to c0, c1, …, so that equal names do no harm;
    ``sql`` may end in a comment.
    """
    names = [f"c{number}" for number in range(len(expressions))]
    chosen = ", ".join(expression.format(name) for expression, name in zip(expressions, names, strict=True))
    head = f"select {chosen} from (\n"
    rows = "" if limit is None else f" limit {limit}"
    return f"{head}{sql}\n) as q({', '.join(names)}){rows}", len(head)
