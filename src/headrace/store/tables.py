"""The ledger's tables, the same on SQLite and PostgreSQL.

    syncs ──< runs ──< parts ──< deliveries
              one live   files of    what became of one part
              per sync   calls       at one destination

A run's totals are derived from its parts and deliveries while it lives, and written down when it ends, so that
the history is read from one table. `headrace.store.migrations` brings a database to this shape.
"""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import sqlalchemy as sa

from headrace.states import LIVE


class Moment(sa.TypeDecorator[datetime]):
    """A moment with microseconds: aware in Python, UTC in the database."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment without a time zone: {value.isoformat()}")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Deflated(sa.TypeDecorator[bytes]):
    """Bytes, compressed in the database: 65,536 equal outcomes take 80 bytes."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else zlib.compress(value, level=1)

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else zlib.decompress(value)


class Words(sa.TypeDecorator[str]):
    """Text written by others: what no database stores (NUL, lone surrogates) becomes a replacement character."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        if value is None:
            return None
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


metadata = sa.MetaData()
_JSON = sa.JSON(none_as_null=True)

SYNCS = sa.Table(
    "syncs",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("cursor", sa.BigInteger, nullable=False, default=0),
    # Counts the times the cursor was set by hand: a run that began before must not undo it.
    sa.Column("cursor_edits", sa.Integer, nullable=False, default=0),
    sa.Column("columns", _JSON, nullable=False, default=list),
    sa.Column("enabled", sa.Boolean),
    # Of the schedule, see `headrace.due.Due`.
    sa.Column("terms", sa.Text),
    sa.Column("next_due", Moment, index=True),
    sa.Column("after_run", sa.Text),
    sa.Column("overruns", sa.Integer, nullable=False, default=0),
)

RUNS = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("sync", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("call", sa.Text, nullable=False),  # empty: each call names its own kind
    sa.Column("kind", sa.Text, nullable=False, default="query"),
    sa.Column("version", sa.Integer),
    sa.Column("due", Moment),
    sa.Column("cursor", sa.BigInteger, nullable=False),
    sa.Column("cursor_edits", sa.Integer, nullable=False),
    sa.Column("as_of", sa.BigInteger),
    sa.Column("spec", _JSON, nullable=False),
    sa.Column("destinations", _JSON, nullable=False),
    sa.Column("columns", _JSON, nullable=False, default=list),
    sa.Column("warnings", _JSON, nullable=False, default=list),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("started_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, default=False),
    sa.Column("problem_code", sa.Text),
    sa.Column("problem_message", Words),
    # The totals of a run that has ended; null while it lives.
    sa.Column("extracted", sa.BigInteger),
    sa.Column("unmapped", sa.BigInteger),
    sa.Column("counts", _JSON),
)
LIVE_RUN = RUNS.c.state.in_([sa.literal_column(f"'{state}'") for state in LIVE])

sa.Index("runs_by_sync", RUNS.c.sync, RUNS.c.created_at, RUNS.c.id)
sa.Index("runs_by_time", RUNS.c.created_at, RUNS.c.id)
sa.Index("runs_by_end", RUNS.c.ended_at)
sa.Index("one_run_per_due_time", RUNS.c.sync, RUNS.c.due, unique=True)
sa.Index("one_live_run_per_sync", RUNS.c.sync, unique=True, sqlite_where=LIVE_RUN, postgresql_where=LIVE_RUN)

PARTS = sa.Table(
    "parts",
    metadata,
    sa.Column("run", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("first_row", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("errors", sa.Text),
)

DELIVERIES = sa.Table(
    "deliveries",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("destination", sa.Text, primary_key=True),
    sa.Column("calls", sa.BigInteger, nullable=False),
    # How many bytes of ``outcomes`` say so: sums need not open them.
    sa.Column("delivered", sa.BigInteger, nullable=False),
    sa.Column("duplicate", sa.BigInteger, nullable=False),
    sa.Column("invalid", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("settled_at", sa.BigInteger),
    sa.Column("errors", _JSON, nullable=False),
    sa.Column("outcomes", Deflated),
    sa.ForeignKeyConstraint(["run", "seq"], ["parts.run", "parts.seq"], ondelete="CASCADE"),
)

SECRETS = sa.Table(
    "secrets",
    metadata,
    sa.Column("record", sa.Text, primary_key=True),
    sa.Column("slot", sa.Text, primary_key=True),
    sa.Column("sealed", sa.Text, nullable=False),  # see headrace.keep.seal
)
