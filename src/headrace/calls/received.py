"""A call that a program sent over HTTP, as one line of a journal: normalised, or with the reason why it is no call.

A line is JSON of a `Received`. Traits, properties, context and integrations stay the text that was sent, so that no
number loses a digit on its way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson

from headrace.calls.batch import iso
from headrace.calls.received_times import EPOCH, MILLISECOND
from headrace.model import CallKind, Failure

NOTHING = msgspec.Raw()


class Received(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call. ``code`` is empty for one that can be delivered; else ``given`` is what came, and the rest what of
    it could be read. Moments are milliseconds since 1970, in UTC.
    """

    at: int  # receivedAt: our clock when the request had arrived
    kind: str = ""  # of `CallKind`; "" where the call does not say
    message_id: str = ""
    user_id: str | None = None
    anonymous_id: str | None = None
    group_id: str | None = None
    previous_id: str | None = None
    name: str | None = None  # event of a track call, name of a page or screen
    category: str | None = None
    object_type_id: str | None = None  # where the traits of a group do not hold ``object_type_id``
    timestamp: int = 0
    context: msgspec.Raw = NOTHING  # JSON objects; nothing where there is none
    integrations: msgspec.Raw = NOTHING
    body: msgspec.Raw = NOTHING  # traits or properties
    rest: msgspec.Raw = NOTHING  # top-level fields without a place of their own: version, sentAt, …
    code: str = ""
    message: str = ""
    column: str | None = None
    given: msgspec.Raw = NOTHING  # JSON object, of one that is no call

    @property
    def failure(self) -> Failure | None:
        """Why it is no call; None for one that is."""
        return Failure(self.code, self.message, self.column) if self.code else None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Received)
_WIRE = {
    "message_id": "messageId",
    "user_id": "userId",
    "anonymous_id": "anonymousId",
    "group_id": "groupId",
    "previous_id": "previousId",
    "category": "category",
    "object_type_id": "objectTypeId",
}


def to_lines(calls: Iterable[Received]) -> bytes:
    """The calls as lines, each with its newline."""
    return _encoder.encode_lines(calls)


def from_lines(lines: bytes | memoryview) -> list[Received]:
    """The calls of whole lines. Raises `ValueError` for a damaged one."""
    return _decoder.decode_lines(lines)


def intact(lines: bytes) -> int:
    """How many bytes at the start are whole, undamaged lines: what was acknowledged of a journal is among them."""
    end = lines.rfind(b"\n") + 1
    try:
        from_lines(lines[:end])
    except ValueError:
        return _until_damage(lines[:end])
    return end


def _until_damage(lines: bytes) -> int:
    good = 0
    for line in lines.splitlines(keepends=True):
        try:
            _decoder.decode(line)
        except ValueError:
            break
        good += len(line)
    return good


def as_call(received: Received) -> dict[str, Any]:
    """The call in the spelling of the Pipelines API, for people; of one that is no call, what came."""
    if received.code:
        return _object(received.given)
    call: dict[str, Any] = {"type": received.kind}
    for name, wire in _WIRE.items():
        if (value := getattr(received, name)) is not None:
            call[wire] = value
    if received.name is not None:
        call["event" if received.kind == CallKind.TRACK else "name"] = received.name
    call["timestamp"], call["receivedAt"] = _iso(received.timestamp), _iso(received.at)
    for name in ("context", "integrations"):
        if raw := getattr(received, name):
            call[name] = _object(raw)
    if received.kind != CallKind.ALIAS:
        call[CallKind(received.kind).body] = _object(received.body)
    return {**_object(received.rest), **call}


def _iso(milliseconds: int) -> str:
    return iso(EPOCH + milliseconds * MILLISECOND)


def _object(raw: msgspec.Raw) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(bytes(raw)) if raw else {}
    return found
