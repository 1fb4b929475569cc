"""The API against its own document: whatever is asked, in its shape or any other, the answers keep to it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from headrace.api.main import create_app, described
from headrace.app import opened
from headrace.testing.http_server import RecordingServer
from tests.api.conftest import RoleGate, make_project

OTHERS = ("setup", "sessions", "people", "tokens", "write keys", "audit", "OpenID Connect")  # need the real gate
OWNER = {"Authorization": "Bearer owner+preview"}
CHECKS: Any = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance, negative_data_rejection, ignored_auth, unsupported_method,
]  # fmt: skip


@dataclass(frozen=True)
class Served:
    url: str
    run: str  # one that has ended, with a failed row

    def there(self, operation: Any) -> dict[str, Any]:
        """Path parameters that name what is there."""
        area = operation.path.split("/")[3]
        known = {"name": {"syncs": "people", "sources": "shop", "destinations": "hook"}.get(area), "run_id": self.run}
        return {name: value for name, value in known.items() if value and f"{{{name}}}" in operation.path}


@contextmanager
def served(folder: Path, hook: RecordingServer) -> Iterator[Served]:
    """The API on a port of its own, in a thread with its own loop."""
    started: Future[Served] = Future()
    stop: Future[None] = Future()

    async def serve() -> None:
        async with opened(folder, make_project(folder, hook)) as app:
            run = await app.carry(await app.begin("people"))
            config = uvicorn.Config(create_app(app, RoleGate()), port=0, log_level="critical", lifespan="off")
            listening = config.bind_socket()
            listening.listen()  # from now on whoever connects waits at most
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([listening]))
            started.set_result(Served(f"http://127.0.0.1:{listening.getsockname()[1]}", run.id))
            await asyncio.wrap_future(stop)
            server.should_exit = True
            await serving

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield started.result(30)
    finally:
        stop.set_result(None)
        thread.join()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with RecordingServer() as hook, served(tmp_path_factory.mktemp("served"), hook) as running:
        yield running


def operations() -> list[Any]:
    document = described()
    schema: Any = schemathesis.openapi.from_dict(document)
    found = [result.ok() for result in schema.get_all_operations()]
    return [one for one in found if not set(one.tags or ()) & set(OTHERS)]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
@pytest.mark.parametrize("operation", operations(), ids=lambda one: one.definition.raw["operationId"])
def test_answers_keep_to_the_document(operation: Any, mode: GenerationMode, service: Served) -> None:
    """No request makes the service fail; each answer's status, type and shape stand in the document."""

    there = service.there(operation) if mode is GenerationMode.POSITIVE else {}

    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=there or None))
    @settings(
        max_examples=4, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def ask(case: Any) -> None:
        case.call_and_validate(base_url=service.url, headers=OWNER, checks=CHECKS)

    ask()
