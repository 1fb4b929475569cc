"""The tables of what is not the ledger: definitions, people, journals, kept calls, alerts.

They share the metadata of `headrace.store.tables`, and so its migrations.
"""

from __future__ import annotations

import sqlalchemy as sa

from headrace.store.tables import Moment, Words, metadata

_JSON = sa.JSON(none_as_null=True)
# SQLite counts rows by itself only where the key is its own INTEGER.
_Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# ----------------------------------------------------------------------------------------------------- definitions

META = sa.Table(  # numbers by name: generation, audit, state_folder, journal/SOURCE
    "meta",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)

DEFINITIONS = sa.Table(
    "definitions",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("body", _JSON, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("updated_by", sa.Text, nullable=False),
)

VERSIONS = sa.Table(
    "versions",
    metadata,
    sa.Column("sync", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("spec", _JSON, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
)

ANSWERED = sa.Table(  # requests with an idempotency key
    "answered",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

# ---------------------------------------------------------------------------------------------------------- people

USERS = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("preview", sa.Boolean, nullable=False),
    sa.Column("password", sa.Text),
    sa.Column("subject", sa.Text, unique=True),
    sa.Column("disabled", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("last_seen_at", Moment),
)

SESSIONS = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
    sa.Column("agent", Words, nullable=False, default=""),
)

TOKENS = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("user", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("preview", sa.Boolean, nullable=False),
    sa.Column("scopes", _JSON, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("last_used_at", Moment),
)

CODES = sa.Table(  # that work once: of the set-up where there is no user, else to set a password
    "codes",
    metadata,
    sa.Column("hash", sa.Text, primary_key=True),
    sa.Column("user", sa.Text, sa.ForeignKey("users.id", ondelete="CASCADE"), index=True),
    sa.Column("expires_at", Moment, nullable=False),
)

WRITE_KEYS = sa.Table(
    "write_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)

AUDIT = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("thing", sa.Text, nullable=False, index=True),
    sa.Column("via", sa.Text, nullable=False),
    sa.Column("before", _JSON),
    sa.Column("after", _JSON),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)

# -------------------------------------------------------------------------------------------------------- journals

JOURNALS = sa.Table(
    "journals",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("calls", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("first_at", Moment, nullable=False),
    sa.Column("last_at", Moment, nullable=False),
)

# ------------------------------------------------------------------------------------------------ kept calls: Data In

CALLS = sa.Table(
    "calls",
    metadata,
    sa.Column("id", _Serial, primary_key=True),
    sa.Column("at", Moment, nullable=False, index=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("sync", sa.Text, nullable=False),
    sa.Column("run", sa.Text, index=True),
    sa.Column("row", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("user", Words, nullable=False),
    sa.Column("name", Words, nullable=False),
    sa.Column("message_id", Words, nullable=False),
    sa.Column("call", Words),  # JSON
    sa.Column("values", Words, nullable=False),  # JSON
    sa.Column("reason", Words, nullable=False, default=""),
    sa.Column("answers", Words, nullable=False),  # JSON
    sa.Column("outcomes", sa.Text, nullable=False),  # those of the answers, to be looked for
    sa.Column("words", Words, nullable=False),  # user, name and messageId in lower case, to be looked through
    sqlite_autoincrement=True,
)
sa.Index("calls_by_source", CALLS.c.source, CALLS.c.id)

# --------------------------------------------------------------------------------------------------- retries, alerts

RETRIES = sa.Table(  # rows that a destination refused, to be tried again with fresh values
    "retries",
    metadata,
    sa.Column("sync", sa.Text, primary_key=True),
    sa.Column("destination", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),  # what names the row: see headrace.run.again
    sa.Column("cursor", sa.BigInteger, nullable=False),  # last_sync_time of the run in which it failed first
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("run", sa.Text, nullable=False),  # the last that counted a try
)

ALERTS = sa.Table(
    "alerts",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("sync", sa.Text, primary_key=True),
    sa.Column("trouble", sa.Text, primary_key=True),
    sa.Column("open", sa.Boolean, nullable=False),
    sa.Column("since", Moment, nullable=False),
    sa.Column("run", sa.Text),
)

NOTICES = sa.Table(
    "notices",
    metadata,
    sa.Column("id", _Serial, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("sync", sa.Text, nullable=False),
    sa.Column("trouble", sa.Text, nullable=False),
    sa.Column("recovered", sa.Boolean, nullable=False),
    sa.Column("run", sa.Text),
    sa.Column("text", Words, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("next_try", Moment, index=True),
    sa.Column("sent_at", Moment),
    sa.Column("problem", Words, nullable=False, default=""),
    sqlite_autoincrement=True,
)
