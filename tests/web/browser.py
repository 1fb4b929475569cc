"""A real browser for tests: Debian's Chromium, driven by Playwright, and watched.

What no page may ever do fails the test that made it: an error in the console (a breach of the content security policy
and an answer of 500 are such), a script that throws, a request to anybody but the service.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

PHONE, LAPTOP, WIDE = 390, 1440, 2560  # widths in pixels
HEIGHTS = {PHONE: 844, LAPTOP: 900, WIDE: 1440}
SHOTS = os.environ.get("HEADRACE_SHOTS", "")  # the folder where screenshots are kept
_PATIENCE = 15_000  # milliseconds for anything that a test waits for
expect.set_options(timeout=_PATIENCE)

# The API refuses, and the page says so: the browser's own note of it is no error of the page.
_REFUSED = re.compile(r"^Failed to load resource: the server responded with a status of 4\d\d")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium that finds no other host than this machine."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    flags = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # it has none for root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        try:
            yield browser
        finally:
            browser.close()


class Tabs:
    """The tabs that one test opens; each in a browser profile of its own, unless it is told to share one."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.troubles: list[str] = []
        self.expected: list[str] = []  # beginnings of troubles that the test makes on purpose

    def open(
        self, url: str, cookie: str = "", *, width: int = LAPTOP, theme: str = "light", motion: bool = False,
        downloads: bool = False,
    ) -> Page:  # fmt: skip
        """A blank tab whose addresses begin at ``url``. ``cookie``: the session of somebody who is signed in.

        ``motion``: animations run; without, what a test sees is what stays.
        """
        context = self._browser.new_context(
            base_url=url,
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="no-preference" if motion else "reduce",
            locale="en-GB",
            timezone_id="UTC",
            accept_downloads=downloads,
        )
        context.set_default_timeout(_PATIENCE)
        if cookie:
            name, _, value = cookie.partition("=")
            context.add_cookies([{"name": name, "value": value, "url": url, "httpOnly": True, "sameSite": "Lax"}])
        self._contexts.append(context)
        self._watch(context, url)
        return context.new_page()

    def close(self) -> None:
        """Close all, and fail for what went wrong in any of them."""
        for context in self._contexts:
            context.close()
        troubles = [trouble for trouble in self.troubles if not trouble.startswith(tuple(self.expected))]
        assert not troubles, "\n".join(troubles)

    def photograph(self, folder: Path, name: str) -> list[Path]:
        """A screenshot of every open tab."""
        pages = [page for context in self._contexts for page in context.pages]
        return [shot(page, folder, f"{name}-{number}") for number, page in enumerate(pages, 1)]

    def _watch(self, context: BrowserContext, url: str) -> None:
        host = urlsplit(url).netloc

        def said(message: ConsoleMessage) -> None:
            refused = _REFUSED.match(message.text) and "/api/" in message.location["url"]
            if message.type in ("error", "warning") and not refused:
                self.troubles.append(f"{message.type}: {message.text}")

        def asked(request: Request) -> None:
            where = urlsplit(request.url)
            if where.scheme in ("http", "https", "ws", "wss") and where.netloc != host:
                self.troubles.append(f"request to another host: {request.url}")

        def opened(page: Page) -> None:
            page.on("websocket", lambda socket: asked_socket(socket.url))

        def asked_socket(address: str) -> None:
            if urlsplit(address).netloc != host:
                self.troubles.append(f"request to another host: {address}")

        context.on("console", said)
        context.on("request", asked)
        context.on("page", opened)
        context.on("weberror", lambda error: self.troubles.append(f"script: {error.error}"))


def shot(page: Page, folder: Path, name: str) -> Path:
    """A screenshot of the whole page as ``NAME.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{re.sub('[^A-Za-z0-9-]+', '-', name).strip('-')}.png"
    page.screenshot(path=path, full_page=True)
    return path
