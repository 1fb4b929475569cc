"""What Databricks' refusals mean, and how to mend them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headrace.errors import QueryError, SourceError
from headrace.sources import https
from headrace.sources.databricks_api import DatabricksError
from headrace.sources.sql import not_a_select, one_statement, refused

_PLACE = re.compile(r"\(?\bline (\d+),? pos (\d+)\)?")
_WRITES = re.compile(
    r"(?i)insert|update|delete|merge|truncate|create|drop|alter|copy|replace|grant|revoke|set|use|call|refresh|optimize|vacuum"
)
_AFTER_ONE = re.compile(r";(?:\s|--[^\n]*\n|/\*.*?\*/)*$", re.DOTALL)


def words(error: DatabricksError) -> str:
    """The message on one line, without the place, the SQLSTATE and the plan that follow it."""
    text = error.message.split("\n\n")[0].split("== SQL ==")[0]
    text = _PLACE.sub("", re.sub(r"SQLSTATE: \w+;?", "", text))
    return " ".join(text.split()).rstrip(" .;")


def refusal(error: Exception, sql: str, settings: Mapping[str, Any], where: str, lines: int = 0) -> SourceError:
    """The error for an exchange or a statement that failed; ``lines`` of ours stand before those of ``sql``."""
    if not isinstance(error, DatabricksError):
        return https.unreachable(error, "Databricks", where) or SourceError(
            f"The connection to {where} broke before the last row. Run it again.", code="connection_lost"
        )
    if error.status != 200:
        return _request_refused(error, settings, where)
    return _statement_failed(error, sql, lines)


def _request_refused(error: DatabricksError, settings: Mapping[str, Any], where: str) -> SourceError:
    reason = words(error)
    warehouse = settings.get("warehouse_id") or settings.get("http_path")
    if error.status == 401 or re.search(r"(?i)token|credential|authenticat|invalid_client", reason + error.code):
        name = "client_id` and `client_secret" if settings.get("client_id") else "token"
        return SourceError(
            f"Databricks at {where} refused the credentials: {reason}. Check `{name}`; it may have expired.",
            code="password",
        )
    if error.status == 403:
        return SourceError(
            f"Databricks refused: {reason}. Give the principal CAN USE on the warehouse {warehouse!r}.", code="grants"
        )
    if error.status == 404 or "endpoint id" in reason or "warehouse" in reason.lower():
        return SourceError(
            f"The workspace has no SQL warehouse {warehouse!r} ({reason}). Check `http_path` or `warehouse_id`.",
            code="database",
        )
    if error.status == 429:
        return SourceError(
            f"Databricks takes no more requests at this time: {reason}. Try again later.", code="too_many_connections"
        )
    if error.status >= 500:
        return SourceError(f"Databricks at {where} is not ready: {reason}. Try again later.", code="not_ready")
    return SourceError(f"Databricks refused the request: {reason}. Check the settings.")


def _statement_failed(error: DatabricksError, sql: str, lines: int) -> SourceError:
    reason = words(error)
    if "INSUFFICIENT_PERMISSIONS" in reason or error.state == "42501" or error.code == "PERMISSION_DENIED":
        return SourceError(f"Databricks refused the query: {reason}. Grant the principal what it lacks.", code="grants")
    if error.code in ("CANCELED", "CANCELLED", "CLOSED", "ABORTED"):
        return SourceError(f"Databricks ended the query: {reason}. Run it again.", code="connection_lost")
    if error.code in ("TEMPORARILY_UNAVAILABLE", "SERVICE_UNDER_MAINTENANCE", "WORKSPACE_TEMPORARILY_UNAVAILABLE"):
        return SourceError(f"Databricks is not ready: {reason}. Try again later.", code="not_ready")
    if re.search(r"NO_SUCH_CATALOG|CATALOG_NOT_FOUND|SCHEMA_NOT_FOUND", reason) and not sql:
        return SourceError(f"Databricks refused: {reason}. Check `catalog` and `schema`.", code="database")
    offset = _offset(error.message, sql, lines)
    if "PARSE_SYNTAX_ERROR" in reason and offset is not None:
        return _syntax_error(reason, sql, offset)
    return refused("Databricks", reason, sql, offset)


def _syntax_error(reason: str, sql: str, offset: int) -> QueryError:
    if sql[offset : offset + 1] == ";" or _AFTER_ONE.search(sql[:offset]):
        return one_statement()
    if not sql[:offset].strip() and _WRITES.match(sql[offset:]):
        return not_a_select("Databricks", reason)
    return refused("Databricks", reason, sql, offset)


def _offset(message: str, sql: str, lines: int) -> int | None:
    """The characters of ``sql`` before the place that the message tells: line from 1, position from 0."""
    found = _PLACE.search(message)
    if not found:
        return None
    above = sql.splitlines(keepends=True)[: max(int(found[1]) - 1 - lines, 0)]
    return sum(map(len, above)) + int(found[2]) if int(found[1]) > lines else None
