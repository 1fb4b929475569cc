"""The official SDKs for Python as a program uses them, and what a call of each kind is to arrive as."""

from __future__ import annotations

import importlib
import time
from datetime import UTC, datetime
from typing import Any

SDKS = ("customerio", "segment", "rudderstack")
WHEN = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
WRITTEN = "2026-01-02T03:04:05.678Z"

# By messageId.
EXPECTED: dict[str, dict[str, Any]] = {
    "m-identify": {"type": "identify", "traits": {"email": "ada@example.com", "age": 36, "nick": None}},
    "m-track": {"type": "track", "event": "Order Completed", "properties": {"total": 12.5, "items": [1, 2]}},
    "m-page": {"type": "page", "name": "Start", "category": "Docs", "properties": {"url": "https://example.com/"}},
    "m-screen": {"type": "screen", "name": "Home", "category": "App", "properties": {"width": 3}},
    "m-group": {"type": "group", "groupId": "g1", "traits": {"name": "Acme"}},
    "m-alias": {"type": "alias", "previousId": "old"},
}


def client(sdk: str, url: str, key: str, **settings: Any) -> Any:
    module = importlib.import_module(f"{sdk}.analytics.client")
    return module.Client(key, host=url, **settings)


def ended(client: Any) -> None:
    """Wait until all is sent."""
    client.flush()
    client.join()


def send_all(client: Any, prefix: str = "") -> None:
    """One call of each kind."""
    ids = {message_id.removeprefix("m-"): prefix + message_id for message_id in EXPECTED}
    client.identify(
        "u1", {"email": "ada@example.com", "age": 36, "nick": None}, timestamp=WHEN, message_id=ids["identify"]
    )
    client.track("u1", "Order Completed", {"total": 12.5, "items": [1, 2]}, timestamp=WHEN, message_id=ids["track"])
    client.page("u1", "Docs", "Start", {"url": "https://example.com/"}, timestamp=WHEN, message_id=ids["page"])
    client.screen("u1", "App", "Home", {"width": 3}, timestamp=WHEN, message_id=ids["screen"])
    client.group("u1", "g1", {"name": "Acme"}, timestamp=WHEN, message_id=ids["group"])
    client.alias("old", "u1", timestamp=WHEN, message_id=ids["alias"])


def meant(call: dict[str, Any], message_id: str) -> dict[str, Any]:
    """What `EXPECTED` says of a call, as it arrives from this SDK: Segment and RudderStack put the name of a page into
    its properties too."""
    expected = dict(EXPECTED[message_id])
    if "properties" in expected and "name" in call.get("properties", {}):
        expected["properties"] = {**expected["properties"], "name": expected["name"]}
    return {"userId": "u1", "timestamp": WRITTEN} | expected


class Hurried:
    """The module ``time`` for an SDK whose waits between two tries take a twentieth of what they should."""

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / 20)
