"""The connectors there are, with the fields of their settings: forms are made of them."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from headrace import connector
from headrace.api.deps import Viewer
from headrace.api.schemas import Shape
from headrace.app import specs
from headrace.connector import FieldKind

router = APIRouter(prefix="/api/v1", tags=["connectors"])


class FieldShown(Shape):
    """One setting; the value of a `secret` is given and never shown."""

    name: str
    kind: FieldKind
    help: str
    required: bool
    default: Any
    example: Any
    choices: list[str]
    minimum: float | None
    maximum: float | None
    fields: list[FieldShown] = Field(description="Of a group.")

    @classmethod
    def of(cls, field: connector.Field) -> FieldShown:
        return cls(
            name=field.name,
            kind=field.kind,
            help=field.help,
            required=field.required,
            default=field.default,
            example=field.example,
            choices=list(field.choices),
            minimum=field.minimum,
            maximum=field.maximum,
            fields=[cls.of(inner) for inner in field.fields],
        )


class ConnectorShown(Shape):
    role: Literal["source", "destination"]
    type: str
    title: str
    summary: str
    dialect: str = Field(description="Of a source's SQL: postgresql, mysql, sqlserver, sqlite, duckdb … or empty.")
    grants: str = Field(description="Statements that make an account which only reads; the names are examples.")
    guide: str = Field(description="How to connect it: a page of the documentation; empty where there is none.")
    receives: bool = Field(description="A source to which programs send calls: there is nothing to query.")
    fields: list[FieldShown]


class Connectors(Shape):
    items: list[ConnectorShown]


@router.get("/connectors", operation_id="list_connectors", summary="Every connector, with the fields of its settings")
async def list_connectors(caller: Viewer) -> Connectors:  # noqa: ARG001  whoever is signed in may see them
    items = [
        ConnectorShown(
            role="source" if role == "source" else "destination",
            type=spec.type,
            title=spec.title,
            summary=spec.summary,
            dialect=spec.dialect,
            grants=spec.grants,
            guide=spec.guide,
            receives=spec.receives,
            fields=[FieldShown.of(field) for field in spec.fields],
        )
        for (role, _), spec in specs().items()
    ]
    return Connectors(items=items)
