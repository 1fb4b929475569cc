"""From the body of a request to received calls: read, normalise, and judge each.

Every item of a batch becomes one `Received`, in order; what is wrong with it is said there. Nothing is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec
import orjson

from headrace.calls.jsontext import strip_zeros
from headrace.calls.received import NOTHING, Received
from headrace.calls.received_times import corrected, moment
from headrace.calls.values import in_digits
from headrace.model import CallKind, Failure

Raws = dict[str, msgspec.Raw]
NewId = Callable[[], str]

MESSAGE_ID_LENGTH = 512  # characters
_CUT = 2_000  # characters kept of what cannot be read
_SPARE = 300  # levels by which JSON must be flatter than we could read it here
_IDS = {"userId": "user_id", "anonymousId": "anonymous_id", "groupId": "group_id"}
_TAKEN = {"type", "messageId", "timestamp", "context", "integrations", "channel", "writeKey", *_IDS}
_NAMES = {
    CallKind.TRACK: {"event": "name"},
    CallKind.PAGE: {"name": "name", "category": "category"},
    CallKind.SCREEN: {"name": "name", "category": "category"},
    CallKind.GROUP: {"objectTypeId": "object_type_id"},
    CallKind.ALIAS: {"previousId": "previous_id"},
}
_PLACED = {kind: _TAKEN | {*_NAMES.get(kind, ()), kind.body} for kind in CallKind}
_object = msgspec.json.Decoder(Raws)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.encode
_SPACED = re.compile(rb"[{\[,:]\s|\s[}\],:]|\A\s")
_KEY = re.compile(r'("writeKey"\s*:\s*")[^"]*')


class Wrong(ValueError):
    """What is wrong with a call or a request."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.failure = Failure(code, message, field)


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is taken, in bytes of uncompressed JSON. A call is measured without the spaces between its parts."""

    call: int = 32_768
    batch: int = 512_000


@dataclass(frozen=True, slots=True)
class Sent:
    """The JSON object of a request: its values, and the text of each."""

    values: dict[str, Any]
    raws: Raws
    size: int

    @property
    def write_key(self) -> str | None:
        key = self.values.get("writeKey")
        return key if isinstance(key, str) else None


def read(body: bytes) -> Sent:
    """The body of a request as JSON. Raises `Wrong`."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        body, values = _mended(body, error)
    if not isinstance(values, dict):
        raise Wrong("bad_json", "The body is no JSON object. Send an object: the call, or one with 'batch'.")
    try:
        if _SPACED.search(body):
            body = msgspec.json.format(body, indent=-1)
        deep = body.count(b"{") + body.count(b"[") > _SPARE
        return Sent(values, _decoded(body, _SPARE if deep else 0), len(body))
    except RecursionError:
        raise Wrong("bad_json", "The body is nested too deep. Send flatter JSON.") from None


def _decoded(body: bytes, spare: int) -> Raws:
    """The object's parts, read ``spare`` calls further down: whoever reads them later has that much room left."""
    return _decoded(body, spare - 1) if spare else _object.decode(body)


def refused(failure: Failure, at: int, body: bytes) -> Received:
    """A request of which nothing could be taken, with the start of what came."""
    text = _KEY.sub(r"\1•••", body[: 4 * _CUT].decode("utf-8", "replace"))[:_CUT]
    return _no_call(failure, at, msgspec.Raw(_encode({"text": text})))


def call(sent: Sent, kind: CallKind, at: int, sizes: Sizes, new_id: NewId) -> Received:
    """The call of a request for one call."""
    return _judged(sent.values, sent.raws, sent.size, kind, _Shared(), at, sizes, new_id)


def batch(sent: Sent, at: int, sizes: Sizes, new_id: NewId) -> list[Received]:
    """The calls of a batch. Raises `Wrong` where there is no list of them."""
    items = sent.values.get("batch")
    if not isinstance(items, list):
        raise Wrong("bad_batch", "A batch needs 'batch', a list of calls. Send {\"batch\": [...]}.", "batch")
    shared = _shared(sent)
    found = []
    for values, raw in zip(items, _list.decode(sent.raws["batch"]), strict=True):
        if isinstance(values, dict):
            size = len(bytes(raw))
            found.append(_judged(values, _object.decode(raw), size, None, shared, at, sizes, new_id))
        else:
            failure = Failure("not_an_object", "The call is no JSON object. Each item of 'batch' is one call.")
            found.append(_no_call(failure, at, msgspec.Raw(_encode({"text": bytes(raw).decode()[:_CUT]}))))
    return found


def _mended(body: bytes, error: orjson.JSONDecodeError) -> tuple[bytes, Any]:
    """JSON that is only wrong in half characters, which JavaScript cuts out of emoji: they become U+FFFD."""
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        mended = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        return mended, orjson.loads(mended)
    except (ValueError, RecursionError):
        raise Wrong("bad_json", f"The body is no JSON: {error}. Send valid JSON in UTF-8.") from None


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a batch says for all of its calls."""

    context: Raws | None = None
    integrations: Raws | None = None
    sent_at: int | None = None


def _shared(sent: Sent) -> _Shared:
    def objects(name: str) -> Raws | None:
        value = sent.values.get(name)
        if value is not None and not isinstance(value, dict):
            _no_object(name)
        return _object.decode(sent.raws[name]) if value else None

    return _Shared(objects("context"), objects("integrations"), _moment_or_none(sent.values.get("sentAt")))


# ------------------------------------------------------------------------------------------------------------ one call


def _judged(
    values: Mapping[str, Any], raws: Raws, size: int, kind: CallKind | None, shared: _Shared, at: int, sizes: Sizes,
    new_id: NewId,
) -> Received:  # fmt: skip
    try:
        if size > sizes.call:
            raise Wrong(
                "call_too_large",
                f"The call takes {size:,} bytes; at most {sizes.call:,} are taken per call. Send less in it.",
            )
        return _normal(values, raws, kind or _kind(values), shared, at, new_id)
    except Wrong as wrong:
        given = {name: raw for name, raw in raws.items() if name != "writeKey"}
        text = _encode(given)
        if len(text) > sizes.call:
            given = {"text": msgspec.Raw(_encode(text.decode()[:_CUT]))}
        told = msgspec.Raw(_encode(given))
        names = {name: _known(values, wire) for wire, name in (*_IDS.items(), ("messageId", "message_id"))}
        called = kind.value if kind else values.get("type")
        return _no_call(wrong.failure, at, told, called if isinstance(called, str) else "", names)


def _no_call(
    failure: Failure, at: int, given: msgspec.Raw, kind: str = "", names: Mapping[str, str | None] | None = None
) -> Received:
    known = dict(names or {})
    message_id = known.pop("message_id", None) or ""
    why = {"code": failure.code, "message": failure.message, "column": failure.column}
    return Received(at, kind[:40], message_id, timestamp=at, given=given, **why, **known)  # type: ignore[arg-type]


def _known(values: Mapping[str, Any], wire: str) -> str | None:
    value = values.get(wire)
    return value[:MESSAGE_ID_LENGTH] if isinstance(value, str) and value.strip() else None


def _kind(values: Mapping[str, Any]) -> CallKind:
    said = values.get("type")
    if said is None:
        raise Wrong("missing_type", "A call of a batch needs 'type'. Say identify, track, page, …", "type")
    try:
        return CallKind(said)
    except ValueError:
        known = ", ".join(CallKind)
        message = f"There is no such type of call: {str(said)[:40]!r}. Use {known}."
        raise Wrong("unknown_type", message, "type") from None


def _normal(values: Mapping[str, Any], raws: Raws, kind: CallKind, shared: _Shared, at: int, new_id: NewId) -> Received:
    found = {name: _text(values, raws, wire) for wire, name in _IDS.items()}
    for wire, name in _NAMES.get(kind, {}).items():
        found[name] = _text(values, raws, wire)
    message_id = _text(values, raws, "messageId")
    if message_id is not None and len(message_id) > MESSAGE_ID_LENGTH:
        raise Wrong("bad_message_id", f"'messageId' has more than {MESSAGE_ID_LENGTH} characters. Shorten it.",
                    "messageId")  # fmt: skip
    context = _merged(values, raws, "context", shared.context)
    body = NOTHING if kind is CallKind.ALIAS else _merged(values, raws, kind.body, None)
    if kind is CallKind.IDENTIFY and b'"traits"' in bytes(context):
        context, body = _with_moved_traits(context, body)
    if values.get("channel") is not None:
        context = _raw({"channel": raws["channel"], **_fields(context)})
    if kind is CallKind.GROUP and body:
        _object_type(found, _fields(body))
    _require(kind, found, body)
    return Received(
        at,
        kind.value,
        message_id or new_id(),
        user_id=found["user_id"],
        anonymous_id=found["anonymous_id"],
        group_id=found["group_id"],
        previous_id=found.get("previous_id"),
        name=found.get("name"),
        category=found.get("category"),
        object_type_id=found.get("object_type_id"),
        timestamp=_timestamp(values, shared, at),
        context=context,
        integrations=_merged(values, raws, "integrations", shared.integrations),
        body=body,
        rest=_raw({name: raws[name] for name in raws.keys() - _PLACED[kind] if values[name] is not None}),
    )


def _raw(fields: Raws | None) -> msgspec.Raw:
    return msgspec.Raw(_encode(fields)) if fields else NOTHING


def _text(values: Mapping[str, Any], raws: Raws, wire: str) -> str | None:
    """An identifier or a name: text, or the digits of a number; None where it is null or blank."""
    value = values.get(wire)
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(f"bad_type:{wire}", f"{wire!r} is neither text nor a number. Send text.", wire)
    digits = in_digits(bytes(raws[wire]).decode())
    return strip_zeros(digits) if digits else None


def _merged(values: Mapping[str, Any], raws: Raws, name: str, shared: Raws | None) -> msgspec.Raw:
    """An object of the call over the batch's own, key by key; nothing for one that is empty."""
    value = values.get(name)
    if value is None:
        return _raw(shared)
    if not isinstance(value, dict):
        _no_object(name)
    if shared:
        return _raw({**shared, **_object.decode(raws[name])})
    return raws[name] if value else NOTHING


def _with_moved_traits(context: msgspec.Raw, traits: msgspec.Raw) -> tuple[msgspec.Raw, msgspec.Raw]:
    """An identify call's traits may also stand in its context: they move from there, and its own win."""
    fields = _fields(context)
    try:
        moved = _object.decode(fields["traits"])
    except (KeyError, msgspec.ValidationError):
        return context, traits
    del fields["traits"]
    return _raw(fields), _raw({**moved, **_fields(traits)})


def _fields(raw: msgspec.Raw) -> Raws:
    return _object.decode(raw) if raw else {}


def _object_type(found: dict[str, str | None], traits: Raws) -> None:
    """The type of a group's object in any of its three spellings."""
    if "object_type_id" in traits:
        found["object_type_id"] = None
    elif found["object_type_id"] is None and "objectTypeId" in traits:
        spelled = {"objectTypeId": orjson.loads(bytes(traits["objectTypeId"]))}
        found["object_type_id"] = _text(spelled, traits, "objectTypeId")


def _require(kind: CallKind, found: Mapping[str, str | None], body: msgspec.Raw) -> None:
    """What each type of call must have."""
    person = found["user_id"] or found["anonymous_id"]
    match kind:
        case CallKind.IDENTIFY if not person and not _has_email(body):
            _missing("missing_identifier", "'userId' or 'anonymousId'", "userId")
        case CallKind.TRACK if not found["name"]:
            _missing("missing_event", "'event'", "event")
        case CallKind.TRACK if not (person or found["group_id"]):
            _missing("missing_identifier", "'userId', 'anonymousId' or 'groupId'", "userId")
        case CallKind.PAGE | CallKind.SCREEN if not person:
            _missing("missing_identifier", "'userId' or 'anonymousId'", "userId")
        case CallKind.GROUP if not found["group_id"]:
            _missing("missing_group_id", "'groupId'", "groupId")
        case CallKind.ALIAS if not found["user_id"]:
            _missing("missing_identifier", "'userId'", "userId")
        case CallKind.ALIAS if not found["previous_id"]:
            _missing("missing_previous_id", "'previousId'", "previousId")


def _has_email(traits: msgspec.Raw) -> bool:
    """Whether an e-mail address may stand for the person; each sync decides (``email_identity``)."""
    email = _fields(traits).get("email")
    return email is not None and bytes(email)[:1] == b'"' and bool(orjson.loads(bytes(email)).strip())


def _missing(code: str, what: str, field: str) -> NoReturn:
    raise Wrong(code, f"The call has no {what}. Send it as text that is not blank.", field)


def _no_object(name: str) -> NoReturn:
    raise Wrong(f"bad_type:{name}", f"{name!r} is no object. Send an object or leave it out.", name)


def _timestamp(values: Mapping[str, Any], shared: _Shared, at: int) -> int:
    """When it happened by our clock; when it arrived, where the call does not say."""
    for name in ("timestamp", "originalTimestamp"):
        try:
            found = moment(values.get(name))
        except ValueError:
            message = f"{name!r} cannot be read. Send ISO 8601 text, in the years 1 to 9999."
            raise Wrong("bad_timestamp", message, name) from None
        if found is not None:
            return corrected(found, _sent_at(values, shared), at)
    return at


def _sent_at(values: Mapping[str, Any], shared: _Shared) -> int | None:
    said = values.get("sentAt")
    return shared.sent_at if said is None else _moment_or_none(said)


def _moment_or_none(value: Any) -> int | None:
    try:
        return moment(value)
    except ValueError:
        return None
