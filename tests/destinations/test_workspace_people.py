"""The workspace's people: who an identify call means, what it changes, and how people become one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.testing.destination_contract import NOW
from tests.destinations.workspaces import Desk, at


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "workspace.sqlite")
    yield desk
    await desk.destination.close()


# ------------------------------------------------------------------------------------------------------- attributes


async def test_identify_creates_a_person(desk: Desk) -> None:
    """An unknown userId becomes a person with the given attributes, the call's time and its messageId."""
    await desk.identify({"message_id": "m", "user_id": "7", "body": {"email": "Ann@X.io", "cart": {"total": 1.5}}})
    person = desk.person("7").person
    assert (person.user_id, person.email, person.message_id) == ("7", "ann@x.io", "m")
    assert person.attributes == {"email": "Ann@X.io", "cart": {"total": 1.5}}
    assert person.created_at == person.updated_at == NOW


async def test_attributes_merge_at_the_top_level(desk: Desk) -> None:
    """A later identify replaces the names it gives, as a whole, and leaves the others."""
    await desk.identify({"user_id": "7", "body": {"plan": "free", "cart": {"a": 1, "b": 2}, "city": "Oslo"}})
    await desk.identify({"user_id": "7", "body": {"plan": "pro", "cart": {"a": 3}}})
    assert desk.attributes("7") == {"plan": "pro", "cart": {"a": 3}, "city": "Oslo"}


@pytest.mark.parametrize("nothing", [None, ""])
async def test_null_and_empty_text_remove(desk: Desk, nothing: object) -> None:
    """JSON null and "" remove an attribute; false and 0 are values."""
    await desk.identify({"user_id": "7", "body": {"plan": "free", "city": "Oslo"}})
    await desk.identify({"user_id": "7", "body": {"plan": nothing, "never": nothing, "active": False, "visits": 0}})
    assert desk.attributes("7") == {"city": "Oslo", "active": False, "visits": 0}


async def test_preferences_merge_topic_by_topic(desk: Desk) -> None:
    """Subscription preferences merge in depth, nested as rows have them and dotted as SDKs send them."""
    name = "cio_subscription_preferences"
    await desk.identify(
        {"user_id": "7", "body": {name: {"topics": {"t1": True, "t2": True}, "channels": {"sms": True}}}}
    )
    await desk.identify({"user_id": "7", "body": {name: {"topics": {"t2": False}}}})
    await desk.identify({"user_id": "7", "body": {f"{name}.topics.t3": True, f"{name}.channels.sms": None}})
    assert desk.attributes("7") == {name: {"topics": {"t1": True, "t2": False, "t3": True}, "channels": {}}}


async def test_later_calls_of_a_batch_see_the_earlier(desk: Desk) -> None:
    """The order within a batch is kept: each call works on what the ones before it left."""
    await desk.identify(
        {"user_id": "7", "body": {"plan": "free", "n": 1}},
        {"user_id": "8", "body": {"plan": "free"}},
        {"user_id": "7", "body": {"plan": "pro"}},
        {"user_id": "7", "body": {"n": None}},
    )
    assert desk.attributes("7") == {"plan": "pro"}
    assert desk.people() == 2


async def test_numbers_keep_their_worth(desk: Desk) -> None:
    """64-bit integers and doubles come back as they were."""
    await desk.identify({"user_id": "7", "body": '{"big":9223372036854775807,"neg":-9007199254740993,"d":0.1}'})
    assert desk.attributes("7") == {"big": 2**63 - 1, "neg": -(2**53) - 1, "d": 0.1}


# ------------------------------------------------------------------------------------------------------------- time


async def test_an_older_call_changes_nothing_newer(desk: Desk) -> None:
    """By timestamp: what a later moment set or removed stays, what it left open is taken from the older call."""
    await desk.identify({"user_id": "7", "timestamp": at(-2), "body": {"plan": "pro", "city": None}})
    await desk.identify({"user_id": "7", "timestamp": at(-5), "body": {"plan": "free", "city": "Oslo", "age": 30}})
    assert desk.attributes("7") == {"plan": "pro", "age": 30}
    assert desk.person("7").person.updated_at == at(-2)


async def test_a_call_without_timestamp_is_applied_as_it_comes(desk: Desk) -> None:
    """Even if our clock was set back meanwhile: the order of receipt decides."""
    await desk.identify({"user_id": "7", "body": {"plan": "free"}})
    desk.clock.moment = at(-1)
    await desk.identify({"user_id": "7", "body": {"plan": "pro"}})
    assert desk.attributes("7") == {"plan": "pro"}


async def test_the_future_does_not_win_for_ever(desk: Desk) -> None:
    """A timestamp ahead of our clock counts as now, so that calls of tomorrow are not older than it."""
    await desk.identify({"user_id": "7", "timestamp": at(1000), "body": {"plan": "free"}})
    desk.clock.moment = at(1)
    await desk.identify({"user_id": "7", "timestamp": at(1), "body": {"plan": "pro"}})
    assert desk.attributes("7") == {"plan": "pro"}


async def test_events_do_not_age_attributes(desk: Desk) -> None:
    """A person made by an event today takes attributes of older identify calls, the newest of them last."""
    await desk.track({"user_id": "7", "name": "Order"})
    await desk.identify({"user_id": "7", "timestamp": at(-9), "body": {"plan": "free"}})
    await desk.identify({"user_id": "7", "timestamp": at(-8), "body": {"plan": "pro"}})
    assert desk.attributes("7") == {"plan": "pro"}


# ---------------------------------------------------------------------------------------------------------- _update


@pytest.mark.parametrize("yes", [True, 1, "true", "T", "1"])
async def test_update_never_creates(desk: Desk, yes: object) -> None:
    """`_update` changes who is there, creates nobody, is no attribute, and a miss is accepted and noted."""
    await desk.identify({"user_id": "7", "body": {"plan": "free"}})
    await desk.identify(
        {"user_id": "7", "body": {"_update": yes, "plan": "pro"}},
        {"user_id": "8", "body": {"_update": yes, "plan": "pro"}},
        {"body": {"_update": yes, "email": "a@x.io"}},
        {"anonymous_id": "a", "body": {"_update": yes}},
    )
    assert desk.attributes("7") == {"plan": "pro"}
    assert desk.people() == 1
    assert desk.activities() == [("update_only_no_match", who) for who in ("8", "a@x.io", "a")]


@pytest.mark.parametrize("no", [False, 0, "false", None, "no"])
async def test_update_that_is_not_true_creates(desk: Desk, no: object) -> None:
    """Any other value of `_update` is an ordinary identify, and is no attribute either."""
    await desk.identify({"user_id": "8", "body": {"_update": no, "plan": "pro"}})
    assert desk.attributes("8") == {"plan": "pro"}


async def test_update_makes_nobody_of_the_anonymous(desk: Desk) -> None:
    """An anonymous visitor is no existing profile: `_update` with an unknown userId leaves them alone."""
    await desk.track({"anonymous_id": "a", "name": "Visit"})
    await desk.identify({"user_id": "7", "anonymous_id": "a", "body": {"_update": True}})
    assert not desk.knows("7")
    assert desk.event_names("a") == ["Visit"]


async def test_update_finds_by_email(desk: Desk) -> None:
    """A person known by e-mail address alone is an existing profile, also when the call brings their userId."""
    await desk.identify({"body": {"email": "a@x.io"}})
    await desk.identify({"user_id": "7", "body": {"_update": True, "email": "a@x.io", "plan": "pro"}})
    assert desk.attributes("7") == {"email": "a@x.io", "plan": "pro"}
    assert desk.people() == 1


# --------------------------------------------------------------------------------------------------------- identity


async def test_anonymous_becomes_known(desk: Desk) -> None:
    """anonymousId and userId in one identify: the anonymous person's events and attributes are the user's."""
    await desk.identify({"anonymous_id": "a", "body": {"color": "red"}})
    await desk.track({"anonymous_id": "a", "name": "Visit"})
    await desk.identify({"user_id": "7", "anonymous_id": "a", "body": {"plan": "pro"}})
    assert desk.attributes("7") == {"color": "red", "plan": "pro"}
    assert desk.event_names("7") == ["Visit"]
    assert desk.people() == 1


async def test_anonymous_joins_a_known_person(desk: Desk) -> None:
    """If both exist, events, devices, relationships and missing attributes move; what the user has wins."""
    await desk.identify(
        {"user_id": "7", "body": {"plan": "pro"}}, {"anonymous_id": "a", "body": {"plan": "x", "age": 9}}
    )
    await desk.track({"user_id": "7", "name": "Order"}, {"anonymous_id": "a", "name": "Visit"})
    await desk.group({"anonymous_id": "a", "group_id": "acme"})
    await desk.identify({"user_id": "7", "anonymous_id": "a"})
    view = desk.person("7")
    assert view.person.attributes == {"plan": "pro", "age": 9}
    assert desk.event_names("7") == ["Order", "Visit"]
    assert [(one.object_type_id, one.object_id) for one in view.relationships] == [("1", "acme")]
    assert view.anonymous_ids == ("a",)
    assert desk.people() == 1


async def test_a_link_is_remembered(desk: Desk) -> None:
    """After it was linked, what the anonymousId does belongs to the person, within the batch and later."""
    await desk.identify({"user_id": "7", "anonymous_id": "a"}, {"anonymous_id": "a", "body": {"plan": "pro"}})
    await desk.track({"anonymous_id": "a", "name": "Visit"})
    assert desk.attributes("7") == {"plan": "pro"}
    assert desk.event_names("7") == ["Visit"]


async def test_a_shared_browser(desk: Desk) -> None:
    """An anonymousId that goes over to another user takes nothing along that the first one did."""
    await desk.identify({"user_id": "7", "anonymous_id": "a"})
    await desk.track({"anonymous_id": "a", "name": "First"})
    await desk.identify({"user_id": "8", "anonymous_id": "a"})
    await desk.track({"anonymous_id": "a", "name": "Second"})
    assert desk.event_names("7") == ["First"]
    assert desk.event_names("8") == ["Second"]


async def test_email_alone_identifies(desk: Desk) -> None:
    """Without userId the e-mail address names the person, in any letter case; unknown ones are created once."""
    await desk.identify({"body": {"email": "A@x.io", "n": 1}}, {"body": {"email": " a@X.io", "m": 2}})
    await desk.identify({"body": {"email": "a@x.io", "n": 3}})
    person = desk.person("a@x.io").person
    assert (person.user_id, person.email, person.attributes) == (None, "a@x.io", {"email": "a@x.io", "n": 3, "m": 2})
    assert desk.people() == 1


async def test_email_alone_finds_users(desk: Desk) -> None:
    """An e-mail address finds people with a userId, too; of several the oldest."""
    await desk.identify({"user_id": "7", "body": {"email": "a@x.io"}}, {"user_id": "8", "body": {"email": "a@x.io"}})
    await desk.identify({"body": {"email": "a@x.io", "plan": "pro"}})
    assert desk.attributes("7") == {"email": "a@x.io", "plan": "pro"}
    assert desk.attributes("8") == {"email": "a@x.io"}


async def test_the_oldest_owner_of_an_email(desk: Desk) -> None:
    """Of several with one e-mail address the oldest is meant, also when they took it last, and in the same batch."""
    await desk.identify({"user_id": "7"}, {"user_id": "8", "body": {"email": "a@x.io"}})
    await desk.identify(
        {"body": {"email": "a@x.io", "n": 1}},
        {"user_id": "7", "body": {"email": "a@x.io"}},
        {"body": {"email": "a@x.io", "m": 2}},
    )
    assert desk.attributes("7") == {"email": "a@x.io", "m": 2}
    assert desk.attributes("8") == {"email": "a@x.io", "n": 1}


async def test_email_follows_its_changes(desk: Desk) -> None:
    """Within a batch, an address that was given up means nobody, and one that was taken means its owner."""
    await desk.identify({"user_id": "7", "body": {"email": "old@x.io"}})
    await desk.identify(
        {"body": {"email": "new@x.io", "first": True}},
        {"user_id": "7", "body": {"email": "newer@x.io"}},
        {"body": {"email": "newer@x.io", "plan": "pro"}},
        {"body": {"email": "old@x.io"}},
    )
    assert desk.attributes("7") == {"email": "newer@x.io", "plan": "pro"}
    assert desk.person("old@x.io").person.user_id is None
    assert desk.people() == 3


async def test_a_user_claims_their_email(desk: Desk) -> None:
    """Someone known by e-mail address alone becomes the first user who has it, or is merged into them."""
    await desk.identify({"body": {"email": "a@x.io", "n": 1}}, {"body": {"email": "b@x.io", "n": 2}})
    await desk.identify({"user_id": "8"})
    await desk.identify({"user_id": "7", "body": {"email": "a@x.io"}}, {"user_id": "8", "body": {"email": "B@x.io"}})
    assert desk.attributes("7") == {"email": "a@x.io", "n": 1}
    assert desk.attributes("8") == {"email": "B@x.io", "n": 2}
    assert desk.people() == 2


async def test_all_loose_ends_meet(desk: Desk) -> None:
    """userId, e-mail address and anonymousId of three people in one call make one person."""
    await desk.identify(
        {"user_id": "7"}, {"body": {"email": "a@x.io", "n": 1}}, {"anonymous_id": "a", "body": {"m": 2}}
    )
    assert desk.people() == 3
    await desk.identify({"user_id": "7", "anonymous_id": "a", "body": {"email": "a@x.io"}})
    assert desk.attributes("7") == {"email": "a@x.io", "n": 1, "m": 2}
    assert desk.people() == 1


async def test_all_anonymous_ids_move(desk: Desk) -> None:
    """Who is merged brings every anonymousId along; later calls of the same batch know it."""
    await desk.identify(
        {"anonymous_id": "a", "body": {"email": "a@x.io"}}, {"anonymous_id": "b", "body": {"email": "a@x.io"}}
    )
    await desk.identify({"user_id": "7"})
    await desk.identify({"user_id": "7", "anonymous_id": "a"}, {"anonymous_id": "b", "body": {"plan": "pro"}})
    assert desk.attributes("7") == {"email": "a@x.io", "plan": "pro"}
    assert desk.person("7").anonymous_ids == ("a", "b")
    assert desk.people() == 1


async def test_an_email_that_lost_its_person(desk: Desk) -> None:
    """Who was merged into a user with another address is not found by their own any more, in the same batch too."""
    await desk.identify(
        {"anonymous_id": "a", "body": {"email": "a@x.io", "m": 2}}, {"user_id": "7", "body": {"email": "b@x.io"}}
    )
    await desk.identify({"user_id": "7", "anonymous_id": "a"}, {"body": {"email": "a@x.io", "n": 1}})
    assert desk.attributes("7") == {"email": "b@x.io", "m": 2}
    assert desk.attributes("a@x.io") == {"email": "a@x.io", "n": 1}
    assert desk.people() == 2


# ------------------------------------------------------------------------------------------------------------ alias


async def test_alias_merges(desk: Desk) -> None:
    """previousId goes into userId: events and relationships move, attributes fill gaps, the primary wins."""
    await desk.identify({"user_id": "7", "body": {"plan": "pro"}}, {"user_id": "old", "body": {"plan": "x", "age": 9}})
    await desk.track({"user_id": "old", "name": "Order"})
    await desk.group(
        {"user_id": "7", "group_id": "acme", "body": {"relationshipAttributes": {"role": "admin"}}},
        {"user_id": "old", "group_id": "acme", "body": {"relationshipAttributes": {"role": "guest"}}},
        {"user_id": "old", "group_id": "other"},
    )
    await desk.alias({"user_id": "7", "previous_id": "old"})
    view = desk.person("7")
    assert view.person.attributes == {"plan": "pro", "age": 9}
    assert {one.object_id: one.attributes for one in view.relationships} == {"acme": {"role": "admin"}, "other": {}}
    assert desk.event_names("7") == ["Order"]
    assert not desk.knows("old")
    with desk.look() as reader:
        assert [(merge.primary_id, merge.previous_id) for merge in reader.merges()] == [("7", "old")]


async def test_alias_to_somebody_new(desk: Desk) -> None:
    """An unknown userId takes the previous person over, be it a user or an anonymous one."""
    await desk.identify({"user_id": "old", "body": {"age": 9}}, {"anonymous_id": "a", "body": {"n": 1}})
    await desk.alias({"user_id": "7", "previous_id": "old"}, {"user_id": "8", "previous_id": "a"})
    assert desk.attributes("7") == {"age": 9}
    assert desk.attributes("8") == {"n": 1}
    assert desk.people() == 2


async def test_alias_of_nobody(desk: Desk) -> None:
    """An unknown previousId, or one's own, changes nothing and is noted."""
    await desk.identify({"user_id": "7", "body": {"n": 1}})
    await desk.alias({"user_id": "7", "previous_id": "ghost"}, {"user_id": "7", "previous_id": "7"})
    assert desk.attributes("7") == {"n": 1}
    assert desk.activities() == [("alias_no_match", "ghost"), ("alias_no_match", "7")]
    assert desk.people() == 1


async def test_alias_does_not_take_a_user_by_their_browser(desk: Desk) -> None:
    """An anonymousId that is linked to a user names no loose person: that user is not merged into another."""
    await desk.identify({"user_id": "7"}, {"user_id": "8", "anonymous_id": "a", "body": {"n": 1}})
    await desk.alias({"user_id": "7", "previous_id": "a"})
    assert desk.attributes("8") == {"n": 1}
    assert desk.activities() == [("alias_no_match", "a")]


async def test_alias_in_one_batch_with_its_consequences(desk: Desk) -> None:
    """A chain of aliases within a batch ends in the last userId; the previous id is free again."""
    await desk.identify({"user_id": "a", "body": {"n": 1}})
    await desk.alias({"user_id": "b", "previous_id": "a"}, {"user_id": "c", "previous_id": "b"})
    await desk.identify({"user_id": "a", "body": {"m": 2}})
    assert desk.attributes("c") == {"n": 1}
    assert desk.attributes("a") == {"m": 2}
    assert desk.people() == 2
