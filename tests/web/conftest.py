"""Services and browsers that the tests of the page share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from headrace.testing.http_server import RecordingServer
from headrace.testing.postgres import PostgresServer, postgres_binaries
from headrace.web.site import BUILT
from tests.serve.processes import Serving
from tests.web.browser import SHOTS, Tabs, chromium, shot
from tests.web.house import House, sqlite_shop, write_shop

Report = pytest.TestReport
_REPORT = pytest.StashKey[dict[str, Report]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Report, Report]:
    """Lets `tabs` know at its end how the test went."""
    report = yield
    item.stash.setdefault(_REPORT, {})[report.when] = report
    return report


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. For a module, not for the session: while Playwright runs, asyncio believes in this thread that its loop
    does, and tests of other modules want one of their own."""
    if not (BUILT / "index.html").is_file():
        pytest.fail("The page is not built: make web")
    with chromium() as browser:
        yield browser


@pytest.fixture
def tabs(browser: Browser, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tabs]:
    """Opens tabs; whatever goes wrong in one fails the test, and a failed test leaves pictures of them."""
    tabs = Tabs(browser)
    yield tabs
    report = request.node.stash.get(_REPORT, {}).get("call")
    if report is not None and report.failed:
        paths = tabs.photograph(Path(SHOTS or tmp_path) / "failed", request.node.name)
        report.sections.append(("Screenshots", "\n".join(map(str, paths))))
    tabs.close()


@pytest.fixture
def shoot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps a named screenshot where HEADRACE_SHOTS says; without that, none."""

    def shoot(page: Page, name: str) -> None:
        if SHOTS:
            shot(page, Path(SHOTS), name)

    return shoot


@pytest.fixture(scope="module")
def server() -> Iterator[RecordingServer]:
    """Takes every call, unless a test says otherwise."""
    with RecordingServer() as recording:
        yield recording


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server."""
    if postgres_binaries() is None:
        pytest.skip("no PostgreSQL server installed")
    with PostgresServer() as running:
        yield running


@pytest.fixture
def fresh(tmp_path: Path, server: RecordingServer) -> Iterator[House]:
    """A service of the test's own that nobody has set up, with the sync `people` in its files."""
    write_shop(tmp_path, sqlite_shop(tmp_path), server)
    with Serving(tmp_path) as service:
        yield House(service, server)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, server: RecordingServer) -> Iterator[House]:
    """A service that the tests of a module share, set up, with one run of the sync `people`: to be looked at."""
    folder = tmp_path_factory.mktemp("house")
    write_shop(folder, sqlite_shop(folder), server)
    with Serving(folder) as service:
        house = House(service, server)
        house.set_up()
        house.run_people()
        yield house
