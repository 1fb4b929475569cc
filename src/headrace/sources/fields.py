"""Settings that more than one source has."""

from __future__ import annotations

from headrace.connector import Field

STATEMENT_TIMEOUT = Field(
    "statement_timeout", "number", "Seconds a query may run; 0: no limit.", default=3600, minimum=0
)

# Of the sources that are read with DuckDB.
DUCKDB = (
    STATEMENT_TIMEOUT,
    Field("memory_limit", "text", "Memory DuckDB may use; beyond it, it uses the disk.", default="1GB", example="4GB"),
    Field("threads", "integer", "Threads DuckDB may use; without it: one per processor.", minimum=1),
)
