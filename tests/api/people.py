"""A service with its real gate, a clock held by hand, and people who sign in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI

from headrace.api.access import Access
from headrace.api.gate import PeopleGate
from headrace.api.main import create_app
from headrace.app import App
from headrace.keep.accounts import new_user
from headrace.keep.passwords import Passwords
from headrace.people import Entry, Role, User
from headrace.service import Service as Settings
from tests.api.asgi import Answer, Client

PASSWORD = "three blind mice in a row"
OURS = {"sec-fetch-site": "same-origin"}


@dataclass
class HandClock:
    """Time that moves by `advance` alone."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def random(self) -> float:
        return 0.5

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class House:
    """The API over ``app`` as it is served: with the gate and the guard; hashing is made cheap."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.clock = HandClock()
        app.clock = self.clock  # type: ignore[assignment]
        self.api: FastAPI = create_app(app, PeopleGate(app))
        self.access = Access(app)
        self.access.passwords = Passwords(time=1, memory=64)
        self.api.state.access = self.access

    def browser(self, address: str = "127.0.0.1") -> Client:
        """A browser on our own page, with nobody signed in."""
        return Client(self.api, dict(OURS), address=address)

    def program(self, token: str) -> Client:
        """A program with an API token."""
        return Client(self.api, {"authorization": f"Bearer {token}"})

    async def person(self, name: str, role: Role = Role.VIEWER, *, preview: bool = False) -> User:
        """Somebody with the password `PASSWORD`."""
        hashed = await self.access.passwords.hashed(PASSWORD)
        user = new_user(f"{name}@example.com", name.title(), role, self.clock.now(), preview=preview, password=hashed)
        await self.app.store.create_user(user)
        return user

    async def signed_in(self, user: User) -> Client:
        """A browser in which somebody has signed in."""
        browser = self.browser()
        answer = await sign_in(browser, user.email)
        assert answer.status == 200, answer.text
        return browser

    async def newcomer(self, name: str, role: Role = Role.VIEWER, *, preview: bool = False) -> Client:
        """A browser in which a new person has signed in."""
        return await self.signed_in(await self.person(name, role, preview=preview))

    def configure(self, **settings: Any) -> Settings:
        """Change the section ``service:`` of the live project."""
        service = replace(self.app.project.service, **settings)
        self.app.project = replace(self.app.project, service=service)
        return service

    async def log(self) -> list[Entry]:
        """The audit log, the oldest first."""
        return list(await self.app.store.audit(limit=1000))[::-1]

    async def actions(self) -> list[tuple[str, str, str]]:
        """Who did what to which thing."""
        return [(entry.change.actor, entry.change.action, entry.change.thing) for entry in await self.log()]


async def sign_in(browser: Client, email: str, password: str = PASSWORD) -> Answer:
    return await browser.post("/api/v1/session", json={"email": email, "password": password})
