"""The tables of a workspace file, and how such a file is opened.

Times are Unix milliseconds. ``attributes`` is a JSON object; ``attribute_times`` holds, name by name, when each was
last set or removed. What belongs to a person goes when the person is deleted.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

APPLICATION_ID = 0x48524157  # "HRAW": how a workspace is told from other SQLite files
VERSION = 1
BUSY_TIMEOUT = 5.0  # seconds the driver waits for another writer before it says "locked"

TABLES = """
CREATE TABLE people (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id         TEXT UNIQUE,             -- null: known by e-mail or anonymous id alone
    email           TEXT,                    -- lower-case copy of attributes.email
    attributes      TEXT NOT NULL,
    attribute_times TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    message_id      TEXT NOT NULL            -- of the call that changed the person last
);
CREATE INDEX people_email ON people (email) WHERE email IS NOT NULL;

CREATE TABLE anonymous_ids (
    anonymous_id    TEXT PRIMARY KEY,
    person_id       INTEGER NOT NULL REFERENCES people ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX anonymous_ids_person ON anonymous_ids (person_id);

CREATE TABLE objects (
    object_type_id  TEXT NOT NULL,
    object_id       TEXT NOT NULL,
    attributes      TEXT NOT NULL,
    attribute_times TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    message_id      TEXT NOT NULL,
    PRIMARY KEY (object_type_id, object_id)
);

CREATE TABLE relationships (
    person_id       INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
    object_type_id  TEXT NOT NULL,
    object_id       TEXT NOT NULL,
    attributes      TEXT NOT NULL,
    attribute_times TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    message_id      TEXT NOT NULL,
    PRIMARY KEY (person_id, object_type_id, object_id),
    FOREIGN KEY (object_type_id, object_id) REFERENCES objects ON DELETE CASCADE
);
CREATE INDEX relationships_object ON relationships (object_type_id, object_id);

CREATE TABLE events (
    id              INTEGER PRIMARY KEY,
    message_id      TEXT NOT NULL UNIQUE,
    kind            TEXT NOT NULL,           -- track | page | screen
    name            TEXT,
    category        TEXT,
    person_id       INTEGER REFERENCES people ON DELETE CASCADE,
    user_id         TEXT,                    -- these three as the call gave them
    anonymous_id    TEXT,
    group_id        TEXT,
    occurred_at     INTEGER NOT NULL,
    received_at     INTEGER NOT NULL,
    properties      TEXT NOT NULL,
    context         TEXT
);
CREATE INDEX events_person ON events (person_id) WHERE person_id IS NOT NULL;

CREATE TABLE devices (
    token           TEXT PRIMARY KEY,
    person_id       INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
    platform        TEXT,
    attributes      TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
);
CREATE INDEX devices_person ON devices (person_id);

CREATE TABLE suppressions (
    user_id         TEXT PRIMARY KEY,
    suppressed_at   INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE merges (
    id              INTEGER PRIMARY KEY,
    primary_id      TEXT NOT NULL,           -- user id that stayed
    previous_id     TEXT NOT NULL,           -- user id or anonymous id that went
    merged_at       INTEGER NOT NULL,
    message_id      TEXT NOT NULL
);

CREATE TABLE activities (                    -- calls that were taken and had no effect, and why
    id              INTEGER PRIMARY KEY,
    kind            TEXT NOT NULL,
    subject         TEXT,                    -- the identifier that the call gave
    occurred_at     INTEGER NOT NULL,
    message_id      TEXT NOT NULL
);

CREATE TABLE messages (                      -- every call that was ever applied
    message_id      TEXT PRIMARY KEY
) WITHOUT ROWID;
"""


class ForeignFile(Exception):
    """The file is no workspace, or one of a newer version; the text says which and what to do."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the workspace for writing, creating file and tables if need be.

    Every transaction is durable when it is committed, and other processes may read meanwhile.
    Raises `ForeignFile`, ``sqlite3.Error`` and ``OSError``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        _refuse_foreign(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        if _identity(connection)[1] == 0:
            for statement in TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open an existing workspace for reading; it may be written at the same time. Raises as `connect` does."""
    uri = path.absolute().as_uri() + "?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA query_only = ON")
        _refuse_foreign(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    application, version, tables = _identity(connection)
    if application != APPLICATION_ID and (application or version or tables):
        raise ForeignFile(f"{path} is an SQLite file, but not a workspace. Name another path.")
    if version > VERSION:
        raise ForeignFile(f"{path} is a workspace of version {version}; this Headrace knows {VERSION}. Upgrade it.")


def _identity(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Application id, version and number of tables, read at one moment: another process may be creating the file."""
    query = """SELECT (SELECT application_id FROM pragma_application_id),
                      (SELECT user_version FROM pragma_user_version),
                      (SELECT count(*) FROM sqlite_schema)"""
    application, version, tables = connection.execute(query).fetchone()
    return application, version, tables
