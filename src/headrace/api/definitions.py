"""What sources, destinations and syncs have in common over the API: how they are shown, made, edited and deleted.

An edit says which version it is of: the ETag that came with what was read goes back in ``If-Match``.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, Response
from pydantic import Field

from headrace.api.deps import Caller
from headrace.api.errors import ApiError
from headrace.api.schemas import Finding, Moment, Shape
from headrace.definitions import Kind
from headrace.people import Action, can
from headrace.workshop import Shown
from headrace.workshop_secrets import veiled

_ETAG = re.compile(r'"(\d{1,9})"', re.ASCII)


class Edit(Shape):
    """The keys and values under the name in `headrace.yaml`. A secret that is absent or {"kept": true} stays as it is;
    null removes it."""

    definition: dict[str, Any]


class New(Edit):
    name: str = Field(description="a-z, then at most 62 of a-z, 0-9, _ and -", max_length=200)


class Defined(Shape):
    """A definition; a secret in it that has a value is shown as {"kept": true}.

    Of a source, destination or alert channel, whoever may not handle them sees addresses without path and query, and
    free-form maps, such as HTTP headers, without values.
    """

    name: str
    definition: dict[str, Any]
    origin: Literal["file", "store"] = Field(description="What a file defines is edited in the file.")
    place: str = Field(description="headrace.yaml:12; store")
    updated_at: Moment | None
    updated_by: str
    findings: list[Finding] = Field(description="Why it cannot be used (any more).")


def told(caller: Caller, shown: Shown) -> dict[str, Any]:
    """The fields of `Defined`, as far as they are for the caller."""
    whole = can(caller.actor, Action.CONNECT)
    return {
        "name": shown.name,
        "definition": dict(shown.body) if whole else veiled(shown.kind, shown.body),
        "origin": shown.origin,
        "place": shown.place,
        "updated_at": shown.updated_at,
        "updated_by": shown.updated_by,
        "findings": [Finding.model_validate(finding) for finding in shown.findings],
    }


def tag(response: Response, shown: Shown) -> None:
    """Say which version was shown."""
    response.headers["etag"] = f'"{shown.version}"'


def version_wanted(
    if_match: Annotated[str | None, Header(description="The ETag of the version that is edited; required.")] = None,
) -> int:
    """The version that an edit is of. Raises `ApiError`: 428 where none is named, 400 for what was never an ETag."""
    if if_match is None:
        raise ApiError(
            "Say which version you edit: send the ETag that you read in the header If-Match.",
            code="if_match_missing",
            status=428,
        )
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise ApiError(
            "The header If-Match holds no ETag of ours. Read the definition again, and send its ETag.",
            code="bad_etag",
        )
    return int(found[1])


Version = Annotated[int, Depends(version_wanted)]


async def create(caller: Caller, kind: Kind, new: New, response: Response) -> Shown:
    """Make a definition and answer 201 with its address and version."""
    audit = caller.change(f"{kind}.create", f"{kind}/{new.name}")
    shown = await caller.app.workshop.create(kind, new.name, new.definition, by=caller.by, audit=audit)
    response.headers["location"] = f"/api/v1/{kind.section}/{new.name}"
    tag(response, shown)
    return shown


async def update(caller: Caller, kind: Kind, name: str, edit: Edit, version: int, response: Response) -> Shown:
    audit = caller.change(f"{kind}.update", f"{kind}/{name}")
    shown = await caller.app.workshop.update(kind, name, edit.definition, version, by=caller.by, audit=audit)
    tag(response, shown)
    return shown


async def delete(caller: Caller, kind: Kind, name: str, version: int) -> None:
    audit = caller.change(f"{kind}.delete", f"{kind}/{name}")
    await caller.app.workshop.delete(kind, name, version, audit=audit)
