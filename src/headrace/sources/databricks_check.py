"""What a principal may do on Databricks: enough to read, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from headrace.errors import SourceError
from headrace.model import Check
from headrace.sources.databricks_api import DatabricksError, quoted
from headrace.sources.databricks_errors import words
from headrace.sources.databricks_session import DatabricksSession

_READS = frozenset(
    {"SELECT", "USE CATALOG", "USE SCHEMA", "BROWSE", "EXECUTE", "READ VOLUME", "USAGE", "READ_METADATA"}
)


def check(settings: Mapping[str, Any], base: Path) -> Check:
    """Connect as a run does, and look at what the principal may do. Raises `SourceError`."""
    with closing(DatabricksSession(settings, base)) as session:
        try:
            return _check(session)
        except session.errors as error:
            reason = words(error) if isinstance(error, DatabricksError) else "the connection broke"
            raise SourceError(f"Databricks refused a question of the check: {reason}.") from error


def _check(session: DatabricksSession) -> Check:
    user, catalog = str(session.user), str(session.catalog)
    schema = f"{quoted(catalog)}.{quoted(str(session.schema))}"
    warnings = []
    for kind, name in (("CATALOG", quoted(catalog)), ("SCHEMA", schema)):
        try:
            rows = session.api.ask(f"SHOW GRANTS {quoted(user)} ON {kind} {name}")
        except DatabricksError as error:
            warnings.append(f"The grants on the {kind.lower()} {name} cannot be seen: {words(error)}. Ask its owner.")
            continue
        more = sorted({str(action) for _, action, *_ in rows} - _READS)
        if more:
            warnings.append(
                f"The principal {user!r} may do more than read in the {kind.lower()} {name} ({', '.join(more)}). "
                f"Run: REVOKE {', '.join(more)} ON {kind} {name} FROM {quoted(user)};"
            )
    tables = len(session.api.ask(f"SHOW TABLES IN {schema}"))
    if not tables:
        warnings.append(f"The principal {user!r} sees no table in {schema}. Check `catalog`, `schema` and the grants.")
    facts = {
        "server": "Databricks SQL",
        "database": f"{catalog}.{session.schema}",
        "role": user,
        "tls": "verify-full",
        "readable": f"{tables} tables and views",
        "grants": (
            f"GRANT USE CATALOG ON CATALOG {quoted(catalog)} TO {quoted(user)};\n"
            f"GRANT USE SCHEMA, SELECT ON SCHEMA {schema} TO {quoted(user)};\n"
            f"-- and on the SQL warehouse {session.api.warehouse}, under Permissions: CAN USE"
        ),
    }
    return Check((), tuple(warnings), facts)
