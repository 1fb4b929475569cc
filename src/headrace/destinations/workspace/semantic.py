"""Track calls that mean more than an event: deleting and suppressing people, devices, relationships, objects.

The event names are the vendor's, in any letter case. Each such call has its effect and is recorded as an event, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from headrace.destinations.workspace.identity import actor, known_actor
from headrace.destinations.workspace.records import Call, Person, text_of, when
from headrace.destinations.workspace.unit import ObjectKey, Unit
from headrace.model import Failure

Effect = Callable[[Unit, Call], Person | None]  # returns the person whose history the event belongs to

DEFAULT_OBJECT_TYPE = "1"


def effect_of(name: str | None) -> Effect | None:
    """What a track call of this name does besides being recorded; None for an ordinary event."""
    return None if name is None else _EFFECTS.get(name.lower())


def is_semantic(names: list[str | None]) -> list[bool]:
    return [name is not None and name.lower() in _EFFECTS for name in names]


def lacking(call: Call) -> Failure | None:
    """What a semantic event would need and does not say; None if it is complete."""
    effect = effect_of(call.name)
    if effect in _NEED_USER and call.user_id is None:
        return Failure("missing_identifier", f"“{call.name}” needs a userId. Select one.", "userId")
    if effect in _NEED_DEVICE and _device(call) is None:
        message = f"“{call.name}” needs the device's token. Select it as context.device.token."
        return Failure("missing_device_token", message, "context.device.token")
    if effect in _NEED_OBJECT and _object_key(call) is None:
        return Failure("missing_object_id", f"“{call.name}” needs the object's id. Select it as objectId.", "objectId")
    return None


def object_type(*candidates: object) -> str:
    """The first usable object type id as text; "1" if there is none."""
    return next((text for text in map(text_of, candidates) if text), DEFAULT_OBJECT_TYPE)


def _delete_user(unit: Unit, call: Call) -> None:
    person = unit.by_user_id.find(call.user_id)
    if person is not None:
        unit.erase(person)


def _suppress_user(unit: Unit, call: Call) -> None:
    _delete_user(unit, call)
    if call.user_id is not None:
        unit.suppress(call.user_id, when(call, unit.now).at)


def _unsuppress_user(unit: Unit, call: Call) -> Person | None:
    if call.user_id is not None:
        unit.unsuppress(call.user_id)
    return known_actor(unit, call)


def _put_device(unit: Unit, call: Call) -> Person | None:
    moment, device = when(call, unit.now), _device(call)
    person = actor(unit, call, moment)
    if person is not None and device is not None:
        unit.put_device(person, device, moment.at)
    return person


def _delete_device(unit: Unit, call: Call) -> Person | None:
    person, device = known_actor(unit, call), _device(call)
    if person is not None and device is not None:
        unit.delete_device(person, str(text_of(device["token"])))
    return person


def _delete_relationship(unit: Unit, call: Call) -> Person | None:
    person, key = known_actor(unit, call), _object_key(call)
    if person is not None and key is not None:
        unit.unrelate(person, key)
    return person


def _delete_object(unit: Unit, call: Call) -> Person | None:
    key = _object_key(call)
    if key is not None:
        unit.delete_object(key)
    return known_actor(unit, call)


_EFFECTS: dict[str, Effect] = {
    "user deleted": _delete_user,
    "delete person": _delete_user,  # the same in the vendor's prose
    "user suppressed": _suppress_user,
    "user unsuppressed": _unsuppress_user,
    "device created or updated": _put_device,
    "device deleted": _delete_device,
    "relationship deleted": _delete_relationship,
    "object deleted": _delete_object,
    "report delivery event": known_actor,  # recorded; nobody is created for a report
    "report content event": known_actor,
}
STILL_FOR_SUPPRESSED: frozenset[Effect | None] = frozenset(
    {_delete_user, _suppress_user, _unsuppress_user, _delete_object}
)
_NEED_DEVICE: frozenset[Effect | None] = frozenset({_put_device, _delete_device})
_NEED_OBJECT: frozenset[Effect | None] = frozenset({_delete_relationship, _delete_object})
_NEED_USER: frozenset[Effect | None] = frozenset(
    {_delete_user, _suppress_user, _unsuppress_user, _delete_relationship} | _NEED_DEVICE
)


def _device(call: Call) -> dict[str, Any] | None:
    """The device with its token: in the context, as the vendor's schema has it, or in the properties, as SDKs do."""
    context, properties = orjson.loads(call.context or "{}"), orjson.loads(call.body)
    for device in (context.get("device"), properties.get("device"), properties):
        if isinstance(device, dict) and text_of(device.get("token")):
            return device
    return None


def _object_key(call: Call) -> ObjectKey | None:
    properties = orjson.loads(call.body)
    object_id = text_of(properties.get("objectId")) or text_of(properties.get("object_id"))
    if object_id is None:
        return None
    return object_type(properties.get("objectTypeId"), properties.get("object_type_id")), object_id
