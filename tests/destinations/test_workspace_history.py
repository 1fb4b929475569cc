"""The workspace's events, objects and relationships, and the semantic events that delete, suppress and register."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from headrace.model import CallKind
from headrace.ports import Verdict
from headrace.testing.destination_contract import NOW
from tests.destinations.workspaces import Desk, Row, at, calls_of


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "workspace.sqlite")
    yield desk
    await desk.destination.close()


# ----------------------------------------------------------------------------------------------------------- events


async def test_track_records_an_event(desk: Desk) -> None:
    """Name, properties, context, identifiers and both times are kept, the JSON to the letter."""
    row: Row = {
        "message_id": "m",
        "user_id": "7",
        "name": "Order",
        "timestamp": at(-400),
        "context": {"ip": "192.0.2.1"},
    }
    await desk.track({**row, "body": '{"total": 12.50, "big": 123456789012345678901234567890}'})
    (event,) = desk.person("7").events
    assert (event.message_id, event.kind, event.name, event.user_id) == ("m", "track", "Order", "7")
    assert (event.occurred_at, event.received_at, event.context) == (at(-400), NOW, {"ip": "192.0.2.1"})
    with desk.look() as reader:
        (stored,) = reader._rows("SELECT properties FROM events")
    assert stored == ('{"total": 12.50, "big": 123456789012345678901234567890}',)


@pytest.mark.parametrize("kind", [CallKind.PAGE, CallKind.SCREEN])
async def test_page_and_screen_are_events(desk: Desk, kind: CallKind) -> None:
    """They are recorded with name and category; both may be absent."""
    rows: list[Row] = [{"user_id": "7", "name": "Home", "category": "shop"}, {"user_id": "7"}]
    assert (await desk.reply(kind, *rows)).verdict is Verdict.ACCEPTED
    newest, oldest = desk.person("7").events
    assert (oldest.kind, oldest.name, oldest.category) == (kind.value, "Home", "shop")
    assert (newest.name, newest.category) == (None, None)


async def test_an_event_creates_its_person(desk: Desk) -> None:
    """Unknown userIds and anonymousIds become people without attributes; a group's event has no person."""
    await desk.track(
        {"user_id": "7", "name": "A"}, {"anonymous_id": "a", "name": "B"}, {"group_id": "acme", "name": "C"}
    )
    assert desk.attributes("7") == desk.attributes("a") == {}
    counts = desk.counts()
    assert (counts.people, counts.anonymous, counts.objects, counts.events) == (1, 1, 0, 3)
    with desk.look() as reader:
        (event,) = reader.events(name="C")
    assert (event.group_id, event.person_id) == ("acme", None)


async def test_a_known_user_owns_the_event(desk: Desk) -> None:
    """With userId and anonymousId the event is the user's; only identify links the two."""
    await desk.track({"user_id": "7", "anonymous_id": "a", "name": "Order"})
    assert desk.event_names("7") == ["Order"]
    assert not desk.knows("a")


# ---------------------------------------------------------------------------------------------------------- objects


async def test_group_creates_and_updates_an_object(desk: Desk) -> None:
    """Attributes merge as people's do; without a person nobody is related."""
    await desk.group({"group_id": "acme", "body": {"name": "Acme", "seats": 5, "city": "Oslo"}})
    await desk.group({"group_id": "acme", "body": {"seats": 7, "city": None}})
    with desk.look() as reader:
        (thing,) = reader.objects()
    assert (thing.object_type_id, thing.object_id, thing.people) == ("1", "acme", 0)
    assert thing.attributes == {"name": "Acme", "seats": 7}


@pytest.mark.parametrize(
    "row",
    [
        {"object_type_id": "2"},
        {"body": {"object_type_id": "2"}},
        {"body": {"objectTypeId": 2}},
        {"object_type_id": "2", "body": {"objectTypeId": "9"}},
    ],
)
async def test_object_types(desk: Desk, row: Row) -> None:
    """The type comes from the call, traits.object_type_id or traits.objectTypeId, and is no attribute."""
    await desk.group({"group_id": "acme", **row}, {"group_id": "acme"})
    with desk.look() as reader:
        assert [thing.object_type_id for thing in reader.objects()] == ["1", "2"]
        (thing,) = reader.objects("2")
    assert thing.attributes == {}


async def test_group_relates_a_person(desk: Desk) -> None:
    """The person is created if unknown; relationshipAttributes are the relationship's, not the object's, and merge."""
    row: Row = {"user_id": "7", "group_id": "acme"}
    await desk.group({**row, "body": {"name": "Acme", "relationshipAttributes": {"role": "admin", "since": 2020}}})
    await desk.group({**row, "body": {"relationshipAttributes": {"role": "", "primary": True}}}, row)
    (relationship,) = desk.person("7").relationships
    assert relationship.attributes == {"since": 2020, "primary": True}
    with desk.look() as reader:
        (thing,) = reader.objects()
        (same,) = reader.relationships("1", "acme")
    assert (thing.attributes, thing.people, same.user_id) == ({"name": "Acme"}, 1, "7")


async def test_relationship_attributes_must_be_an_object(desk: Desk) -> None:
    """Anything else relates without attributes, and is noted."""
    await desk.group({"user_id": "7", "group_id": "acme", "body": {"relationshipAttributes": "admin"}})
    assert [one.attributes for one in desk.person("7").relationships] == [{}]
    assert desk.activities() == [("relationship_attributes_ignored", "acme")]


async def test_an_older_group_call_changes_nothing_newer(desk: Desk) -> None:
    """Objects and relationships follow the timestamp as people do."""
    row: Row = {"user_id": "7", "group_id": "acme"}
    await desk.group({**row, "timestamp": at(-1), "body": {"n": 2, "relationshipAttributes": {"role": "admin"}}})
    await desk.group({**row, "timestamp": at(-2), "body": {"n": 1, "relationshipAttributes": {"role": "guest"}}})
    with desk.look() as reader:
        assert [thing.attributes for thing in reader.objects()] == [{"n": 2}]
    assert [one.attributes for one in desk.person("7").relationships] == [{"role": "admin"}]


# ------------------------------------------------------------------------------------------------- semantic events


async def full_person(desk: Desk) -> None:
    """User 7 with everything a person can have, and user 8 beside them."""
    device = {"device": {"token": "t7", "type": "ios"}}
    await desk.identify({"user_id": "7", "anonymous_id": "a", "body": {"email": "a@x.io"}}, {"user_id": "8"})
    await desk.group({"user_id": "7", "group_id": "acme"}, {"user_id": "8", "group_id": "acme"})
    await desk.track(
        {"user_id": "7", "name": "Order"},
        {"user_id": "8", "name": "Order"},
        {"user_id": "7", "name": "Device Created or Updated", "context": device},
    )


@pytest.mark.parametrize("name", ["User Deleted", "Delete Person", "user deleted"])
async def test_user_deleted(desk: Desk, name: str) -> None:
    """The person goes with all that is theirs, in any spelling of the event; the deletion itself is on record."""
    await full_person(desk)
    await desk.track({"user_id": "7", "name": name}, {"user_id": "ghost", "name": name})
    assert not desk.knows("7")
    assert not desk.knows("a")
    assert not desk.knows("a@x.io")
    assert not desk.knows("ghost")
    counts = desk.counts()
    assert (counts.people, counts.relationships, counts.devices, counts.objects) == (1, 1, 0, 1)
    with desk.look() as reader:
        assert [(event.name, event.user_id) for event in reader.events()] == [
            (name, "ghost"),
            (name, "7"),
            ("Order", "8"),
        ]


async def test_a_deleted_user_may_come_back(desk: Desk) -> None:
    """A later call makes a new person without anything of the old one, in the same batch too."""
    await full_person(desk)
    await desk.track(
        {"user_id": "7", "name": "User Deleted"},
        {"user_id": "7", "name": "Order again"},
        {"anonymous_id": "a", "name": "Visit"},
    )
    assert desk.attributes("7") == {}
    assert desk.event_names("7") == ["Order again"]
    assert desk.event_names("a") == ["Visit"]


async def test_user_suppressed(desk: Desk) -> None:
    """The person is deleted, and further calls for them are taken, ignored and noted; others are not touched."""
    await full_person(desk)
    await desk.track({"user_id": "7", "name": "User Suppressed"}, {"user_id": "7", "name": "Order"})
    await desk.identify({"user_id": "7", "body": {"plan": "pro"}}, {"user_id": "8", "body": {"plan": "pro"}})
    await desk.group({"user_id": "7", "group_id": "new", "body": {"n": 1}})
    await desk.alias({"user_id": "7", "previous_id": "8"})
    await desk.track({"user_id": "7", "name": "Device Created or Updated", "context": {"device": {"token": "t"}}})
    assert not desk.knows("7")
    assert desk.attributes("8") == {"plan": "pro"}
    assert desk.activities() == [("suppressed_ignored", "7")] * 5
    with desk.look() as reader:
        assert reader.suppressions() == ["7"]
        assert [thing.object_id for thing in reader.objects()] == ["new", "acme"]
        assert reader.events(name="User Suppressed")[0].user_id == "7"


async def test_user_unsuppressed(desk: Desk) -> None:
    """Calls are taken again; what was deleted stays deleted."""
    await full_person(desk)
    await desk.track({"user_id": "7", "name": "User Suppressed"})
    await desk.track({"user_id": "7", "name": "User Unsuppressed"}, {"user_id": "7", "name": "Order"})
    await desk.identify({"user_id": "7", "body": {"plan": "pro"}})
    assert desk.attributes("7") == {"plan": "pro"}
    assert desk.event_names("7") == ["Order"]


@pytest.mark.parametrize(
    "row",
    [
        {"context": {"device": {"token": "t", "type": "ios", "model": "x"}}},
        {"body": {"device": {"token": "t", "type": "ios", "model": "x"}}},
        {"body": {"token": "t", "type": "ios", "model": "x"}},
    ],
)
async def test_devices(desk: Desk, row: Row) -> None:
    """A device is found in the context or the properties, belongs to its last user, and can be deleted."""
    await desk.track({"user_id": "7", "name": "Device Created or Updated", **row})
    (device,) = desk.person("7").devices
    assert (device.token, device.platform, device.attributes) == ("t", "ios", {"model": "x"})
    await desk.track({"user_id": "8", "name": "Device Created or Updated", **row})
    assert desk.person("7").devices == ()
    await desk.track({"user_id": "7", "name": "Device Deleted", **row})
    assert len(desk.person("8").devices) == 1
    await desk.track({"user_id": "8", "name": "Device Deleted", **row})
    assert desk.person("8").devices == ()
    assert desk.event_names("8") == ["Device Created or Updated", "Device Deleted"]


async def test_a_device_moves_with_its_person(desk: Desk) -> None:
    """Merging people keeps the devices of both."""
    for user in ("7", "8"):
        device = {"device": {"token": f"t{user}"}}
        await desk.track({"user_id": user, "name": "Device Created or Updated", "context": device})
    await desk.alias({"user_id": "7", "previous_id": "8"})
    assert [device.token for device in desk.person("7").devices] == ["t7", "t8"]


async def test_relationship_deleted(desk: Desk) -> None:
    """It ends one relationship; person and object stay, and can be related anew."""
    await full_person(desk)
    await desk.track({"user_id": "7", "name": "Relationship Deleted", "body": {"objectId": "acme", "objectTypeId": 1}})
    assert desk.person("7").relationships == ()
    assert len(desk.person("8").relationships) == 1
    await desk.group({"user_id": "7", "group_id": "acme"})
    assert len(desk.person("7").relationships) == 1


async def test_object_deleted(desk: Desk) -> None:
    """The object goes with all relationships to it; objects of another type with the same id stay."""
    await full_person(desk)
    await desk.group({"user_id": "7", "group_id": "acme", "object_type_id": "2"})
    await desk.track({"user_id": "7", "name": "Object Deleted", "body": {"objectId": "acme"}})
    assert [one.object_type_id for one in desk.person("7").relationships] == ["2"]
    assert desk.person("8").relationships == ()


@pytest.mark.parametrize("name", ["Report Delivery Event", "Report Content Event"])
async def test_reports_create_nobody(desk: Desk, name: str) -> None:
    """Reports are recorded: of a person who is there, else without one."""
    await desk.identify({"user_id": "7"})
    await desk.track(
        {"user_id": "7", "name": name}, {"user_id": "ghost", "name": name}, {"group_id": "g", "name": name}
    )
    assert desk.event_names("7") == [name]
    assert not desk.knows("ghost")
    assert desk.counts().events == 3


LACKING: list[tuple[dict[str, Any], str]] = [
    ({"name": "User Deleted", "anonymous_id": "a"}, "missing_identifier"),
    ({"name": "user suppressed", "anonymous_id": "a"}, "missing_identifier"),
    ({"name": "Device Deleted", "user_id": "7"}, "missing_device_token"),
    (
        {"name": "Device Created or Updated", "user_id": "7", "context": {"device": {"token": ""}}},
        "missing_device_token",
    ),
    ({"name": "Relationship Deleted", "user_id": "7"}, "missing_object_id"),
    ({"name": "Object Deleted", "user_id": "7", "body": {"objectId": True}}, "missing_object_id"),
    ({"name": "Object Deleted", "user_id": "7", "body": '{"x":"\\ud800"}'}, "bad_json"),
]


@pytest.mark.parametrize(("row", "code"), LACKING)
async def test_semantic_events_that_lack_a_part(desk: Desk, row: Row, code: str) -> None:
    """They are found invalid before anything is sent, each at its place; the others are not."""
    calls = calls_of(CallKind.TRACK, {"name": "Order", "user_id": "7"}, row, {"name": "User Deleted", "user_id": "7"})
    invalid = desk.destination.encode(calls).invalid
    assert {position: failure.code for position, failure in invalid.items()} == {1: code}


async def test_identify_without_identity(desk: Desk) -> None:
    """No userId, no anonymousId and no e-mail address as text: invalid."""
    calls = calls_of(
        CallKind.IDENTIFY,
        {"body": {"email": "a@x.io"}},
        {"body": {"email": 5}},
        {"body": {}},
        {"user_id": "7", "anonymous_id": None},
        {"anonymous_id": "a"},
    )
    invalid = desk.destination.encode(calls).invalid
    assert {position: failure.code for position, failure in invalid.items()} == {
        1: "missing_identifier",
        2: "missing_identifier",
    }
