"""What this service is made of: versions, licences, since when it runs, and from where it reaches databases."""

from __future__ import annotations

import platform
import re
from functools import cache
from importlib import metadata

from fastapi import APIRouter, Request
from pydantic import Field

import headrace
from headrace.aio import in_thread
from headrace.api.deps import Viewer
from headrace.api.schemas import Moment, Shape

router = APIRouter(prefix="/api/v1", tags=["status"])

_LONGEST_LICENCE = 100  # characters: some packages put the whole text there


class PackageShown(Shape):
    name: str
    version: str
    licence: str = Field(description="As its author declares it; empty where they do not.")


class About(Shape):
    version: str
    python: str
    platform: str
    started_at: Moment
    egress_addresses: list[str] = Field(description="From which databases are reached, as an owner has set them.")
    packages: list[PackageShown] = Field(description="The Python packages that are installed beside it.")


@router.get("/about", operation_id="get_about", summary="Versions and licences, and from where databases are reached")
async def get_about(request: Request, caller: Viewer) -> About:
    await caller.app.reload_if_changed()
    return About(
        version=headrace.__version__,
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        started_at=request.app.state.started,
        egress_addresses=list(caller.app.project.service.egress_addresses),
        packages=await in_thread(_packages),
    )


@cache
def _packages() -> list[PackageShown]:
    """Each once, by name; nothing is installed while we run."""
    found = {_plain(one.name): one for one in metadata.distributions() if one.name}
    return [
        PackageShown(name=one.name, version=one.version, licence=_licence(one.metadata))
        for name, one in sorted(found.items())
        if name != "headrace"
    ]


def _licence(declared: metadata.PackageMetadata) -> str:
    """The expression, or else the classifiers, or else what stands under License if it is no whole text."""
    expression, text = ((declared.get_all(name) or [""])[0] for name in ("License-Expression", "License"))
    classifiers = [one.split(" :: ") for one in declared.get_all("Classifier") or ()]
    names = [parts[-1] for parts in classifiers if parts[0] == "License" and len(parts) > 2]
    brief = " ".join(text.split())
    return expression or ", ".join(names) or (brief if len(brief) <= _LONGEST_LICENCE else "")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
