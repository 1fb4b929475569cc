"""The ledger: syncs, runs, parts, deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_LIVE = sa.text("state IN ('queued', 'extracting', 'delivering')")


def upgrade() -> None:
    op.create_table(
        "syncs",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("cursor_edits", sa.Integer, nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
        sa.Column("enabled", sa.Boolean),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("sync", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("call", sa.Text, nullable=False),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("cursor_edits", sa.Integer, nullable=False),
        sa.Column("as_of", sa.BigInteger),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("destinations", sa.JSON, nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
        sa.Column("warnings", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("problem_code", sa.Text),
        sa.Column("problem_message", sa.Text),
        sa.Column("extracted", sa.BigInteger),
        sa.Column("unmapped", sa.BigInteger),
        sa.Column("counts", sa.JSON),
    )
    op.create_index("runs_by_sync", "runs", ["sync", "created_at", "id"])
    op.create_index("runs_by_time", "runs", ["created_at", "id"])
    op.create_index("one_live_run_per_sync", "runs", ["sync"], unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE)
    op.create_table(
        "parts",
        sa.Column("run", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("first_row", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("errors", sa.Text),
    )
    op.create_table(
        "deliveries",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("destination", sa.Text, primary_key=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("delivered", sa.BigInteger, nullable=False),
        sa.Column("duplicate", sa.BigInteger, nullable=False),
        sa.Column("invalid", sa.BigInteger, nullable=False),
        sa.Column("rejected", sa.BigInteger, nullable=False),
        sa.Column("settled_at", sa.BigInteger),
        sa.Column("errors", sa.JSON, nullable=False),
        sa.Column("outcomes", sa.LargeBinary),
        sa.ForeignKeyConstraint(["run", "seq"], ["parts.run", "parts.seq"], ondelete="CASCADE"),
    )
