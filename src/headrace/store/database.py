"""One database, SQLite or PostgreSQL: work goes in as a function, and is one transaction in a thread."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from headrace.aio import in_thread
from headrace.errors import HeadraceError
from headrace.store.failures import Place, explain

T = TypeVar("T")
Work = Callable[[sa.Connection], T]

BUSY_SECONDS = 60  # how long a SQLite writer waits for those of other processes
CONNECT_SECONDS = 10  # how long PostgreSQL may take to answer a first connection


class Database:
    """Transactions over a SQLAlchemy URL. Every error of the driver leaves as a `HeadraceError`."""

    def __init__(self, url: str) -> None:
        address = _address(url)
        self.sqlite = address.get_backend_name() == "sqlite"
        self._file = Path(address.database or "") if self.sqlite else None
        self._place = Place(str(self._file or _shown(address)), self.sqlite, address.password)
        make = _sqlite_engine if self.sqlite else _postgres_engine
        engine = make(address)
        # What a reader sees is one moment, however many statements it takes.
        self._reader = engine if self.sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
        self._writer = engine.execution_options(write=True)
        self._idle: dict[sa.Engine, list[sa.Connection]] = {}
        if self.sqlite:
            self._idle = {self._reader: [], self._writer: []}
        # SQLite has one writer: those of this process queue up here rather than poll the file.
        self._one_writer = threading.Lock() if self.sqlite else nullcontext()

    async def read(self, work: Work[T]) -> T:
        """Run ``work`` in a transaction that sees one moment."""
        return await in_thread(self._transact, self._reader, work)

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` in a transaction that is durable when this returns, or has changed nothing."""
        return await in_thread(self._transact, self._writer, work)

    async def prepare(self, schema: Callable[[sa.Engine, str], None]) -> None:
        """Make the database usable: its folder, its journal, then ``schema(engine, name for messages)``."""
        await in_thread(self._prepare, schema)

    async def close(self) -> None:
        await in_thread(self._close)

    def _transact(self, engine: sa.Engine, work: Work[T]) -> T:
        queue = self._one_writer if engine is self._writer else nullcontext()
        with self._explained(), queue, self._begin(engine) as connection:
            return work(connection)

    @contextmanager
    def _begin(self, engine: sa.Engine) -> Iterator[sa.Connection]:
        """A transaction. On SQLite its connection is kept: to borrow and return one costs more than a small verb."""
        idle = self._idle.get(engine)
        if idle is None:
            with engine.begin() as connection:
                yield connection
            return
        try:
            connection = idle.pop()
        except IndexError:
            connection = engine.connect()
        try:
            with connection.begin():
                yield connection
        except BaseException:
            connection.close()
            raise
        idle.append(connection)

    def _close(self) -> None:
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
        self._writer.dispose()

    def _prepare(self, schema: Callable[[sa.Engine, str], None]) -> None:
        with self._explained(), self._one_writer:
            if self._file is not None:
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _use_wal(self._file)
            schema(self._writer, self._place.name)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, sa.exc.TimeoutError, sqlite3.Error, OSError) as error:
            raise explain(error, self._place) from error


def _address(url: str) -> sa.URL:
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        address = None
    backend = address.drivername.partition("+")[0] if address is not None else ""
    if address is not None and backend in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    if address is not None and backend == "sqlite" and address.database:
        return address.set(drivername="sqlite+pysqlite")
    # The text is not repeated: it may hold a password.
    raise HeadraceError(
        "The store's address is not understood: it is neither a PostgreSQL nor a SQLite URL. "
        "Set HEADRACE_DATABASE_URL like postgresql://user:password@host:5432/database.",
        code="store_unavailable",
    )


def _shown(address: sa.URL) -> str:
    """Host, port and database, without the user's secrets."""
    host = address.host or str(address.query.get("host", "local socket"))
    port = f":{address.port}" if address.port else ""
    return f"{host}{port}/{address.database or ''}"


def _sqlite_engine(address: sa.URL) -> sa.Engine:
    engine = sa.create_engine(address, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
        connection.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut
        connection.execute("PRAGMA foreign_keys = ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("write")
        # A writer takes its lock before it reads, so that it never fails half-way to get it.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgres_engine(address: sa.URL) -> sa.Engine:
    options: dict[str, Any] = {"application_name": "headrace", "connect_timeout": CONNECT_SECONDS}
    given = {name: value for name, value in options.items() if name not in address.query}
    engine = sa.create_engine(address, connect_args=given, pool_pre_ping=True, hide_parameters=True)

    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        """Durable means durable, also where the role or the database says otherwise."""
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.commit()

    return engine


def _use_wal(file: Path) -> None:
    """Put the file in WAL mode, which it keeps. Two that try at once refuse each other: then wait for the lock."""
    connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        for attempt in range(10):
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or attempt == 9:
                    raise
                connection.execute("BEGIN EXCLUSIVE")
                connection.execute("ROLLBACK")
    finally:
        connection.close()
