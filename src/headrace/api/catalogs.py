"""What a source has to query, for whoever writes SQL: tables and columns, to be completed by an editor."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from headrace.api.deps import Previewer
from headrace.api.document import problems
from headrace.api.schemas import Shape
from headrace.app import specs
from headrace.definitions import Kind

router = APIRouter(prefix="/api/v1/sources", tags=["sources"])


class ColumnOfTable(Shape):
    name: str
    type: str


class TableShown(Shape):
    """``schema`` is empty where the database has none."""

    in_schema: str = Field(serialization_alias="schema")
    name: str
    columns: list[ColumnOfTable]


class CatalogShown(Shape):
    dialect: str = Field(description="Of its SQL: postgresql, mysql, sqlserver, sqlite, duckdb … or empty.")
    tables: list[TableShown] = Field(description="Those that the account may read; none where they cannot be told.")
    cut: bool = Field(description="There are more than 2,000 tables or 20,000 columns; these are the first.")


@router.get(
    "/{name}/schema", operation_id="get_source_schema", summary="Tables and columns, as of the last minute",
    responses=problems(502),
)  # fmt: skip
async def get_source_schema(name: str, caller: Previewer) -> CatalogShown:
    shown = await caller.app.workshop.shown(Kind.SOURCE, name)
    found = await caller.app.catalog(name)
    tables = [
        TableShown(
            in_schema=table.schema,
            name=table.name,
            columns=[ColumnOfTable(name=column, type=kind) for column, kind in table.columns],
        )
        for table in found.tables
    ]
    return CatalogShown(dialect=specs()["source", str(shown.body["type"])].dialect, tables=tables, cut=found.cut)
