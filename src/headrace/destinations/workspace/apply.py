"""The rules: what each kind of call does to a workspace."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from headrace.calls.batch import CallsBatch
from headrace.destinations.workspace.identity import actor, identified, previous_person
from headrace.destinations.workspace.records import Call, email_of, is_true, read_calls, read_traits, when
from headrace.destinations.workspace.semantic import STILL_FOR_SUPPRESSED, effect_of, object_type
from headrace.destinations.workspace.unit import ObjectKey, Unit
from headrace.model import CallKind

Rule = Callable[[Unit, Sequence[Call]], None]


def apply(connection: sqlite3.Connection, calls: CallsBatch, now: int) -> None:
    """Apply calls in their order, inside the caller's transaction; ``now`` is in Unix milliseconds.

    Calls whose messageId was applied before change nothing.
    """
    unit = Unit(connection, now)
    _RULES[calls.kind](unit, unit.unseen(read_calls(calls)))
    unit.flush()


def _identify(unit: Unit, calls: Sequence[Call]) -> None:
    bodies = [read_traits(call) for call in calls]
    _foresee(unit, calls)
    unit.by_email.fetch(email_of(traits) for traits in bodies)
    for call, traits in zip(calls, bodies, strict=True):
        if _suppressed(unit, call):
            continue
        update_only = is_true(traits.pop("_update", False))
        moment = when(call, unit.now)
        email = email_of(traits)
        person = identified(unit, call, email, moment, update_only=update_only)
        if person is None:
            unit.add_activity("update_only_no_match", call.user_id or email or call.anonymous_id, call)
        else:
            unit.change_person(person, traits, moment, call.message_id)


def _track(unit: Unit, calls: Sequence[Call]) -> None:
    _foresee(unit, calls)
    for call in calls:
        effect = effect_of(call.name)
        if effect not in STILL_FOR_SUPPRESSED and _suppressed(unit, call):
            continue
        person = effect(unit, call) if effect else actor(unit, call, when(call, unit.now))
        unit.add_event(CallKind.TRACK, call, person)


def _view(kind: CallKind) -> Rule:
    """The rule of page and screen calls."""

    def rule(unit: Unit, calls: Sequence[Call]) -> None:
        _foresee(unit, calls)
        for call in calls:
            if not _suppressed(unit, call):
                unit.add_event(kind, call, actor(unit, call, when(call, unit.now)))

    return rule


def _group(unit: Unit, calls: Sequence[Call]) -> None:
    bodies = [orjson.loads(call.body) for call in calls]
    keys = [_object_key(call, traits) for call, traits in zip(calls, bodies, strict=True)]
    _foresee(unit, calls)
    unit.objects.fetch(keys)
    people = [None if _suppressed(unit, call) else actor(unit, call, when(call, unit.now)) for call in calls]
    unit.relationships.fetch((person.id, *key) for person, key in zip(people, keys, strict=True) if person)
    for call, traits, key, person in zip(calls, bodies, keys, people, strict=True):
        moment = when(call, unit.now)
        given = traits.pop("relationshipAttributes", None)
        unit.change_object(key, traits, moment, call.message_id)
        if given is not None and not isinstance(given, dict):
            unit.add_activity("relationship_attributes_ignored", key[1], call)
            given = None
        if person is not None:
            unit.relate(person, key, given or {}, moment, call.message_id)


def _alias(unit: Unit, calls: Sequence[Call]) -> None:
    _foresee(unit, calls)
    unit.by_user_id.fetch(call.previous_id for call in calls)
    unit.by_anonymous_id.fetch(call.previous_id for call in calls)
    for call in calls:
        primary_id, previous_id = str(call.user_id), str(call.previous_id)
        if _suppressed(unit, call):
            continue
        previous = previous_person(unit, previous_id)
        primary = unit.by_user_id.find(primary_id)
        if previous is None or previous is primary:
            unit.add_activity("alias_no_match", previous_id, call)
            continue
        moment = when(call, unit.now)
        if primary is None:
            primary = unit.create_person(moment, call.message_id)
            unit.name_person(primary, primary_id)
        unit.merge(primary, previous)
        unit.add_merge(primary_id, previous_id, moment.at, call.message_id)


_RULES: dict[CallKind, Rule] = {
    CallKind.IDENTIFY: _identify,
    CallKind.TRACK: _track,
    CallKind.PAGE: _view(CallKind.PAGE),
    CallKind.SCREEN: _view(CallKind.SCREEN),
    CallKind.GROUP: _group,
    CallKind.ALIAS: _alias,
}


def _foresee(unit: Unit, calls: Sequence[Call]) -> None:
    """Fetch in one go the people and suppressions that the calls will ask for."""
    unit.by_user_id.fetch(call.user_id for call in calls)
    unit.by_anonymous_id.fetch(call.anonymous_id for call in calls)
    unit.suppressed.fetch(call.user_id for call in calls)


def _suppressed(unit: Unit, call: Call) -> bool:
    """Whether the call is about a suppressed person; it is then noted and ignored."""
    if not unit.suppressed.find(call.user_id):
        return False
    unit.add_activity("suppressed_ignored", call.user_id, call)
    return True


def _object_key(call: Call, traits: dict[str, Any]) -> ObjectKey:
    """Type and id of the object; what spells the type is taken out of the traits."""
    spelled = (traits.pop("object_type_id", None), traits.pop("objectTypeId", None))
    return object_type(call.object_type_id, *spelled), str(call.group_id)
