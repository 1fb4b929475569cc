"""The commands against a running service: they say the same as on its own machine, and every refusal in a sentence."""

from __future__ import annotations

import csv
import io
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.testing.http_server import Answer, RecordingServer
from tests.cli.conftest import Ended, Headrace
from tests.promise.project import NUMBERS, write_config, write_table
from tests.serve.processes import Serving

ROWS = 4_000
WIDE = "x" * 600  # bytes of each row's name: all rows together are more than 2 MB
CONFIG: dict[str, Any] = {
    "sources": {"numbers": NUMBERS, "app": {"type": "http", "write_key": "${APP_KEY:-a-key-of-the-app}"}},
    "destinations": {"files": {"type": "files", "path": "out"}},
    "syncs": {
        "people": {
            "source": "numbers", "call": "identify", "destinations": ["files"],
            "query": 'SELECT id AS "userId", name FROM numbers',
        },
        "nobody": {
            "source": "numbers", "call": "identify", "destinations": ["files"], "enabled": False,
            "query": 'SELECT NULL AS "userId", name FROM numbers',
        },
        "typo": {
            "source": "numbers", "call": "identify", "destinations": ["files"], "enabled": False,
            "query": 'SELECT id AS "userId", nmae FROM numbers',
        },
        "calls": {"source": "app", "destinations": ["files"]},
    },
}  # fmt: skip

_READ: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "csv": lambda file: list(csv.DictReader(io.StringIO(file.read_text(), newline=""))),
    "jsonl": lambda file: [json.loads(line) for line in file.read_text().splitlines()],
    "parquet": lambda file: pq.read_table(file).to_pylist(),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A service whose sync ``people`` succeeds, ``nobody`` has only rows without an id, and ``typo`` fails."""
    folder = tmp_path_factory.mktemp("service")
    write_config(folder, CONFIG)
    write_table(folder, pa.table({"id": pa.array(range(ROWS), pa.int64()), "name": [WIDE] * ROWS}))
    with Serving(folder) as serving:
        serving.own()
        yield serving


@pytest.fixture
def here(service: Serving, capsys: pytest.CaptureFixture[str]) -> Headrace:
    """The command line on the service's own machine."""
    return Headrace(service.log.parent, capsys)


@pytest.fixture
def there(
    service: Serving, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Headrace:
    """The command line in an empty folder, with the service's address and a token."""
    monkeypatch.setenv("HEADRACE_SERVER", service.url)
    monkeypatch.setenv("HEADRACE_TOKEN", service.token)
    return Headrace(tmp_path, capsys)


@pytest.fixture
def both(here: Headrace, there: Headrace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Ended, Ended]]:
    """What one command says here, and there."""

    def ask(*args: str) -> tuple[Ended, Ended]:
        with monkeypatch.context() as patch:
            patch.delenv("HEADRACE_SERVER")
            local = here(*args)
        return local, there(*args)

    return ask


def of_any_run(told: Any) -> Any:
    """A JSON answer without what differs from run to run."""
    ours = ("id", "created_at", "started_at", "ended_at", "next_last_sync_time", "last_sync_time")
    return [{key: value for key, value in run.items() if key not in ours} for run in told["runs"]]


@pytest.mark.parametrize(
    "command", ["runs", "runs nobody", "runs -n 1", "errors nobody", "preview people -n 2", "preview nobody", "syncs"]
)
def test_the_same_json(there: Headrace, both: Callable[..., tuple[Ended, Ended]], command: str) -> None:
    """What looks at something prints the same JSON there as here, also with more rows than one page of the API has."""
    there("run", "people", "nobody", "-q")
    local, remote = both(*command.split(), "--json")
    assert (remote.code, remote.err) == (local.code, local.err) == (0, "")
    assert remote.out == local.out


@pytest.mark.parametrize("command", ["runs", "errors nobody", "preview people -n 2"])
def test_the_same_words(there: Headrace, both: Callable[..., tuple[Ended, Ended]], command: str) -> None:
    """And the same words, where no JSON is asked for."""
    there("run", "people", "nobody", "-q")
    local, remote = both(*command.split())
    assert (remote.code, remote.out) == (local.code, local.out)


@pytest.mark.parametrize("command", ["run people", "run people --full", "run nobody", "run typo", "run --all"])
def test_the_same_runs(both: Callable[..., tuple[Ended, Ended]], command: str) -> None:
    """What runs a sync waits for its end, and prints the same JSON with the same exit code as here."""
    local, remote = both(*command.split(), "--json")
    assert remote.code == local.code, remote.err
    assert of_any_run(remote.json) == of_any_run(local.json)


def test_resend(there: Headrace, both: Callable[..., tuple[Ended, Ended]]) -> None:
    """Failed rows are sent again there as here; the newest run of a sync is found by the sync's name."""
    run = there("run", "nobody", "--json").json["runs"][0]
    local, remote = both("resend", run["id"], "--json")
    assert (remote.code, of_any_run(remote.json)) == (local.code, of_any_run(local.json))
    assert there("resend", "nobody", "--json").json["runs"][0]["extracted"] == ROWS


def test_the_switches(service: Serving, there: Headrace, both: Callable[..., tuple[Ended, Ended]]) -> None:
    """disable, enable and reset say the same there as here, and the service knows it at once."""
    for command, key, value in (
        ("disable people", "enabled", False),
        ("enable people", "enabled", True),
        ("reset people --to 1795466179", "last_sync_time", 1795466179),
        ("reset people", "last_sync_time", 0),
    ):
        local, remote = both(*command.split())
        assert (remote.code, remote.out, remote.err) == (0, local.out, "")
        assert service.get("/api/v1/syncs/people")[key] == value


def test_cancel(there: Headrace, both: Callable[..., tuple[Ended, Ended]]) -> None:
    """A run that has ended cannot be cancelled, there as here."""
    there("run", "people", "-q")
    local, remote = both("cancel", "people", "--json")
    assert (remote.code, remote.err) == (local.code, local.err)
    assert remote.code != 0


@pytest.mark.parametrize(
    "command",
    ["run nothing", "runs nothing", "errors nothing", "cancel nothing", "preview nothing", "enable nothing",
     "reset nothing", "resend nothing", "run calls", "run people --full --fresh", "run"],
)  # fmt: skip
def test_the_same_refusals(both: Callable[..., tuple[Ended, Ended]], command: str) -> None:
    """What cannot be is refused with the same exit code and error code, and the message names it."""
    local, remote = both(*command.split())
    assert local.code == 2, local.err
    assert (remote.code, remote.err.rpartition("[")[2]) == (local.code, local.err.rpartition("[")[2])
    assert "nothing" not in command or "'nothing'" in remote.err


def test_an_unknown_sync_starts_nothing(service: Serving, there: Headrace) -> None:
    """Where one of several syncs does not exist, none is run."""
    before = service.get("/api/v1/runs?limit=1")["items"]
    assert there("run", "people", "nothing").code == 2
    assert service.get("/api/v1/runs?limit=1")["items"] == before


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_failed_rows_in_a_file(there: Headrace, ending: str) -> None:
    """The file holds every row, however many megabytes, and nothing else is left beside it."""
    there("run", "nobody", "-q")
    file = there.folder / f"failed.{ending}"
    ended = there("errors", "nobody", "-o", str(file))
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.endswith(f" to {file}.\n")
    rows = _READ[ending](file)
    assert len(rows) == ROWS
    assert {row["code"] for row in rows} == {"missing_identifier"}
    assert ending == "parquet" or file.stat().st_size > 1_000_000
    assert list(there.folder.iterdir()) == [file]


def test_files_that_cannot_be(there: Headrace) -> None:
    """An ending that says nothing, a folder that is not there and a run that is not there are told; no file is made."""
    there("run", "nobody", "-q")
    for command, sentence in (
        ("errors nobody -o failed.xls", "has no known ending"),
        (f"errors nobody -o {there.folder}/none/failed.csv", "cannot be written: No such file or directory"),
        (f"errors nothing -o {there.folder}/failed.csv", "'nothing'"),
    ):
        ended = there(*command.split())
        assert (ended.code, ended.out) == (2, "")
        assert sentence in ended.err
    assert list(there.folder.iterdir()) == []


def test_no_token(there: Headrace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token the message says how one is made; the help needs none."""
    monkeypatch.delenv("HEADRACE_TOKEN")
    ended = there("runs")
    assert (ended.code, ended.out) == (2, "")
    assert "headrace token new EMAIL NAME" in ended.err
    assert "[no_token]" in ended.err
    assert there("runs", "--help").code == 0


@pytest.mark.parametrize("token", ["wrong", "hdr_1a2b3c4d_wrong", "ż"])
def test_wrong_tokens(there: Headrace, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """A token that is none, or that nobody has, is refused by the service, in a sentence without the token."""
    monkeypatch.setenv("HEADRACE_TOKEN", token)
    ended = there("runs")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.count("\n") == 1
    assert token not in ended.err


def test_a_token_that_may_not(service: Serving, there: Headrace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A viewer's token looks, and does not run; the message says which right is missing."""
    made = Headrace(service.log.parent, there.capture).child(
        "unset HEADRACE_SERVER; headrace token new ada@example.com v --role viewer"
    )
    monkeypatch.setenv("HEADRACE_TOKEN", made.out.strip())
    assert there("runs", "--json").code == 0
    for command in ("run people", "preview people"):
        ended = there(*command.split())
        assert (ended.code, ended.out) == (1, "")
        assert "[forbidden]" in ended.err


def test_nobody_answers(there: Headrace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is down is told with its address, and with what to do."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    ended = there("--server", url, "runs")
    assert (ended.code, ended.out) == (1, "")
    assert url.removeprefix("http://") in ended.err
    assert "--server" in ended.err


@pytest.mark.parametrize(
    "answer", [Answer(200, b"<html>"), Answer(404, b"Not Found"), Answer(200, {"a": 1}), Answer(404, ["no"])]
)
def test_somebody_else_answers(there: Headrace, answer: Answer) -> None:
    """A server that is no Headrace is called so, whatever it answers."""
    with RecordingServer() as other:
        other.answer(answer)
        ended = there("--server", other.url, "runs")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("[not_headrace]\n")


@pytest.mark.parametrize("url", ["headrace.example.com", "ftp://headrace.example.com", "http://", "", "http://[1"])
def test_no_address(there: Headrace, url: str) -> None:
    """What is no address of a service is refused before anything is sent."""
    ended = there("--server", url, "runs")
    assert (ended.code, ended.out) == (2, "")
    assert "[bad_server]" in ended.err


@pytest.mark.parametrize("command", ["init", "check", "serve", "backup x.tar.gz", "secret list", "user list", "demo"])
def test_commands_for_a_folder(there: Headrace, command: str) -> None:
    """Commands that need the project's folder say so, and do nothing."""
    ended = there(*command.split())
    assert (ended.code, ended.out) == (2, "")
    assert "[not_remote]" in ended.err
    assert list(there.folder.iterdir()) == []
