"""A service with nothing in it, and its page in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from headrace.testing.http_server import RecordingServer
from tests.promise.project import write_config
from tests.serve.processes import Serving
from tests.web.browser import Tabs
from tests.web.house import SERVICE, House

Shoot = Callable[[Page, str], None]
REFUSED = "error: Failed to load resource: the server responded with a status of 502"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, server: RecordingServer) -> Iterator[House]:
    """A service that is set up, and to which nothing is connected yet."""
    folder = tmp_path_factory.mktemp("empty")
    write_config(folder, {"service": SERVICE})
    with Serving(folder) as service:
        house = House(service, server)
        house.set_up()
        yield house


def opened(
    tabs: Tabs, house: House, path: str, role: str = "owner", *, width: int = 1440, theme: str = "light"
) -> Page:
    page = tabs.open(house.service.url, house.session(role), width=width, theme=theme)
    page.goto(path)
    return page
