"""What the entry answers: keys, modes, sizes, and the shapes that clients understand."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message

from headrace.calls.received_parts import as_text
from headrace.errors import HeadraceError, StageFull
from headrace.model import Connection, Secret
from headrace.people import WriteKey
from tests.ingest.entries import SOURCES, Asked

TRACK = {"userId": "u1", "event": "E"}
GOOD, BAD = {"type": "track", **TRACK}, {"type": "track", "userId": "u1"}
STRICT = {"x-strict-mode": "1"}
LIMIT, BATCH = 32_768, 512_000


@pytest.fixture
def entry() -> Asked:
    return Asked()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("identify", "identify"), ("track", "track"), ("page", "page"), ("screen", "screen"), ("group", "group"),
     ("alias", "alias"), ("i", "identify"), ("t", "track"), ("p", "page"), ("s", "screen"), ("g", "group"),
     ("a", "alias")],
)  # fmt: skip
async def test_each_kind_has_its_path(entry: Asked, path: str, kind: str) -> None:
    """The path says the kind; analytics.js says it with a letter. The answer is exactly 200 and an empty object."""
    sent = {"userId": "u1", "event": "E", "groupId": "g", "previousId": "p", "messageId": "m1"}
    told = await entry.post(f"/v1/{path}", sent)
    assert (told.status, told.body) == (200, {})
    [call] = entry.received()
    assert (call.kind, call.message_id, call.code) == (kind, "m1", "")


@pytest.mark.parametrize("path", ["group", "batch"])
@pytest.mark.parametrize("depth", [100, 690, 960, 970, 980, 990, 1000, 1010, 1020, 1030, 100_000])
async def test_json_of_any_depth_is_taken_or_refused(entry: Asked, path: str, depth: int) -> None:
    """What is nested too deep to be read on its way to the destinations is refused; nothing is an error of ours."""
    call = '{"type":"group","groupId":"g","userId":"u","traits":' + '{"a":' * depth + "1" + "}" * depth + "}"
    body = call if path == "group" else f'{{"batch":[{call}]}}'
    told = await entry.post(f"/v1/{path}", body.encode(), headers=STRICT)
    if told.status == 200:
        assert depth < 700
        [taken] = entry.received()
        assert bytes(taken.body).count(b"{") == depth
    else:
        assert told.body["errors"][0]["reason"] in ("bad_json", "batch_too_large", "call_too_large")
        assert depth > 100


@pytest.mark.parametrize("path", ["batch", "b", "import"])
async def test_a_batch_is_taken_whole(entry: Asked, path: str) -> None:
    """A batch is journaled with one append, good calls and bad ones, in order."""
    told = await entry.post(f"/v1/{path}", {"batch": [GOOD, BAD, GOOD]})
    assert (told.status, told.body) == (200, {})
    assert [call.code for call in entry.received()] == ["", "missing_event", ""]
    [(source, calls)] = entry.followed
    assert (source, list(calls)) == ("web", entry.received())


async def test_a_message_id_is_made_where_there_is_none(entry: Asked) -> None:
    """Each call without an id gets one of its own; a given one stays."""
    await entry.post("/v1/batch", {"batch": [GOOD, GOOD, {**GOOD, "messageId": "x" * 191}]})
    first, second, third = (call.message_id for call in entry.received())
    assert first != second
    assert len(first) == 32
    assert third == "x" * 191


# ---------------------------------------------------------------------------------------------------------------- keys


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "in_body"),
    [(basic("k-web:"), None), (basic("k-web:anything"), None), (basic("k-web"), None), ("Bearer k-web", None),
     ("bearer  k-web ", None), (None, "k-web"), (basic("nobody:"), "k-web"), ("Bearer oauth", "k-web")],
)  # fmt: skip
async def test_a_key_may_stand_in_three_places(entry: Asked, authorization: str | None, in_body: str | None) -> None:
    """As the user name of Basic, as Bearer, or in the body; and nowhere in the journal."""
    headers = {"authorization": authorization} if authorization else {}
    body = TRACK | ({"writeKey": in_body} if in_body else {})
    assert (await entry.post("/v1/track", body, None, headers=headers)).status == 200
    [call] = entry.received()
    assert "k-web" not in repr(call)


@pytest.mark.parametrize("strict", [{}, STRICT])
@pytest.mark.parametrize(
    ("authorization", "code"),
    [(None, "missing_write_key"), ("Basic ???", "missing_write_key"), (basic(":k-web"), "missing_write_key"),
     ("Bearer ", "missing_write_key"), ("Digest k-web", "missing_write_key"), (basic("k-shop:"), "unknown_write_key"),
     ("Bearer K-WEB", "unknown_write_key"), (basic("é\x00:"), "unknown_write_key")],
)  # fmt: skip
async def test_without_a_known_key_nothing_is_taken(
    entry: Asked, authorization: str | None, code: str, strict: dict[str, str]
) -> None:
    """An unknown key, or none, is 401 in both modes: a 200 would lose calls in silence."""
    headers = {"authorization": authorization} if authorization else {}
    told = await entry.post("/v1/track", TRACK, None, headers=headers | strict)
    assert told.status == 401
    assert told.body["code"] == code
    assert told.body["meta"]["errors"] == [told.body["message"]]
    assert [error["field"] for error in told.body["errors"]] == ["writeKey"]
    assert not entry.journals.calls


def stored(key: str, source: str) -> WriteKey:
    return WriteKey(
        key[:8], hashlib.sha256(key.encode()).hexdigest(), source, "a key", datetime(2026, 1, 1, tzinfo=UTC)
    )


async def test_keys_of_the_store_count(entry: Asked) -> None:
    """A key that was made for an http source works; one for another kind of source, or for none, does not."""
    entry.store.keys = [stored("hdw_open", "open"), stored("hdw_shop", "shop"), stored("hdw_gone", "gone")]
    statuses = [(await entry.post("/v1/track", TRACK, key)).status for key in ("hdw_open", "hdw_shop", "hdw_gone")]
    assert statuses == [200, 401, 401]
    assert len(entry.received("open")) == 1


async def test_the_store_is_asked_once_a_second(entry: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many requests there are; a change is seen at the next look, and a key taken back is refused."""
    now = 0.0
    monkeypatch.setattr("headrace.clock.SystemClock.monotonic", lambda _: now)
    entry.store.keys = [stored("hdw_open", "open")]
    for _ in range(20):
        assert (await entry.post("/v1/track", TRACK, "hdw_open")).status == 200
    assert entry.store.asked == 1
    entry.store.keys, entry.store.number = [], 1
    now = 2.0
    await entry.post("/v1/track", TRACK, "hdw_open")
    await asyncio.sleep(0.01)  # it looks beside the requests, which do not wait for it
    assert (await entry.post("/v1/track", TRACK, "hdw_open")).status == 401
    assert entry.store.asked == 2


async def test_a_new_configuration_counts_at_once(entry: Asked) -> None:
    """A key that is in the configuration now is known with the next request, and one that is not any more is not."""
    assert (await entry.post("/v1/track", TRACK)).status == 200
    sources = {"new": Connection("new", "http", {"write_key": Secret("k-new"), "strict": False})}
    entry.project = replace(entry.project, sources=sources)
    assert (await entry.post("/v1/track", TRACK, "k-new")).status == 200
    assert (await entry.post("/v1/track", TRACK)).status == 401


async def test_a_store_that_is_away_makes_no_key_unknown(entry: Asked) -> None:
    """Keys that are known still work; of others nobody can say that they are unknown: try again."""
    entry.store.trouble = HeadraceError("The store db.internal does not answer.", code="store_unavailable")
    assert (await entry.post("/v1/track", TRACK)).status == 200
    told = await entry.post("/v1/track", TRACK, "k-other")
    assert (told.status, told.body["code"]) == (503, "store_unavailable")
    assert "internal" not in repr(told.body)  # anybody may ask, and where our store is, is for the log


# --------------------------------------------------------------------------------------------------------------- modes


@pytest.mark.parametrize(("key", "headers"), [("k-web", STRICT), ("k-exact", {}), ("k-exact", {"x-strict-mode": "0"})])
async def test_strict_mode_takes_all_or_nothing(entry: Asked, key: str, headers: dict[str, str]) -> None:
    """One bad call and nothing of the batch is accepted; each bad one is told with its reason, field and place."""
    told = await entry.post(
        "/v1/batch", {"batch": [GOOD, BAD, GOOD, {"type": "alias", "userId": "u"}]}, key, headers=headers
    )
    assert told.status == 400
    assert told.body["code"] == "invalid_request"
    assert [(e["reason"], e["field"], e["batch_index"]) for e in told.body["errors"]] == [
        ("missing_event", "event", 1), ("missing_previous_id", "previousId", 3),
    ]  # fmt: skip
    assert told.body["meta"]["errors"] == [error["message"] for error in told.body["errors"]]
    assert told.body["message"].startswith("2 of 4 calls: The call has no 'event'.")
    assert not entry.journals.calls
    assert not entry.followed
    assert (await entry.post("/v1/batch", {"batch": [GOOD]}, key, headers=headers)).status == 200


async def test_a_strict_call_by_itself(entry: Asked) -> None:
    """A single call is told without a place in a batch."""
    told = await entry.post("/v1/track", BAD, headers=STRICT)
    assert told.status == 400
    assert [(e["reason"], e["batch_index"]) for e in told.body["errors"]] == [("missing_event", None)]


async def test_other_values_of_the_header_mean_nothing(entry: Asked) -> None:
    """Only 1 is strict."""
    for value in ("0", "true", "11"):
        assert (await entry.post("/v1/track", BAD, headers={"x-strict-mode": value})).status == 200


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [("track", b"{", "bad_json"), ("track", b"[]", "bad_json"), ("batch", b"", "bad_json"),
     ("batch", b'{"batch": 1}', "bad_batch"), ("batch", b'{"batch": []}', "empty_batch")],
)  # fmt: skip
async def test_a_request_that_cannot_be_read(entry: Asked, path: str, body: bytes, code: str) -> None:
    """Strict mode says so; permissive mode keeps it as an invalid row, unless there is nothing to keep."""
    told = await entry.post(f"/v1/{path}", body, headers=STRICT)
    assert told.status == 400
    assert told.body["errors"][0]["reason"] == code
    assert told.body["errors"][0]["batch_index"] is None
    assert (await entry.post(f"/v1/{path}", body)).status == 200
    assert [call.code for call in entry.received()] == ([code] if code != "empty_batch" else [])


# --------------------------------------------------------------------------------------------------------------- sizes


def sized(size: int, **call: Any) -> bytes:
    """A call of exactly so many bytes."""
    text = json.dumps({**TRACK, **call, "properties": {"a": ""}}, separators=(",", ":")).encode()
    return text[:-3] + b"x" * (size - len(text)) + text[-3:]


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize("packed", [False, True])
async def test_the_largest_call(entry: Asked, packed: bool, pieces: int) -> None:
    """A call of 32,768 bytes is taken, and one more is too many, packed or not, in one piece or several."""
    headers = {"content-encoding": "gzip"} if packed else {}
    for size, code in ((LIMIT, ""), (LIMIT + 1, "call_too_large")):
        body = gzip.compress(sized(size)) if packed else sized(size)
        assert (await entry.post("/v1/track", body, pieces=pieces, headers=headers)).status == 200
        assert entry.received()[-1].code == code
    told = await entry.post("/v1/track", body, pieces=pieces, headers=headers | STRICT)
    assert told.status == 400
    assert "32,769 bytes" in told.body["message"]
    assert "32,768 are taken" in told.body["message"]
    assert len(as_text(entry.received()[-1])) < 3_000


@pytest.mark.parametrize("pieces", [1, 7])
@pytest.mark.parametrize("packed", [False, True])
async def test_the_largest_batch(entry: Asked, packed: bool, pieces: int) -> None:
    """A batch of 512,000 bytes is taken, and one more is too many; its calls may have 32,768 each."""
    headers = {"content-encoding": "gzip"} if packed else {}
    item = sized(LIMIT, type="track")
    for size, codes in ((BATCH, {""}), (BATCH + 1, {"batch_too_large"})):
        head = b'{"batch":[' + b",".join([item] * 15) + b'],"pad":"'
        text = head + b"x" * (size - len(head) - 2) + b'"}'
        assert len(text) == size
        body = gzip.compress(text) if packed else text
        entry.journals.calls.clear()
        assert (await entry.post("/v1/batch", body, pieces=pieces, headers=headers)).status == 200
        assert {call.code for call in entry.received()} == codes
    told = await entry.post("/v1/batch", body, pieces=pieces, headers=headers | STRICT)
    assert (told.status, told.body["errors"][0]["reason"]) == (400, "batch_too_large")


async def test_a_body_that_does_not_end(entry: Asked) -> None:
    """What goes on for many megabytes is not kept, and answered before its end."""
    told = await entry.post("/v1/batch", b"x" * (20 << 20), pieces=40, headers=STRICT)
    assert (told.status, told.body["errors"][0]["reason"]) == (400, "batch_too_large")


async def test_a_bomb_is_not_unpacked(entry: Asked) -> None:
    """A packed body is unpacked up to the limit and no further."""
    bomb = gzip.compress(b" " * (40 << 20), 6)
    assert len(bomb) < BATCH
    told = await entry.post("/v1/batch", bomb, headers={"content-encoding": "gzip"} | STRICT)
    assert told.body["errors"][0]["reason"] == "batch_too_large"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"{}"),
        ("gzip", gzip.compress(sized(500))[:-9]),
        ("br", b"{}"),
        ("GZIP", b"\x1f\x8b\x08"),
        ("gzip", b""),
    ],
    ids=["not packed", "cut off", "unknown", "a beginning alone", "nothing"],
)
async def test_a_body_that_cannot_be_unpacked(entry: Asked, encoding: str, body: bytes) -> None:
    """Broken or unknown packing is told as such."""
    told = await entry.post("/v1/track", body, headers={"content-encoding": encoding} | STRICT)
    assert (told.status, told.body["errors"][0]["reason"]) == (400, "bad_encoding")
    assert (await entry.post("/v1/track", body, headers={"content-encoding": encoding})).status == 200
    assert [call.code for call in entry.received()] == ["bad_encoding"]


async def test_limits_are_a_setting() -> None:
    """The service's own limits count, from one request to the next."""
    entry = Asked(ingest_call_bytes=100, ingest_batch_bytes=1_000)
    assert (await entry.post("/v1/track", sized(101), headers=STRICT)).status == 400
    entry.project = replace(entry.project, service=replace(entry.project.service, ingest_call_bytes=101))
    assert (await entry.post("/v1/track", sized(101), headers=STRICT)).status == 200


# -------------------------------------------------------------------------------------------------------------- others


@pytest.mark.parametrize("strict", [{}, STRICT])
async def test_a_full_disk_is_told(entry: Asked, strict: dict[str, str]) -> None:
    """What could not be written is not acknowledged: 503, which clients try again; nobody is told of the calls."""
    entry.journals.trouble = StageFull("The disk is full.", code="stage_full")
    told = await entry.post("/v1/track", TRACK, headers=strict)
    assert (told.status, told.body["code"]) == (503, "stage_full")
    assert told.headers["retry-after"] == "1"
    assert not entry.followed


@pytest.mark.parametrize("path", ["/v1/track", "/v1/batch"])
async def test_browsers_may_ask(entry: Asked, path: str) -> None:
    """Any page may send calls, without credentials of the browser."""
    told = await entry.post(path, method="OPTIONS", key=None, headers={"origin": "https://example.com"})
    assert told.status == 200
    assert told.headers["access-control-allow-origin"] == "*"
    assert "Authorization" in told.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in told.headers
    for key in ("k-web", "k-unknown"):
        assert (await entry.post(path, TRACK, key)).headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/track", 405), ("DELETE", "/v1/batch", 405), ("POST", "/v1/delete", 404), ("POST", "/v1/", 404),
     ("POST", "/v1/v1/track", 404), ("POST", "/v1/track/", 404), ("OPTIONS", "/v1/nothing", 404)],
)  # fmt: skip
async def test_other_paths_and_methods(entry: Asked, method: str, path: str, status: int) -> None:
    """They are refused in the same shape."""
    told = await entry.post(path, TRACK, method=method)
    assert told.status == status
    assert set(told.body) == {"code", "message", "meta", "errors"}
    assert not entry.journals.calls


async def test_a_web_socket_is_closed(entry: Asked) -> None:
    """There is none under /v1."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/v1/track", "root_path": "", "headers": [], "query_string": b""}
    await entry.app(scope, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(list(GOOD)), inner, max_size=4)
    ),
    max_leaves=15,
)
_bodies = st.binary(max_size=200) | _json.map(lambda value: json.dumps(value).encode())
_bodies |= st.lists(_json, max_size=4).map(lambda items: json.dumps({"batch": items}).encode())


@settings(max_examples=200, deadline=None)
@given(
    body=_bodies,
    path=st.sampled_from(["track", "identify", "group", "alias", "batch"]), key=st.sampled_from(list(SOURCES)),
    encoding=st.sampled_from(["", "gzip", "x"]), packed=st.booleans(),
)  # fmt: skip
async def test_nothing_is_a_defect(body: bytes, path: str, key: str, encoding: str, packed: bool) -> None:
    """Whatever is sent, the answer is 200, 400 or 401; and what was answered with 200 is written down."""
    entry = Asked()
    sent = gzip.compress(body) if packed else body
    told = await entry.post(f"/v1/{path}", sent, f"k-{key}", headers={"content-encoding": encoding})
    assert told.status in (200, 400, 401)
    if told.status != 200:
        assert {"code", "message"} <= set(told.body)
        assert not entry.journals.calls
    elif path != "batch":
        assert len(entry.received(key)) == 1
