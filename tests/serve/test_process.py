"""`headrace serve`, the whole of it, as a process: from an empty folder to delivered rows; stopped, killed, watched."""

from __future__ import annotations

import json
import signal
import sqlite3
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from headrace.testing.http_server import RecordingServer
from tests.promise.processes import PATIENCE, command, environment, headrace_run
from tests.promise.project import held_at, hook, received, write_config, write_project, write_rows
from tests.serve.processes import Serving, until

ROWS = 300


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


def warehouse(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "shop.sqlite")) as shop, shop:
        shop.execute("CREATE TABLE people (id TEXT, name TEXT)")
        shop.executemany("INSERT INTO people VALUES (?, ?)", [("u1", "Ann"), ("u2", "Bob"), (None, "Nobody")])


def test_from_nothing_to_delivered_rows(tmp_path: Path, server: RecordingServer) -> None:
    """In an empty folder: the one-time code makes the owner, the API makes source, destination and sync, the schedule
    runs it by itself, the rows arrive, and the failed one is listed; after a restart all of it is still there."""
    warehouse(tmp_path)
    (tmp_path / "headrace.yaml").write_text("service:\n  egress_allow: [127.0.0.0/8]\n")
    with Serving(tmp_path) as service:
        service.own()
        sync = {
            "source": "shop", "call": "identify", "destinations": ["hook"],
            "query": 'SELECT id AS "userId", name FROM people', "schedule": "every hour",
        }  # fmt: skip
        made = {
            "sources": ("shop", {"type": "sqlite", "path": "shop.sqlite"}),
            "destinations": ("hook", hook(server)),
            "syncs": ("people", sync),
        }
        for section, (name, definition) in made.items():
            service.post(f"/api/v1/{section}", {"name": name, "definition": definition})
        run = until(lambda: service.get("/api/v1/runs")["items"])[0]
        ended = service.ended(run["id"])
        assert (ended["state"], ended["trigger"]) == ("partial", "schedule")
        counts = {"delivered": 2, "duplicate": 0, "invalid": 1, "rejected": 0, "pending": 0}
        assert ended["destinations"] == {"hook": counts}
        assert [row["row"] for row in service.get(f"/api/v1/runs/{run['id']}/failures")["items"]] == [3]
        assert service.stop() == 0
        service.start()
        assert service.get("/api/v1/syncs/people")["last_run"]["id"] == run["id"]
        assert service.get("/api/v1/syncs/people")["next_due"] is not None
    assert {call["userId"] for call in received(server.requests)} == {"u1", "u2"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_stopped_amid_a_run(tmp_path: Path, server: RecordingServer, number: int) -> None:
    """SIGTERM while a request is under way waits for its answer, settles it and exits with 0: nothing comes twice.
    SIGKILL may send again what was in flight, with the same messageId. Either way the next start goes on by itself,
    and every row arrives."""
    write_project(tmp_path, {"hook": hook(server, batch_size=10, in_flight=1)}, schedule="every hour")
    write_rows(tmp_path, range(1, ROWS + 1))
    with Serving(tmp_path) as service:
        service.own()
        with held_at(server, user=25):
            service.process.send_signal(number)
            if number == signal.SIGTERM:
                until(lambda: "stopping" in service.log.read_text())
        assert service.gone() == (0 if number == signal.SIGTERM else -signal.SIGKILL)
        service.start()
        (run,) = service.get("/api/v1/runs")["items"]
        assert service.ended(run["id"])["state"] == "succeeded"
    calls = received(server.requests)
    assert {call["userId"] for call in calls} == set(map(str, range(1, ROWS + 1)))
    assert len({(call["userId"], call["messageId"]) for call in calls}) == ROWS
    if number == signal.SIGTERM:
        assert len(calls) == ROWS


def test_quit_at_once(tmp_path: Path, server: RecordingServer) -> None:
    """Ctrl-C stops gently, and a second one does not wait for a destination that hangs; nothing is lost by it."""
    write_project(tmp_path, {"hook": hook(server, batch_size=10, in_flight=1)}, schedule="every hour")
    write_rows(tmp_path, range(1, 31))
    with Serving(tmp_path) as service:
        service.own()
        with held_at(server, user=5):
            service.process.send_signal(signal.SIGINT)
            until(lambda: "stopping" in service.log.read_text())
            service.process.send_signal(signal.SIGINT)
            assert service.gone() == 130
        service.start()
        (run,) = service.get("/api/v1/runs")["items"]
        assert service.ended(run["id"])["state"] == "succeeded"
    assert {call["userId"] for call in received(server.requests)} == set(map(str, range(1, 31)))


def test_health_and_metrics(tmp_path: Path, server: RecordingServer) -> None:
    """/healthz and /readyz need nobody, and tell what is wrong; /metrics needs a token that may view, and counts runs
    and calls by what became of them."""
    write_project(tmp_path, {"hook": hook(server)})
    write_rows(tmp_path, range(1, 4))
    with Serving(tmp_path) as service:
        assert service.ask("GET", "/healthz")[:2] == (200, {"status": "ok"})
        assert service.get("/readyz") == {"ready": True, "checks": {"store": "ok", "disk": "ok"}}
        assert service.ask("GET", "/metrics")[0] == 401
        assert service.ask("GET", "/nothing")[1]["error"]["code"] == "not_found"
        service.own()
        run = service.post("/api/v1/syncs/people/run")
        service.ended(run["id"])
        text = until(lambda: "headrace_runs_total{" in (text := service.get("/metrics")) and text)
        assert 'headrace_runs_total{state="succeeded",sync="people"} 1.0' in text
        assert 'headrace_calls_total{destination="hook",outcome="delivered",sync="people"} 3.0' in text
        assert 'headrace_request_seconds_count{method="GET",part="api",status="2xx"}' in text


def test_reload(tmp_path: Path, server: RecordingServer) -> None:
    """SIGHUP takes up what was edited in the files; a file that is wrong is told in the log, and changes nothing."""
    write_project(tmp_path, {"hook": hook(server)})
    write_rows(tmp_path, range(1, 4))
    with Serving(tmp_path) as service:
        service.own()
        (tmp_path / "headrace.yaml").write_text("syncs: [")
        service.process.send_signal(signal.SIGHUP)
        until(lambda: "The configuration has" in service.log.read_text())
        assert [sync["name"] for sync in service.get("/api/v1/syncs")["items"]] == ["people"]
        write_project(tmp_path, {"hook": hook(server)}, description="Edited")
        service.process.send_signal(signal.SIGHUP)
        until(lambda: service.get("/api/v1/syncs/people")["description"] == "Edited")
        assert service.get("/api/v1/syncs/people")["version"] == 2


def test_no_door_without_cover(tmp_path: Path) -> None:
    """To listen beyond this machine takes TLS, or the word that a proxy does it: else exit 2 and a sentence."""
    write_config(tmp_path, {})
    refused = headrace_run(tmp_path, "serve", "--listen", "0.0.0.0:0", check=False)
    assert refused.returncode == 2
    assert "[tls_required]" in refused.stderr
    for listen, code in (
        ("127.0.0.1", "bad_listen"),
        ("127.0.0.1:99999", "bad_listen"),
        ("192.0.2.1:0", "cannot_listen"),
    ):
        refused = headrace_run(tmp_path, "serve", "--listen", listen, "--behind-proxy", check=False)
        assert (refused.returncode, f"[{code}]" in refused.stderr) == (2, True), refused.stderr


def test_two_on_one_port(tmp_path: Path) -> None:
    """A second service on the same address says who is in its way, and exits with 2."""
    write_config(tmp_path, {})
    with Serving(tmp_path) as service:
        refused = headrace_run(tmp_path, "serve", "--listen", service.url.removeprefix("http://"), check=False)
    assert refused.returncode == 2
    assert "another program listens there" in refused.stderr


def test_own_tls(tmp_path: Path) -> None:
    """With a certificate of its own it speaks HTTPS, and its session cookie is for HTTPS alone."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))
    write_config(tmp_path, {"service": {"tls_certificate": "tls.pem", "tls_key": "tls.pem"}})
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with Serving(tmp_path, tls=context) as service:
        assert service.url.startswith("https://")
        me = {"code": service.setup_code(), "email": "a@example.com", "name": "A", "password": "a long enough secret"}
        status, _, headers = service.ask("POST", "/api/v1/setup", me)
        assert (status, "Secure" in headers["set-cookie"]) == (201, True)


def test_received_calls_are_delivered(tmp_path: Path, server: RecordingServer) -> None:
    """Calls that a program sends are acknowledged, survive a kill -9 right after, and are delivered by a run."""
    config = {
        "service": {"journal_seconds": 1},
        "sources": {"app": {"type": "http", "write_key": "wk"}},
        "destinations": {"hook": hook(server)},
        "syncs": {"app_calls": {"source": "app", "destinations": ["hook"]}},
    }
    write_config(tmp_path, config)
    calls = [{"type": "track", "userId": f"u{n}", "event": "Ordered", "messageId": f"m{n}"} for n in range(5)]
    with Serving(tmp_path) as service:
        status, body, _ = service.ask("POST", "/v1/batch", {"batch": calls, "writeKey": "wk"})
        assert (status, body) == (200, {})
        assert service.stop(signal.SIGKILL) == -signal.SIGKILL
        service.start()
        until(lambda: len(received(server.requests)) == 5)
    assert Counter(call["messageId"] for call in received(server.requests)) == Counter(f"m{n}" for n in range(5))


def test_traces(tmp_path: Path, server: RecordingServer) -> None:
    """With ``service.trace_to`` a span for each step of a run is sent by OTLP."""
    write_config(tmp_path, {})
    write_project(tmp_path, {"hook": hook(server)}, schedule="every hour")
    write_rows(tmp_path, range(1, 4))
    with open(tmp_path / "headrace.yaml", "a") as file:
        file.write(f"service:\n  trace_to: {server.url}\n")
    with Serving(tmp_path) as service:
        until(lambda: "a run ended" in service.log.read_text())
        assert service.stop() == 0
    spans = b"".join(request.body for request in server.requests if request.path == "/v1/traces")
    assert b"extract" in spans
    assert b"deliver" in spans
    assert b"people" in spans


def test_logs_are_lines_of_json_without_secrets(tmp_path: Path, server: RecordingServer) -> None:
    """Each line of the log is an object; the secrets of the configuration are in none."""
    write_project(tmp_path, {"hook": hook(server, auth="bearer", auth_token="t0p-s3cret")}, schedule="every hour")
    write_rows(tmp_path, range(1, 4))
    with Serving(tmp_path) as service:
        until(lambda: "a run ended" in service.log.read_text())
        assert service.stop() == 0
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert {"serving", "a run ended", "stopped"} <= {line["event"] for line in lines}
    assert "t0p-s3cret" not in service.log.read_text()


def test_another_state_folder(tmp_path: Path) -> None:
    """A second state folder on the same store is refused: its process would not have the parts of the first's runs."""
    write_config(tmp_path, {})
    env = {"HEADRACE_DATABASE_URL": f"sqlite:///{tmp_path}/shared.sqlite"}
    with Serving(tmp_path, env=env) as service:
        assert service.stop() == 0
    done = subprocess.run(
        command("serve", "--listen", "127.0.0.1:0"), cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE,
        env=environment() | env | {"HEADRACE_HOME": str(tmp_path / "elsewhere")}, check=False,
    )  # fmt: skip
    assert (done.returncode, "[other_folder]" in done.stderr) == (1, True), done.stderr
