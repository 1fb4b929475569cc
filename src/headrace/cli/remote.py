"""The command line against a running service: the same commands, over its API, with a token.

export HEADRACE_SERVER=https://headrace.example.com HEADRACE_TOKEN=hdr_…
headrace runs people
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from rich.text import Text

from headrace.aio import in_thread
from headrace.cli import show
from headrace.cli.command import Server
from headrace.cli.failures import format_of, print_failures
from headrace.cli.syncs import FACTS, print_syncs
from headrace.errors import HeadraceError, Unreachable, UsageError
from headrace.model import CallKind, Counts, Failure, Problem, Run, RunState
from headrace.net.http import AiohttpClient
from headrace.preview import Preview, PreviewRow

_ASK_EVERY = 0.5  # seconds between two looks at a run


class Client:
    """Asks the API and turns its errors into ours."""

    def __init__(self, server: Server, http: AiohttpClient) -> None:
        self._server, self._http = server, http

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer's JSON. Raises `HeadraceError` with the service's own code."""
        headers = self._headers
        sent = () if body is None else (orjson.dumps(body),)
        if sent:
            headers["Content-Type"] = "application/json"
        try:
            answer = await self._http.request(method, f"{self._server.url}/api/v1{path}", body=sent, headers=headers)
        except Unreachable as error:
            raise self._silent(error) from None
        if answer.status >= 300:
            raise _refused(answer.status, answer.body, self._server.url)
        told = _object(answer.body)
        if told is None:
            raise _not_headrace(answer.status, self._server.url)
        return told

    async def download(self, path: str, output: Path) -> None:
        """Write an answer to a file as it comes; nothing half is left. Raises `HeadraceError`."""
        aside = output.with_name(f"{output.name}.part")
        try:
            with await in_thread(open, aside, "wb") as file:
                url = f"{self._server.url}/api/v1{path}"
                answer = await self._http.download(url, file, headers=self._headers)
            if answer.status != 200:
                raise _refused(answer.status, answer.body, self._server.url)
            await in_thread(aside.replace, output)
        except Unreachable as error:
            raise self._silent(error) from None
        except OSError as error:
            raise UsageError(f"The file {str(output)!r} cannot be written: {error.strerror}.") from error
        finally:
            with suppress(OSError):  # FileNotFoundError: it is in its place
                await in_thread(aside.unlink)

    def _silent(self, error: Unreachable) -> HeadraceError:
        """What to do where nobody answered."""
        return Unreachable(f"{error.message} The service is looked for at {self._server.url} (--server).")

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._server.token}", "Accept": "*/*"}


def _refused(status: int, body: bytes, url: str) -> HeadraceError:
    match _object(body):
        case {"error": {"message": str(message), "code": str(code)}}:
            kind = UsageError if status in (400, 404, 409, 422) else HeadraceError
            return kind(message, code=code)
    return _not_headrace(status, url)


def _object(body: bytes) -> dict[str, Any] | None:
    """A JSON object; None for anything else."""
    try:
        told = orjson.loads(body)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _not_headrace(status: int, url: str) -> HeadraceError:
    message = f"{url} answered with HTTP {status} and nothing that Headrace says. Check the address of the service."
    return HeadraceError(message, code="not_headrace")


@asynccontextmanager
async def _client(server: Server) -> AsyncIterator[Client]:
    http = AiohttpClient()
    try:
        yield Client(server, http)
    except KeyError as error:  # JSON of somebody else, or of a version with other words
        raise _not_headrace(200, server.url) from error
    finally:
        await http.close()


async def run_syncs(
    server: Server, names: Sequence[str], *, fresh: bool, full: bool, quiet: bool, json_output: bool
) -> int:
    """Start runs there and follow them to their end; Ctrl-C ends the following, not the runs."""
    if fresh:
        raise UsageError("--fresh is for the machine of the service: there, an interrupted run is taken up by itself.")
    async with _client(server) as client:
        known = {sync["name"]: sync for sync in await _all(client, "/syncs")}
        for name in names:
            if name not in known:  # before any run is started
                await client.ask("GET", f"/syncs/{quote(name, safe='')}")
        chosen = list(names) or [name for name, sync in known.items() if sync["enabled"] and sync["call"]]
        started = [await client.ask("POST", f"/syncs/{quote(name)}/{'run-full' if full else 'run'}") for name in chosen]
        if not quiet and not json_output:
            show.err.print(Text(f"Started {len(started)}. Ctrl-C stops watching; the runs go on."))
        done = await asyncio.gather(*(_followed(client, run["id"]) for run in started))
    if json_output:
        show.print_json({"runs": [show.run_fact(run) for run in done]})
    else:
        show.print_done(done)
    return 0 if all(run.state in (RunState.SUCCEEDED, RunState.SKIPPED) for run in done) else 1


async def list_syncs(server: Server, json_output: bool) -> int:
    async with _client(server) as client:
        found = await _all(client, "/syncs")
        status = await client.ask("GET", "/status")
    for sync in found:
        sync["schedule"] = "as calls come" if sync["call"] is None and sync["source"] else sync["schedule_words"]
        sync["troubles"] = [each["message"] for each in status["attention"] if each["sync"] == sync["name"]]
        sync["last_run"] = show.run_fact(_run(sync["last_run"])) if sync["last_run"] else None
    print_syncs([{name: sync[name] for name in FACTS} for sync in found], json_output)
    return 0


async def list_runs(server: Server, sync: str | None, limit: int, json_output: bool) -> int:
    async with _client(server) as client:
        wanted = f"?sync={quote(sync)}" if sync else ""
        found = [_run(told) for told in await _all(client, f"/runs{wanted}", limit)]
        if sync and not found:
            await client.ask("GET", f"/syncs/{quote(sync, safe='')}")  # refuses a name that nothing has
    if json_output:
        show.print_json({"runs": [show.run_fact(run) for run in found]})
        return 0
    for line in show.history(found) if found else [Text("No runs yet. Start one with: headrace run --all")]:
        show.out.print(line)
    return 0


async def show_failures(server: Server, wanted: str, output: Path | None, json_output: bool) -> int:
    """The failed rows of a run, on the screen, as JSON lines, or in a file."""
    ending = format_of(output) if output else ""
    async with _client(server) as client:
        run = await _chosen(client, wanted)
        if output is not None:
            await client.download(f"/runs/{run.id}/failures.{ending}", output)
            show.err.print(Text(f"Wrote the failed rows of {run.id} to {output}."), soft_wrap=True)
            return 0
        failed = await _all(client, f"/runs/{run.id}/failures", sys.maxsize)
    if not json_output:
        print_failures(run.id, failed)
        return 0
    for record in failed:
        show.print_json_line(record)
    return 0


async def cancel_run(server: Server, wanted: str, json_output: bool) -> int:
    async with _client(server) as client:
        run = await _chosen(client, wanted)
        cancelled = await _followed(client, (await client.ask("POST", f"/runs/{run.id}/cancel"))["id"])
    if json_output:
        show.print_json({"runs": [show.run_fact(cancelled)]})
    else:
        show.out.print(Text(f"The run {cancelled.id} is {cancelled.state}."))
    return 0


async def set_enabled(server: Server, sync: str, enabled: bool) -> None:
    async with _client(server) as client:
        await client.ask("POST", f"/syncs/{quote(sync)}/{'enable' if enabled else 'disable'}")
    show.out.print(Text(f"The sync {sync!r} is {'enabled' if enabled else 'disabled'}."))


async def set_cursor(server: Server, sync: str, cursor: int) -> None:
    async with _client(server) as client:
        await client.ask("PUT", f"/syncs/{quote(sync)}/last-sync-time", {"last_sync_time": cursor})
    what = "everything" if cursor == 0 else f"what changed since {cursor}"
    show.out.print(Text(f"The next run of {sync!r} sends {what}."))


async def preview_sync(server: Server, sync: str, limit: int, last_sync_time: int | None, json_output: bool) -> int:
    async with _client(server) as client:
        body = {"limit": limit, "last_sync_time": last_sync_time or 0}
        told = await client.ask("POST", f"/syncs/{quote(sync)}/preview", body)
    preview = _preview(told)
    if json_output:
        show.print_json(show.preview_fact(preview))
    elif preview.rows:
        show.print_preview(preview)
    else:
        show.out.print(Text("The query returns no rows."))
    return 0


async def resend_rows(
    server: Server, wanted: str, destinations: Sequence[str], *, quiet: bool, json_output: bool
) -> int:
    """Send the failed rows of a run again, and follow that to its end."""
    async with _client(server) as client:
        run = await _chosen(client, wanted)
        body = {"destinations": list(destinations)} if destinations else {}
        if not quiet and not json_output:
            show.err.print(Text("Ctrl-C stops watching; the run goes on."))
        done = await _followed(client, (await client.ask("POST", f"/runs/{run.id}/resend", body))["id"])
    if json_output:
        show.print_json({"runs": [show.run_fact(done)]})
    else:
        show.print_done([done])
    return 0 if done.state is RunState.SUCCEEDED else 1


async def _followed(client: Client, run_id: str) -> Run:
    while True:
        run = _run(await client.ask("GET", f"/runs/{run_id}"))
        if not run.state.live:
            return run
        await asyncio.sleep(_ASK_EVERY)


async def _chosen(client: Client, wanted: str) -> Run:
    """The run with that id; for the name of a sync, its newest run."""
    try:
        return _run(await client.ask("GET", f"/runs/{quote(wanted, safe='')}"))
    except UsageError as error:
        newest = await client.ask("GET", f"/runs?limit=1&sync={quote(wanted, safe='')}")
        if not newest["items"]:
            await _require_run(client, wanted, error)
        return _run(newest["items"][0])


async def _require_run(client: Client, wanted: str, error: UsageError) -> None:
    """Raises what is true of a name that has no run: its sync has not run yet, or ``error``."""
    try:
        await client.ask("GET", f"/syncs/{quote(wanted, safe='')}")
    except UsageError:
        raise error from None
    raise UsageError(f"The sync {wanted!r} has not run yet. Run it with: headrace run {wanted}", code="unknown_run")


async def _all(client: Client, path: str, limit: int = 10_000) -> list[dict[str, Any]]:
    """The items of a list over its pages."""
    found: list[dict[str, Any]] = []
    cursor, joint = "", "&" if "?" in path else "?"
    while len(found) < limit:
        page = await client.ask("GET", f"{path}{joint}limit={min(200, limit - len(found))}{cursor}")
        found += page["items"]
        if not page["next"]:
            break
        cursor = f"&cursor={quote(page['next'])}"
    return found


def _run(told: dict[str, Any]) -> Run:
    code, error = told["error_code"], told["error"]
    return Run(
        id=told["id"],
        sync=told["sync"],
        state=RunState(told["state"]),
        attempt=0,
        trigger=told["trigger"],
        call=CallKind(told["call"]) if told["call"] else None,
        cursor=told["last_sync_time"],
        as_of=told["next_last_sync_time"],
        spec={},
        destinations=tuple(told["destinations"]),
        created_at=datetime.fromisoformat(told["created_at"]),
        started_at=_moment(told["started_at"]),
        ended_at=_moment(told["ended_at"]),
        extracted=told["extracted"],
        unmapped=told["unmapped"],
        counts={name: Counts(**counts) for name, counts in told["destinations"].items()},
        problem=Problem(code, error.removesuffix(f" [{code}]")) if code else None,
        warnings=tuple(told["warnings"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _preview(told: dict[str, Any]) -> Preview:
    rows = [
        PreviewRow(row["row"], row["values"], row["call"], [
            Failure(error["code"], error["message"], error["column"]) for error in row["errors"]
        ])
        for row in told["rows"]
    ]  # fmt: skip
    return Preview([(column["name"], column["type"]) for column in told["columns"]], rows, told["warnings"])
