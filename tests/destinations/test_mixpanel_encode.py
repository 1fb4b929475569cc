"""Mixpanel's events: what track, page and screen calls become, to the byte, and which calls it can never take."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.destinations.mixpanel.profiles import UPDATE_ONLY
from headrace.destinations.mixpanel.words import FORBIDDEN_IDS
from headrace.model import CallKind
from headrace.testing.samples import AS_OF
from tests.destinations.mixpanel_texts import (
    MILLIS,
    MOMENT,
    ORIGINAL,
    RESERVED,
    SIMPLIFIED,
    encoded,
    failure,
    properties,
    texts,
)

# ---------------------------------------------------------------------------------------------------------- events


def test_track() -> None:
    """A track call is an event: time in milliseconds, both ids, messageId as $insert_id, and no guess at the place."""
    assert texts(
        CallKind.TRACK,
        user_id="u1",
        anonymous_id="a1",
        name='Say "hi"',
        timestamp=MOMENT,
        body='{"size":3,"tags":["x"]}',
    ) == {
        "import": '{"event":"Say \\"hi\\"","properties":{"time":1795447800123,"distinct_id":"u1",'
        '"$insert_id":"message-0000","$user_id":"u1","$device_id":"a1","ip":0,"size":3,"tags":["x"]}}'
    }


def test_anonymous_people_are_devices() -> None:
    """Simplified ID merge: somebody unknown is ``$device:`` and their anonymousId; the prefix is not doubled."""
    for given_id in ("a1", "$device:a1"):
        found = properties(user_id=None, anonymous_id=given_id)
        assert (found["distinct_id"], found["$device_id"]) == ("$device:a1", "a1")
        assert "$user_id" not in found


def test_original_id_merge_knows_one_id() -> None:
    """Original ID merge: distinct_id is userId, else anonymousId, as they are."""
    assert properties(wording=ORIGINAL, anonymous_id="a1")["distinct_id"] == "u"
    found = properties(wording=ORIGINAL, user_id=None, anonymous_id="a1")
    assert found.keys() == {"time", "distinct_id", "$insert_id", "ip"}
    assert found["distinct_id"] == "a1"


def test_an_event_of_a_group_alone() -> None:
    """An event of nobody has an empty distinct_id; the group stands under the group key."""
    found = properties(user_id=None, group_id="g1")
    assert (found["distinct_id"], found["company"]) == ("", "g1")


def test_without_a_timestamp_the_query_s_time_counts() -> None:
    """Where a row gives no time its event has the moment that the query saw."""
    assert properties()["time"] == AS_OF * 1000
    result = encoded(CallKind.TRACK, user_id=["a", "b"], name=["E", "E"], timestamp=[None, MOMENT])
    times = [orjson.loads(text[:-1])["properties"]["time"] for text in result.lanes["import"].to_pylist()]
    assert times == [AS_OF * 1000, MILLIS]


def test_the_place_is_the_row_s() -> None:
    """``context.ip`` says where an event happened, a property ``ip`` says it with more right."""
    assert properties(context='{"ip":"192.0.2.1","os":{"name":"x"}}')["ip"] == "192.0.2.1"
    assert properties(context='{"os":{"ip":"no"}}')["ip"] == 0
    assert properties(context='{"ip":"192.0.2.1"}', body='{"ip":"192.0.2.7"}')["ip"] == "192.0.2.7"


@pytest.mark.parametrize(("kind", "event"), [(CallKind.PAGE, "Loaded a Page"), (CallKind.SCREEN, "Loaded a Screen")])
def test_pages_and_screens(kind: CallKind, event: str) -> None:
    """Pages and screens are one event each, with name and category as properties; the body's own stand above."""
    text = texts(kind, user_id="u", name="Pricing", category="shop", body='{"url":"/p"}')["import"]
    found = orjson.loads(text)
    assert found["event"] == event
    assert found["properties"].items() >= {"name": "Pricing", "category": "shop", "url": "/p"}.items()
    assert (
        properties(kind, name="Pricing", body='{"name":"other","a":{"category":1}}', category="c").items()
        >= {
            "name": "other",
            "category": "c",
        }.items()
    )
    assert "name" not in properties(kind, name=None)
    named = replace(SIMPLIFIED, page_event="$mp_web_page_view", screen_event="$mp_web_page_view")
    assert orjson.loads(texts(kind, named, user_id="u", name="P")["import"])["event"] == "$mp_web_page_view"


# ------------------------------------------------------------------------------------------------------ $insert_id


@pytest.mark.parametrize("message_id", ["a", "A-0", "x" * 36, "8a66058c-a56d-4ef6-8123-28b7c9f7e82f"])
def test_a_fitting_message_id_is_kept(message_id: str) -> None:
    """Up to 36 letters, digits and hyphens are taken as they are."""
    assert properties(message_id=message_id)["$insert_id"] == message_id


@pytest.mark.parametrize("message_id", ["x" * 37, "user:1", "ü", "a_b", "a\n", "", "null", "-1", 'a"b'])
def test_any_other_message_id_is_hashed(message_id: str) -> None:
    """Anything else becomes a UUID that depends on the messageId alone, beside ids that are kept."""
    found = properties(message_id=message_id)["$insert_id"]
    assert str(UUID(found)) == found
    assert properties(message_id=message_id, user_id="another")["$insert_id"] == found
    both = encoded(CallKind.TRACK, user_id=["u", "u"], name=["E", "E"], message_id=[message_id, "kept"])
    ids = [orjson.loads(text[:-1])["properties"]["$insert_id"] for text in both.lanes["import"].to_pylist()]
    assert ids == [found, "kept"]


def test_hashes_do_not_change_between_versions() -> None:
    """The id of an event stays the same for ever (this is BLAKE3), or Mixpanel would count it twice."""
    assert properties(message_id="user:1")["$insert_id"] == "ae688cd5-e704-f93e-3d7e-425926fd7961"


# ------------------------------------------------------------------------------------------------- reserved names


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_properties(name: str) -> None:
    """A property that Mixpanel would take for its own is an error of the row: nothing is lost or overwritten."""
    for body in (f'{{"a":1,"{name}":"mine"}}', f'{{"\\u00{ord(name[0]):02x}{name[1:]}":"mine"}}'):
        found = failure(CallKind.TRACK, user_id="u", anonymous_id="a", name="E", body=body)
        assert (found.code, found.column) == (f"reserved_property:{name}", name)


def test_reserved_properties_that_say_the_same() -> None:
    """What says the same as we do is welcome."""
    body = f'{{"distinct_id":7,"time":{MILLIS},"$insert_id":"m"}}'
    found = properties(user_id="7", timestamp=MOMENT, message_id="m", body=body)
    assert found.keys() == {"time", "distinct_id", "$insert_id", "$user_id", "ip"}


def test_reserved_words_elsewhere_are_harmless() -> None:
    """Below the top, or as values, the same words pass."""
    body = '{"a":{"time":1,"token":"x"},"b":"token","c":["$insert_id"]}'
    assert properties(body=body).items() >= orjson.loads(body).items()


def test_the_group_key_is_reserved_where_the_row_has_a_group() -> None:
    """A property named like the group key is the user's own, unless the row names another group."""
    assert properties(body='{"company":"mine"}')["company"] == "mine"
    result = encoded(
        CallKind.TRACK, user_id=["u"] * 3, name=["E"] * 3, group_id=[None, "g", "mine"], body=['{"company":"mine"}'] * 3
    )
    assert {position: found.code for position, found in result.invalid.items()} == {1: "reserved_property:company"}


# ----------------------------------------------------------------------------------------------------------- limits


def test_too_many_properties() -> None:
    """Fewer than 255 properties are allowed, with those that we add (here five)."""
    for count, valid in ((249, True), (250, False)):
        body = orjson.dumps({f"p{k}": "a,b" for k in range(count)}).decode()
        result = encoded(CallKind.TRACK, user_id=["u"], name=["E"], body=[body])
        assert [found.code for found in result.invalid.values()] == ([] if valid else ["too_many_properties"])


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"deep": [x]}], ids=["on top", "below"])
@pytest.mark.parametrize("many", [lambda n: [1] * n, lambda n: {str(k): 1 for k in range(n)}], ids=["list", "object"])
def test_too_many_elements(many: Any, wrap: Any) -> None:
    """Lists and objects have fewer than 255 elements, at any depth."""
    for count, valid in ((254, True), (255, False)):
        body = orjson.dumps({"ok": 1, "list": wrap(many(count))}).decode()
        result = encoded(CallKind.TRACK, user_id=["u"], name=["E"], body=[body])
        assert [(found.code, found.column) for found in result.invalid.values()] == (
            [] if valid else [("too_many_elements", "list")]
        )


def test_commas_in_text_are_no_elements() -> None:
    """Text may have as many commas as it likes."""
    body = orjson.dumps({"text": "," * 1000}).decode()
    assert properties(body=body)["text"] == "," * 1000


def test_before_1971() -> None:
    """Events of before 1971 are invalid; the future is Mixpanel's to judge."""
    moments = [datetime(1970, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1971, 1, 1, tzinfo=UTC), MOMENT.replace(9999)]
    result = encoded(CallKind.TRACK, user_id=["u"] * 3, name=["E"] * 3, timestamp=moments)
    assert {position: found.code for position, found in result.invalid.items()} == {0: "bad_time"}


@pytest.mark.parametrize("word", FORBIDDEN_IDS)
def test_forbidden_ids(word: str) -> None:
    """Ids that Mixpanel takes for a mistake are errors of the row, wherever they identify somebody."""
    assert failure(CallKind.TRACK, user_id=word, name="E").code == "bad_distinct_id"
    found = failure(CallKind.IDENTIFY, user_id="u", anonymous_id=word)
    assert (found.code, found.column) == ("bad_distinct_id", "anonymousId")
    assert repr(word) in found.message
    assert failure(CallKind.ALIAS, user_id="u", previous_id=word).column == "previousId"
    assert properties(user_id=word + "1")["distinct_id"] == word + "1"


def test_broken_characters() -> None:
    """Half a character, which some databases take for JSON, is an error of its row alone."""
    for kind in (CallKind.TRACK, CallKind.IDENTIFY):
        result = encoded(kind, user_id=["a", "b"], name=["E", "E"], body=['{"x":"\\ud800"}', '{"x":"y"}'])
        assert {position: found.code for position, found in result.invalid.items()} == {0: "bad_json"}


# ------------------------------------------------------------------------------------------------------ properties

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text().filter(lambda name: name not in (*RESERVED, UPDATE_ONLY)) | st.sampled_from(
    ["time_", "times", "email", "$email", "name", "ip", "null", "\x00time", "company"]
)


@settings(max_examples=60, deadline=None)
@given(bodies=st.lists(st.dictionaries(NAMES, VALUES, max_size=6), min_size=1, max_size=5), pretty=st.booleans())
def test_values_arrive_as_they_were(bodies: list[dict[str, Any]], pretty: bool) -> None:
    """Whatever is in a body and however it is written, events and profiles carry every value."""
    rows = [orjson.dumps(body, option=orjson.OPT_INDENT_2 if pretty else 0).decode() for body in bodies]
    ids = ["u"] * len(rows)
    tracked = encoded(CallKind.TRACK, user_id=ids, name=ids, body=rows)
    plain = replace(SIMPLIFIED, known_traits=False)
    identified = encoded(CallKind.IDENTIFY, plain, user_id=ids, body=rows)
    assert not tracked.invalid
    assert not identified.invalid
    for position, body in enumerate(bodies):
        event = orjson.loads(tracked.lanes["import"][position].as_py()[:-1])
        ours = {"time", "distinct_id", "$insert_id", "$user_id", "ip"} - body.keys()
        assert {name: value for name, value in event["properties"].items() if name not in ours} == body
        profile = orjson.loads(identified.lanes["engage#profile-set"][position].as_py()[:-1])
        assert profile["$set"] == {name: value for name, value in body.items() if value is not None}
        gone = [name for name, value in body.items() if value is None]
        unset = (
            identified.lanes["engage#profile-unset"][position].as_py()
            if "engage#profile-unset" in identified.lanes
            else None
        )
        assert (orjson.loads(unset[:-1])["$unset"] if unset else []) == gone
