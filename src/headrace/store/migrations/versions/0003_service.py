"""What `headrace serve` keeps: schedules, definitions, people, journals, kept calls, alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from headrace.store.tables import Moment

revision = "0003"
down_revision = "0002"

JSON = sa.JSON(none_as_null=True)
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# The database itself refuses to change or to delete what the audit log holds.
_APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        for verb in ("update", "delete")
    ],
    "postgresql": [
        "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$",
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
    ],
}


def upgrade() -> None:
    _ledger()
    _definitions()
    _people()
    _audit()
    _calls()
    _alerts()


def _ledger() -> None:
    op.add_column("syncs", sa.Column("terms", sa.Text))
    op.add_column("syncs", sa.Column("next_due", Moment))
    op.add_column("syncs", sa.Column("after_run", sa.Text))
    op.add_column("syncs", sa.Column("overruns", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_syncs_next_due", "syncs", ["next_due"])
    op.add_column("runs", sa.Column("kind", sa.Text, nullable=False, server_default="query"))
    op.add_column("runs", sa.Column("version", sa.Integer))
    op.add_column("runs", sa.Column("due", Moment))
    op.create_index("runs_by_end", "runs", ["ended_at"])
    op.create_index("one_run_per_due_time", "runs", ["sync", "due"], unique=True)


def _definitions() -> None:
    op.create_table(
        "meta", sa.Column("name", sa.Text, primary_key=True), sa.Column("number", sa.BigInteger, nullable=False)
    )
    op.create_table(
        "definitions",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("updated_by", sa.Text, nullable=False),
    )
    op.create_table(
        "versions",
        sa.Column("sync", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("spec", JSON, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
    )
    op.create_table(
        "answered",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
    )


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("email", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("preview", sa.Boolean, nullable=False),
        sa.Column("password", sa.Text),
        sa.Column("subject", sa.Text, unique=True),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("last_seen_at", Moment),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("seen_at", Moment, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
    )
    op.create_index("ix_sessions_user", "sessions", ["user"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("user", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("preview", sa.Boolean, nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment),
        sa.Column("last_used_at", Moment),
    )
    op.create_index("ix_tokens_user", "tokens", ["user"])
    op.create_table(
        "codes",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("user", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE")),
        sa.Column("expires_at", Moment, nullable=False),
    )
    op.create_index("ix_codes_user", "codes", ["user"])
    op.create_table(
        "write_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("thing", sa.Text, nullable=False),
        sa.Column("via", sa.Text, nullable=False),
        sa.Column("before", JSON),
        sa.Column("after", JSON),
        sa.Column("previous", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_index("ix_audit_thing", "audit", ["thing"])
    for statement in _APPEND_ONLY[op.get_bind().dialect.name]:
        op.execute(statement)


def _calls() -> None:
    op.create_table(
        "journals",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("first_at", Moment, nullable=False),
        sa.Column("last_at", Moment, nullable=False),
    )
    op.create_table(
        "calls",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sync", sa.Text, nullable=False),
        sa.Column("run", sa.Text),
        sa.Column("row", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("kind", "user", "name", "message_id")),
        sa.Column("call", sa.Text),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("values", "reason", "answers")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("outcomes", "words")),
        sqlite_autoincrement=True,
    )
    for name in ("at", "run"):
        op.create_index(f"ix_calls_{name}", "calls", [name])
    op.create_index("calls_by_source", "calls", ["source", "id"])


def _alerts() -> None:
    op.create_table(
        "retries",
        sa.Column("sync", sa.Text, primary_key=True),
        sa.Column("destination", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("cursor", sa.BigInteger, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("sync", sa.Text, primary_key=True),
        sa.Column("trouble", sa.Text, primary_key=True),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.Column("run", sa.Text),
    )
    op.create_table(
        "notices",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("sync", sa.Text, nullable=False),
        sa.Column("trouble", sa.Text, nullable=False),
        sa.Column("recovered", sa.Boolean, nullable=False),
        sa.Column("run", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_try", Moment),
        sa.Column("sent_at", Moment),
        sa.Column("problem", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notices_next_try", "notices", ["next_try"])
