"""What the stand-in says about itself and about rights: a table of answers, one for each question that is asked.

They prove what Headrace makes of the answers, not that a real server understands the questions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

LOGINS = {"reader": "reader's {secret};", "writer": "writer", "admin": "admin", "granted": "granted", "blind": "blind"}
DATABASES = ("shop", "plain", "empty")  # plain does not allow snapshot isolation, empty has no tables

Answer = tuple[list[tuple[str, str]], list[tuple[Any, ...]]]
_NAME = "nvarchar(128)"


def answers(sql: str, user: str, database: str, *, encrypted: bool) -> Answer | None:
    """Columns and rows for a question about the server; None for any other text."""
    if "snapshot_isolation_state" in sql:
        return [("state", "tinyint")], [(int(database != "plain"),)]
    if sql == "select @@trancount as n":
        return [("n", "int")], [(1,)]
    if "sysutcdatetime" in sql:
        return [("now", "datetime2(7)")], [(datetime.now(UTC),)]
    if "serverproperty" in sql:
        names = ("version", "edition", "database", "login", "user", "updateability")
        name = "dbo" if user == "admin" else user
        row = ("16.0.4135.4", "Developer Edition (64-bit)", database, user, name, "READ_WRITE")
        return [(one, _NAME) for one in names], [row]
    if "dm_exec_connections" in sql:
        return [("encrypt_option", _NAME)], [("TRUE" if encrypted else "FALSE",)]
    if "is_srvrolemember" in sql:
        roles = ("sysadmin", "db_owner", "db_ddladmin", "db_datawriter")
        return [(role, "int") for role in roles], [(int(user == "admin"), 0, 0, int(user == "writer"))]
    if "has_perms_by_name" in sql:
        columns = [("schema", _NAME), ("name", _NAME), ("readable", "int"), ("writable", "int")]
        return columns, [] if database == "empty" else [
            ("dbo", "people", int(user != "blind"), 4 * (user == "granted"))
        ]
    if "fn_my_permissions" in sql:
        rights = ["CONNECT", "SELECT"] + ["CREATE TABLE"] * (user == "granted" and database == "plain")
        return [("permission_name", _NAME)], [(right,) for right in rights]
    return None
