"""A service with a mail server and people, and the settings in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

from headrace.testing.http_server import RecordingServer
from tests.promise.project import hook, write_config
from tests.serve.processes import Serving
from tests.upkeep.mail_server import Inbox, mail_server
from tests.web.browser import Tabs
from tests.web.house import PASSWORD, QUERY, House, sqlite_shop

AREAS = ("account", "tokens", "people", "write-keys", "secrets", "audit", "alerts", "retention", "network", "about")
FOR_ALL = ["Account", "API tokens", "Alerts", "Network", "About"]


@pytest.fixture(scope="module")
def inbox() -> Iterator[Inbox]:
    """A real mail server."""
    with mail_server() as box:
        yield box


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, server: RecordingServer, inbox: Inbox) -> Iterator[House]:
    """A service with a mail server, a source that takes calls, an alert channel in its file, and one run behind it."""
    folder = tmp_path_factory.mktemp("office")
    mail = {"host": "127.0.0.1", "port": inbox.port, "sender": "headrace@example.com", "tls": "none"}
    people = {"source": "shop", "call": "identify", "query": QUERY, "destinations": ["crm"]}
    write_config(
        folder,
        {
            "service": {"mail": mail, "retention": {"errors": "60 days"}},
            "sources": {"shop": sqlite_shop(folder), "app": {"type": "http"}},
            "destinations": {"crm": hook(server)},
            "syncs": {"people": people, "received": {"source": "app", "destinations": ["crm"]}},
            "alerts": {"pager": {"type": "webhook", "url": f"{server.url}/pager", "on": ["late"]}},
        },
    )
    with Serving(folder, env={"IN_THE_ENVIRONMENT": "yes"}) as service:
        house = House(service, server)
        house.set_up()
        house.run_people()
        yield house


def opened(house: House, tabs: Tabs, area: str, role: str = "owner", **how: Any) -> Page:
    page = tabs.open(house.service.url, house.session(role), **how)
    page.goto(f"/settings/{area}")
    return page


def row(page: Page, table: str, text: str) -> Locator:
    return page.get_by_role("table", name=table, exact=True).get_by_role("row").filter(has_text=text)


def drawer(page: Page, name: str) -> Locator:
    return page.get_by_role("dialog", name=name)


def invited(house: House, name: str, role: str = "viewer") -> dict[str, Any]:
    """Somebody who has not come yet."""
    body = {"email": f"{name}@example.com", "name": name.title(), "role": role}
    answer: dict[str, Any] = house.post("/api/v1/users", body)
    return answer


def joined(house: House, name: str, role: str = "viewer") -> str:
    """Somebody who has; the cookie of their session."""
    house.sessions.setdefault(name, "")
    code = invited(house, name, role)["code"]
    ours = {"Origin": house.service.url, "Sec-Fetch-Site": "same-origin"}
    given = {"code": code, "password": PASSWORD}
    status, content, headers = house.service.ask("POST", "/api/v1/session/invitation", given, **ours)
    assert status == 200, content
    return headers["set-cookie"].partition(";")[0]


def status_of(house: House, method: str, path: str, **headers: str) -> int:
    return house.service.ask(method, path, None if method == "GET" else {}, **headers)[0]
