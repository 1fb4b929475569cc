"""The OpenAPI document: complete, and true to what each route needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from headrace.api.document import needed, operations
from headrace.people import Action
from tests.api.conftest import Service

ROOT = Path(__file__).resolve().parents[2]


def documented(service: Service) -> list[tuple[str, dict[str, Any]]]:
    """Each operation as ``GET /path`` and what the document says of it."""
    document = service.api.openapi()
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


async def test_every_operation_is_named_and_described(service: Service) -> None:
    """Each operation has an id of its own that reads as a word, and a summary of its own."""
    found = documented(service)
    ids = [operation["operationId"] for _, operation in found]
    assert len(ids) == len(set(ids)) > 30
    assert [one for one in ids if not one.replace("_", "").isalpha() or len(one) > 40] == []
    titles = [where for where, operation in found if operation["summary"] == operation["operationId"].title()]
    assert titles == []
    assert [where for where, operation in found if not operation.get("tags")] == []


async def test_every_error_is_documented(service: Service) -> None:
    """Each operation tells how errors look, and those by name that its callers must expect."""
    for where, operation in documented(service):
        errors = {status for status in operation["responses"] if not status.startswith("2")}
        assert {"422", "default"} <= errors, where
        if operation.get("security") != []:
            assert "401" in errors, where
        if operation.get("x-needs") not in (None, "signed in"):
            assert "403" in errors, where
        for status in errors - {"3", "302", "303", "307"}:
            shape = operation["responses"][status]["content"]["application/json"]["schema"]
            assert shape == {"$ref": "#/components/schemas/ErrorBody"}, f"{where} {status}"


async def test_every_route_needs_one_thing(service: Service) -> None:
    """Each route asks for exactly one right, or for a caller at all, or is marked as public."""
    for method, path, route in operations(service.api):
        public = getattr(route.endpoint, "__public__", False)
        assert len(needed(route)) == (0 if public else 1), f"{method} {path}"


async def test_who_may_what(service: Service) -> None:
    """Reading never takes more than looking or administering; changing always takes more than looking."""
    for method, path, route in operations(service.api):
        for action in needed(route):
            if method == "GET":
                assert action in (None, Action.VIEW, Action.PREVIEW, Action.ADMINISTER, Action.CONNECT), path
            elif action is not None:
                assert action is not Action.VIEW, path


def test_the_script_prints_it() -> None:
    """`scripts/openapi` prints the same document, without a project."""
    done = subprocess.run([sys.executable, ROOT / "scripts/openapi"], capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    assert document["openapi"] == "3.1.0"
    assert "/api/v1/syncs/{name}/run" in document["paths"]
