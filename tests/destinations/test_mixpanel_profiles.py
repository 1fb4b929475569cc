"""Mixpanel's profiles and merges: what identify, group, alias and User Deleted calls become, to the byte."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from headrace.destinations.mixpanel.words import Wording
from headrace.model import CallKind
from headrace.testing.samples import AS_OF
from tests.destinations.mixpanel_texts import MOMENT, ORIGINAL, SIMPLIFIED, encoded, failure, texts

# ---------------------------------------------------------------------------------------------------------- people


def test_identify() -> None:
    """Traits are set on the profile; a body with nothing to change is passed on as it is."""
    assert texts(CallKind.IDENTIFY, user_id='u"1', body='{"plan":"pro","size":1.50}') == {
        "engage#profile-set": '{"$token":"T","$distinct_id":"u\\"1","$ip":"0","$set":{"plan":"pro","size":1.50}}'
    }


def test_identify_unsets_nulls() -> None:
    """Null traits are unset by an update of their own; nulls further down stay."""
    said = texts(
        CallKind.IDENTIFY,
        user_id="u",
        context='{"ip":"192.0.2.1"}',
        body='{"plan":null,"big":12345678901234567890.50,"email":null,"a":{"b":null}}',
    )
    start = '{"$token":"T","$distinct_id":"u","$ip":"192.0.2.1",'
    assert said == {
        "engage#profile-set": start + '"$set":{"big":12345678901234567890.50,"a":{"b":null}}}',
        "engage#profile-unset": start + '"$unset":["plan","$email"]}',
    }


def test_known_traits() -> None:
    """The common traits get Mixpanel's names, in either spelling, at the top alone."""
    camel = {"email": 1, "firstName": 2, "lastName": 3, "name": 4, "phone": 5, "avatar": 6, "createdAt": 7}
    snake = {"first_name": 2, "last_name": 3, "created_at": 7}
    reserved = {"$email": 1, "$first_name": 2, "$last_name": 3, "$name": 4, "$phone": 5, "$avatar": 6, "$created": 7}
    assert set_of(camel) == reserved
    assert set_of(snake).items() <= reserved.items()
    assert set_of({"a": {"email": 1}}) == {"a": {"email": 1}}
    off = replace(SIMPLIFIED, known_traits=False)
    assert set_of({**camel, "gone": None}, off) == camel


def test_known_traits_do_not_collide() -> None:
    """Where a name is taken already, the other trait keeps its own: none is lost."""
    assert set_of({"email": "a", "$email": "b"}) == {"email": "a", "$email": "b"}
    assert set_of({"createdAt": 1, "created": 2}) == {"$created": 1, "created": 2}


def set_of(traits: dict[str, Any], wording: Wording = SIMPLIFIED) -> dict[str, Any]:
    """What an identify call with these traits sets."""
    said = texts(CallKind.IDENTIFY, wording, user_id="u", body=orjson.dumps(traits).decode())
    return dict(orjson.loads(said["engage#profile-set"])["$set"])


@pytest.mark.parametrize("yes", ["true", "1", '"true"', '"1"', '"t"'])
def test_update_only_is_refused(yes: str) -> None:
    """Mixpanel creates whom it does not know, so a row that asks not to is invalid: for people and for groups."""
    body = f'{{"_update":{yes},"plan":"pro"}}'
    assert failure(CallKind.IDENTIFY, user_id="u", body=body).code == "update_only_unsupported"
    assert failure(CallKind.GROUP, group_id="g", body=body).code == "update_only_unsupported"


@pytest.mark.parametrize("no", ["false", "0", "null", '"false"'])
def test_update_only_that_is_off_is_left_out(no: str) -> None:
    """A row that may create is sent without the sign."""
    said = texts(CallKind.IDENTIFY, user_id="u", body=f'{{"_update":{no},"plan":"pro"}}')
    assert list(said) == ["engage#profile-set"]
    assert orjson.loads(said["engage#profile-set"])["$set"] == {"plan": "pro"}


def test_identify_needs_an_id() -> None:
    """An e-mail address alone is nobody to Mixpanel."""
    result = encoded(CallKind.IDENTIFY, user_id=[None, "u"], body=['{"email":"a@example.com"}', "{}"])
    assert {position: found.code for position, found in result.invalid.items()} == {0: "missing_identifier"}


# --------------------------------------------------------------------------------------------------------- merging


def test_identify_merges_simplified() -> None:
    """Simplified ID merge: an event with both ids joins them; without both, or with equal ones, there is none."""
    result = encoded(
        CallKind.IDENTIFY,
        user_id=["u1", "u2", None, "same"],
        anonymous_id=["a1", None, "a3", "same"],
        timestamp=[MOMENT] * 4,
    )
    assert result.lanes["import"].to_pylist() == [
        '{"event":"$identify","properties":{"time":1795447800123,"distinct_id":"u1","$insert_id":"message-0000",'
        '"$user_id":"u1","$device_id":"a1"}},',
        None,
        None,
        None,
    ]
    profiles = [orjson.loads(text[:-1])["$distinct_id"] for text in result.lanes["engage#profile-set"].to_pylist()]
    assert profiles == ["u1", "u2", "$device:a3", "same"]


def test_identify_merges_original() -> None:
    """Original ID merge: $merge, with the project's token where there is one."""
    said = texts(CallKind.IDENTIFY, ORIGINAL, user_id="u1", anonymous_id="a1")
    assert said["import#identity-merge"] == (
        '{"event":"$merge","properties":{"token":"T","$distinct_ids":["u1","a1"]}}'
    )
    said = texts(CallKind.IDENTIFY, replace(ORIGINAL, token=None), user_id="u1", anonymous_id="a1")
    assert said["import#identity-merge"] == '{"event":"$merge","properties":{"$distinct_ids":["u1","a1"]}}'


def test_alias() -> None:
    """The previous id and the user become one, by the project's system of ID merge; only /import hears of it."""
    assert texts(CallKind.ALIAS, user_id="u", previous_id="$device:old") == {
        "import": f'{{"event":"$identify","properties":{{"time":{AS_OF}000,"distinct_id":"u",'
        '"$insert_id":"message-0000","$user_id":"u","$device_id":"old"}}'
    }
    assert texts(CallKind.ALIAS, ORIGINAL, user_id="u", previous_id="old") == {
        "import#identity-merge": '{"event":"$merge","properties":{"token":"T","$distinct_ids":["u","old"]}}'
    }


# ------------------------------------------------------------------------------------------------ groups, deletion


def test_group() -> None:
    """A group's profile is set, its nulls are unset, and the person, if there is one, becomes a member."""
    group = '{"$token":"T","$group_key":"company","$group_id":"g1",'
    assert texts(CallKind.GROUP, group_id="g1", user_id="u", body='{"name":"Acme","plan":null}') == {
        "groups#group-set": group + '"$set":{"$name":"Acme"}}',
        "groups#group-unset": group + '"$unset":["plan"]}',
        "engage#profile-union": '{"$token":"T","$distinct_id":"u","$ip":"0","$union":{"company":["g1"]}}',
    }
    assert texts(CallKind.GROUP, group_id="g1") == {"groups#group-set": group + '"$set":{}}'}


def test_user_deleted() -> None:
    """The semantic event deletes the person's profile and is no event; its properties are of no interest."""
    result = encoded(
        CallKind.TRACK,
        user_id=["u1", "u2", None],
        name=["User Deleted", "Bought", "User Deleted"],
        group_id=[None, None, "g"],
        body=['{"time":1}', "{}", "{}"],
    )
    assert [text is None for text in result.lanes["import"].to_pylist()] == [True, False, True]
    assert result.lanes["engage#profile-delete"].to_pylist()[:2] == [
        '{"$token":"T","$distinct_id":"u1","$delete":null,"$ignore_alias":false},',
        None,
    ]
    assert {position: found.code for position, found in result.invalid.items()} == {2: "missing_identifier"}


@pytest.mark.parametrize("name", ["Object Deleted", "User Suppressed", "user deleted"])
def test_other_semantic_events_stay_events(name: str) -> None:
    """Mixpanel has no counterpart of the other semantic events: they are kept as events."""
    assert orjson.loads(texts(CallKind.TRACK, user_id="u", name=name)["import"])["event"] == name
