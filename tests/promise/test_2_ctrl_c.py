"""Promise 2, for Ctrl-C: the run stops with everything in flight settled, and goes on with nothing sent twice."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from headrace.model import RunState
from headrace.testing.http_server import RecordingServer
from tests.promise.processes import PATIENCE, command, environment, facts, headrace_run
from tests.promise.project import held_at, hook, live_run, received, write_project, write_rows

ROWS = 300


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_while_delivering(tmp_path: Path, server: RecordingServer, number: signal.Signals) -> None:
    """Promise 2: Ctrl-C while a request is under way waits for its answer and exits with 1; the run is live, nothing
    that was received is pending, and the next command delivers the rest: no call comes twice."""
    write_project(tmp_path, {"hook": hook(server, batch_size=10, in_flight=1)})
    write_rows(tmp_path, range(1, ROWS + 1))
    process = subprocess.Popen(
        command("run", "people", "--json"), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    with process:
        with held_at(server, user=25):
            process.send_signal(number)
            assert any("Stopping" in line for line in process.stderr)
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, output
    assert '"delivering"' in output
    sent = len(received(server.requests))
    run = live_run(tmp_path)
    assert run.state is RunState.DELIVERING
    assert 0 < run.counts["hook"].delivered == sent < ROWS
    (continued,) = facts(headrace_run(tmp_path, "run", "people", "--json"))["runs"]
    assert (continued["id"], continued["state"]) == (run.id, "succeeded")
    assert Counter(call["userId"] for call in received(server.requests)) == Counter(map(str, range(1, ROWS + 1)))


def test_ctrl_c_twice(tmp_path: Path, server: RecordingServer) -> None:
    """Promise 2: a second Ctrl-C does not wait for an answer that may never come: it quits at once with 130; the next
    command delivers the rest, and only what was in flight comes twice, as it was."""
    write_project(tmp_path, {"hook": hook(server, batch_size=10, in_flight=1)})
    write_rows(tmp_path, range(1, ROWS + 1))
    with subprocess.Popen(
        command("run", "people"), cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        with held_at(server, user=25):
            process.send_signal(signal.SIGINT)
            assert any("Stopping" in line for line in process.stderr)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 130
    sent = len(received(server.requests))
    run = live_run(tmp_path)
    assert run.state is RunState.DELIVERING
    assert sent - 2 * 10 <= run.counts["hook"].delivered < sent
    headrace_run(tmp_path, "run", "people")
    calls = received(server.requests)
    assert {call["userId"] for call in calls} == set(map(str, range(1, ROWS + 1)))
    assert len(calls) - ROWS == sent - run.counts["hook"].delivered
    assert len({json.dumps(call) for call in calls}) == ROWS
