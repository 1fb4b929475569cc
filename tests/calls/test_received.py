"""What programs send becomes calls: normalised, judged, and written as lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.calls import received_intake as intake
from headrace.calls.encode import pipelines_json
from headrace.calls.received import Received, as_call, from_lines, intact, to_lines
from headrace.calls.received_intake import Sizes, Wrong
from headrace.calls.received_parts import as_text, calls_batch, failure_of
from headrace.calls.received_times import corrected, moment
from headrace.model import CallKind, MapOptions

NOW = datetime(2026, 11, 23, 19, 0, 0, 250_000, UTC)
AT = int(NOW.timestamp() * 1000)


def ids() -> Callable[[], str]:
    numbers = iter(range(1_000_000))
    return lambda: f"made-{next(numbers)}"


def one(kind: str, sent: dict[str, Any] | str, sizes: Sizes | None = None) -> Received:
    text = sent if isinstance(sent, str) else json.dumps(sent)
    return intake.call(intake.read(text.encode()), CallKind(kind), AT, sizes or Sizes(), ids())


def many(sent: dict[str, Any], sizes: Sizes | None = None) -> list[Received]:
    return intake.batch(intake.read(json.dumps(sent).encode()), AT, sizes or Sizes(), ids())


def told(kind: str, sent: dict[str, Any] | str) -> dict[str, Any]:
    """The call as it is shown, without what the server says of its own."""
    call = one(kind, sent)
    assert not call.code, call.message
    return {name: value for name, value in as_call(call).items() if name not in ("receivedAt", "type")}


WHO = {"userId": "u1", "messageId": "m1", "timestamp": "2026-01-02T03:04:05.678Z"}


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        ("identify", {"traits": {"a": None, "b": [1]}}, {"traits": {"a": None, "b": [1]}}),
        ("identify", {"context": {"traits": {"a": 1, "b": 1}}, "traits": {"b": 2}}, {"traits": {"a": 1, "b": 2}}),
        ("identify", {"context": {"traits": "x", "ip": "1"}}, {"context": {"traits": "x", "ip": "1"}, "traits": {}}),
        ("identify", {"groupId": "g", "traits": None}, {"groupId": "g", "traits": {}}),
        ("track", {"event": "E", "context": {"traits": {"a": 1}}},
         {"event": "E", "context": {"traits": {"a": 1}}, "properties": {}}),
        ("page", {"name": None, "category": "C"}, {"category": "C", "properties": {}}),
        ("screen", {"name": "N", "properties": {"x": 1}}, {"name": "N", "properties": {"x": 1}}),
        ("group", {"groupId": 7, "objectTypeId": 2}, {"groupId": "7", "objectTypeId": "2", "traits": {}}),
        ("group", {"groupId": "g", "traits": {"objectTypeId": "3"}},
         {"groupId": "g", "objectTypeId": "3", "traits": {"objectTypeId": "3"}}),
        ("group", {"groupId": "g", "objectTypeId": "1", "traits": {"object_type_id": "3"}},
         {"groupId": "g", "traits": {"object_type_id": "3"}}),
        ("alias", {"previousId": "old"}, {"previousId": "old"}),
        ("track", {"event": "E", "channel": "server"},
         {"event": "E", "context": {"channel": "server"}, "properties": {}}),
        ("track", {"event": "E", "channel": "server", "context": {"channel": "mobile"}},
         {"event": "E", "context": {"channel": "mobile"}, "properties": {}}),
        ("track", {"event": "E", "version": 2, "type": "page", "writeKey": "k", "extra": None},
         {"event": "E", "version": 2, "properties": {}}),
        ("track", {"event": "E", "context": None, "integrations": {"All": False, "crm": True}},
         {"event": "E", "integrations": {"All": False, "crm": True}, "properties": {}}),
    ],
)  # fmt: skip
def test_fields_have_their_places(kind: str, sent: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each field is where the Pipelines API wants it; null is absent, but inside of traits and properties."""
    assert told(kind, WHO | sent) == WHO | expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [('"u1"', "u1"), ("12.50", "12.5"), ("7", "7"), ("12345678901234567890123", "12345678901234567890123"),
     ("1e3", "1000"), ('" u "', " u ")],
)  # fmt: skip
def test_numbers_are_identifiers(given: str, expected: str) -> None:
    """A number becomes its digits, all of them; text stays as it is."""
    assert one("identify", f'{{"userId": {given}}}').user_id == expected


def test_no_digit_is_lost() -> None:
    """Numbers in traits stay the text that was sent."""
    call = one("identify", '{"userId": "u", "traits": {"n": 12345678901234567890.10, "m": 1.0}}')
    assert bytes(call.body) == b'{"n":12345678901234567890.10,"m":1.0}'


def test_half_characters_are_mended() -> None:
    """Half an emoji, which JavaScript sends where it cuts text, becomes U+FFFD; all else stays."""
    call = one(
        "identify", '{"userId": "u", "traits": {"a": "x\\ud83d", "b": "\\ud83d\\ude00", "n": 12345678901234567890}}'
    )
    assert json.loads(bytes(call.body)) == {"a": "x\ufffd", "b": "\U0001f600", "n": 12345678901234567890}


@pytest.mark.parametrize(
    ("kind", "sent", "code", "field"),
    [
        ("identify", {}, "missing_identifier", "userId"),
        ("identify", {"userId": " ", "anonymousId": None}, "missing_identifier", "userId"),
        ("identify", {"traits": {"email": " "}}, "missing_identifier", "userId"),
        ("identify", {"userId": True}, "bad_type:userId", "userId"),
        ("identify", {"userId": {"a": 1}}, "bad_type:userId", "userId"),
        ("identify", {"userId": "u", "traits": [1]}, "bad_type:traits", "traits"),
        ("identify", {"userId": "u", "context": "x"}, "bad_type:context", "context"),
        ("identify", {"userId": "u", "integrations": 1}, "bad_type:integrations", "integrations"),
        ("identify", {"userId": "u", "messageId": "m" * 513}, "bad_message_id", "messageId"),
        ("identify", {"userId": "u", "messageId": []}, "bad_type:messageId", "messageId"),
        ("identify", {"userId": "u", "timestamp": "yesterday"}, "bad_timestamp", "timestamp"),
        ("identify", {"userId": "u", "originalTimestamp": True}, "bad_timestamp", "originalTimestamp"),
        ("track", {"userId": "u"}, "missing_event", "event"),
        ("track", {"userId": "u", "event": ""}, "missing_event", "event"),
        ("track", {"userId": "u", "event": False}, "bad_type:event", "event"),
        ("track", {"event": "E"}, "missing_identifier", "userId"),
        ("track", {"userId": "u", "event": "E", "properties": "x"}, "bad_type:properties", "properties"),
        ("page", {"groupId": "g"}, "missing_identifier", "userId"),
        ("screen", {}, "missing_identifier", "userId"),
        ("group", {"userId": "u"}, "missing_group_id", "groupId"),
        ("alias", {"previousId": "p"}, "missing_identifier", "userId"),
        ("alias", {"userId": "u"}, "missing_previous_id", "previousId"),
    ],
)
def test_what_is_wrong_is_said(kind: str, sent: dict[str, Any], code: str, field: str) -> None:
    """A call that cannot be delivered has its reason, the field, and what came, without the write key."""
    call = one(kind, sent | {"writeKey": "secret"})
    assert (call.code, call.column, call.kind) == (code, field, kind)
    assert json.loads(as_text(call)) == sent
    assert call.failure is not None
    assert call.message.count(". ") >= 1


@pytest.mark.parametrize("sent", [{"groupId": "g"}, {"anonymousId": "a"}, {"userId": "u"}])
def test_a_track_call_names_anyone(sent: dict[str, str]) -> None:
    """A person, somebody unknown, or a group."""
    assert one("track", {"event": "E", **sent}).code == ""


def test_an_address_may_stand_for_a_person() -> None:
    """A call with nothing but an e-mail address is taken, and goes to the syncs that allow it."""
    call = one("identify", {"traits": {"email": "ada@example.com"}})
    assert failure_of(call, MapOptions(email_identity=True)) is None
    refused = failure_of(call, MapOptions())
    assert refused is not None
    assert refused.code == "missing_identifier"
    assert failure_of(one("identify", {"userId": "u"}), MapOptions()) is None


# ------------------------------------------------------------------------------------------------------------ batches


def test_a_call_wins_over_its_batch() -> None:
    """Context and integrations of the batch are for all its calls, key by key; the call's own keys win."""
    sent = {
        "context": {"ip": "1", "app": {"name": "a", "build": "1"}},
        "integrations": {"All": True, "crm": True},
        "batch": [
            {"type": "identify", "userId": "u", "context": {"app": {"name": "b"}}, "integrations": {"crm": False}},
            {"type": "identify", "userId": "u", "context": None},
        ],
    }
    first, second = [as_call(call) for call in many(sent)]
    assert first["context"] == {"ip": "1", "app": {"name": "b"}}
    assert first["integrations"] == {"All": True, "crm": False}
    assert second["context"] == sent["context"]
    assert second["integrations"] == sent["integrations"]


def test_each_item_has_its_verdict() -> None:
    """Items become calls in their order, each judged by itself."""
    good = {"type": "track", "userId": "u", "event": "E"}
    items = [good, {"userId": "u"}, {**good, "type": "delete"}, {**good, "type": 7}, 5, None, [], good]
    codes = ["", "missing_type", "unknown_type", "unknown_type", *["not_an_object"] * 3, ""]
    assert [call.code for call in many({"batch": items})] == codes


@pytest.mark.parametrize(
    ("sent", "code"),
    [({}, "bad_batch"), ({"batch": {}}, "bad_batch"), ({"batch": None}, "bad_batch"),
     ({"batch": [], "context": []}, "bad_type:context")],
)  # fmt: skip
def test_a_batch_that_is_none(sent: dict[str, Any], code: str) -> None:
    """A batch without a list, or with a context that is no object, is refused as a whole."""
    with pytest.raises(Wrong) as wrong:
        many(sent)
    assert wrong.value.failure.code == code


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b'"x"', b"{'a': 1}", b'{"a": NaN}', b"\xff", b'{"a":1e999}', b"[" * 100_000,
     b'{"a":' * 5_000 + b"1" + b"}" * 5_000],
    ids=range(11),
)  # fmt: skip
def test_text_that_is_no_object(text: bytes) -> None:
    """What is no JSON object is refused, however it is broken."""
    with pytest.raises(Wrong) as wrong:
        intake.read(text)
    assert wrong.value.failure.code == "bad_json"


def test_what_cannot_be_read_shows_no_key() -> None:
    """The start of a broken body is kept, with the write key masked."""
    call = intake.refused(Wrong("bad_json", "x").failure, AT, b'{"writeKey": "secret", "batch": [' + b"x" * 50_000)
    assert json.loads(as_text(call))["text"].startswith('{"writeKey": "•••", "batch": [xxx')
    assert len(to_lines([call])) < 3_000


def test_the_size_of_a_call() -> None:
    """A call may have exactly so many bytes, measured without the spaces between its parts, alone or in a batch."""
    call = {"type": "track", "userId": "u", "event": "E", "properties": {"a": "é"}}
    size = len(json.dumps(call, separators=(",", ":")).encode())
    for limit, code in ((size, ""), (size - 1, "call_too_large")):
        sizes = Sizes(call=limit)
        assert one("track", json.dumps(call, indent=4), sizes).code == code
        assert [found.code for found in many({"batch": [call, call]}, sizes)] == [code, code]
    assert f"{size:,} bytes" in one("track", call, Sizes(call=size - 1)).message


# ------------------------------------------------------------------------------------------------------------- moments


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-11-23T19:00:00Z", "2026-11-23T19:00:00.000"),
        ("2026-11-23T19:00:00.1Z", "2026-11-23T19:00:00.100"),
        ("2026-11-23T19:00:00.123456789Z", "2026-11-23T19:00:00.123"),
        ("2026-11-23T21:00:00.365+02:00", "2026-11-23T19:00:00.365"),
        ("2026-11-23T13:30:00.365-0530", "2026-11-23T19:00:00.365"),
        ("2026-11-23 19:00:00", "2026-11-23T19:00:00.000"),
        ("2026-11-23", "2026-11-23T00:00:00.000"),
        (" 2026-11-23T19:00:00Z ", "2026-11-23T19:00:00.000"),
        (1795460400, "2026-11-23T19:00:00.000"),
        (1795460400123, "2026-11-23T19:00:00.123"),
        (1795460400.5, "2026-11-23T19:00:00.500"),
        ("1795460400", "2026-11-23T19:00:00.000"),
        ("1960-01-01T00:00:00.999999Z", "1960-01-01T00:00:00.999"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000"),
    ],
)
def test_spellings_of_a_moment(given: Any, expected: str) -> None:
    """ISO 8601 with up to nine digits of a second and any zone, and Unix time; without a zone it is UTC."""
    found = moment(given)
    expected_at = datetime.fromisoformat(expected + "+00:00")
    assert found is not None
    assert found == (expected_at - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution * 1000)


@pytest.mark.parametrize("given", ["soon", "2026-13-01T00:00:00Z", "2026-11-23T25:00:00Z", True, {}, [], 10**40,
                                   float("1e300"), "9999-12-31T23:59:59-14:00", "20261-01-01"])  # fmt: skip
def test_what_is_no_moment(given: Any) -> None:
    """Anything else is refused, and never becomes some moment."""
    with pytest.raises(ValueError, match=r"."):
        moment(given)


@pytest.mark.parametrize("given", [None, "", "  "])
def test_no_moment_at_all(given: Any) -> None:
    """Null and blank text say nothing."""
    assert moment(given) is None


@pytest.mark.parametrize(
    ("clock_is_behind", "moved"),
    [(0, 0), (60_000, 0), (60_001, 60_001), (-60_001, -60_001), (86_400_000, 86_400_000), (86_400_001, 0),
     (-86_400_001, 0), (10**12, 0)],
)  # fmt: skip
def test_a_wrong_clock_is_corrected(clock_is_behind: int, moved: int) -> None:
    """Timestamps move by as much as the client's clock is wrong: by more than a minute, and by no more than a day."""
    assert corrected(1_000_000, AT - clock_is_behind, AT) == 1_000_000 + moved


def test_the_clock_of_a_request_counts_for_its_calls() -> None:
    """``sentAt`` of the call counts, else that of the batch; one that cannot be read counts nothing."""
    early = "2026-11-23T18:50:00.250Z"  # ten minutes behind
    call = {"type": "track", "userId": "u", "event": "E", "timestamp": "2026-11-23T18:00:00Z"}
    items = [call, {**call, "sentAt": "2026-11-23T19:00:00Z"}, {**call, "sentAt": "?"}]
    minutes = [(found.timestamp - AT) // 60_000 for found in many({"batch": items, "sentAt": early})]
    assert minutes == [-51, -61, -61]
    del call["timestamp"]
    assert many({"batch": [call], "sentAt": early})[0].timestamp == AT
    assert many({"batch": [{**call, "originalTimestamp": early}], "sentAt": early})[0].timestamp == AT


# --------------------------------------------------------------------------------------------------------------- lines

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_fields = st.sampled_from(
    ["type", "userId", "anonymousId", "groupId", "previousId", "messageId", "event", "name", "category", "traits",
     "properties", "context", "integrations", "timestamp", "originalTimestamp", "sentAt", "channel", "objectTypeId",
     "batch", "writeKey", "x"]
)  # fmt: skip
_typed = st.sampled_from([*CallKind, "2026-11-23T19:00:00Z", "u1"]) | _values
_calls = st.dictionaries(_fields, _typed, max_size=8)


@settings(max_examples=300, deadline=None)
@given(sent=_calls, kind=st.sampled_from(list(CallKind)), indent=st.sampled_from([None, 2]))
def test_any_object_becomes_one_line(sent: dict[str, Any], kind: CallKind, indent: int | None) -> None:
    """Whatever the object, it becomes a call or says why not, in one line that comes back the same."""
    read = intake.read(json.dumps(sent, indent=indent).encode())
    for call in (intake.call(read, kind, AT, Sizes(), ids()), *many({"batch": [sent]})):
        line = to_lines([call])
        assert line.count(b"\n") == 1
        assert from_lines(line) == [call]
        assert intact(line * 2 + line[:-1]) == 2 * len(line)
        shown = as_call(call)
        json.loads(as_text(call))
        if not call.code:
            [written] = pipelines_json(calls_batch(CallKind(call.kind), [call], 1, 0)).to_pylist()
            assert json.loads(written)["messageId"] == shown["messageId"]
            body = CallKind(call.kind).body
            if call.kind != "alias":
                assert json.loads(written)[body] == shown[body]


def test_a_part_of_calls() -> None:
    """Calls of one kind become columns; one that none fills is absent, and a refused call is given back as it came."""
    from headrace.calls import failures
    from headrace.model import Failure

    calls = many(
        {"batch": [{"type": "track", "userId": "u", "event": "E", "properties": {"a": 1}, "messageId": "m1"},
                   {"type": "track", "anonymousId": "x", "event": "F", "context": {"ip": "1"}, "messageId": "m2"}]}
    )  # fmt: skip
    part = calls_batch(CallKind.TRACK, calls, 5, 9)
    assert part.columns.schema.names == [
        "row", "message_id", "user_id", "anonymous_id", "name", "timestamp", "context", "body",
    ]  # fmt: skip
    assert part.columns.column("row").to_pylist() == [5, 6]
    [failed] = failures.of_calls(part, {1: Failure("refused", "No.")}, "crm")
    values = {name: value for name, value in json.loads(failed.values).items() if value is not None}
    assert values == {
        "type": "track", "messageId": "m2", "anonymousId": "x", "event": "F", "context": {"ip": "1"},
        "timestamp": "2026-11-23T19:00:00.250Z", "properties": {},
    }  # fmt: skip
