"""Whom a call is about: finding, making and joining people.

A person without a user id is *loose*: known by an e-mail address or an anonymous id only. When a call shows who a
loose person is, they become that person, or are merged into them if both exist.
"""

from __future__ import annotations

from headrace.destinations.workspace.records import Call, Person, When
from headrace.destinations.workspace.unit import Unit


def identified(unit: Unit, call: Call, email: str | None, moment: When, *, update_only: bool) -> Person | None:
    """The person an identify call names: by user id, else by e-mail address, else by anonymous id.

    Unknown people are created, unless ``update_only``: then None. Loose people of the same e-mail address or
    anonymous id are joined.
    """
    by_email = unit.by_email.find(email)
    by_anonymous_id = unit.by_anonymous_id.find(call.anonymous_id)
    if call.user_id is not None:
        known = unit.by_user_id.find(call.user_id)
        loose = [person for person in (by_email, by_anonymous_id) if person and person.user_id is None]
    elif email is not None:
        known = by_email
        loose = [by_anonymous_id] if by_anonymous_id and _anonymous(by_anonymous_id) else []
    else:
        known, loose = by_anonymous_id, []
    if update_only and known is None and by_email not in loose:
        return None
    person = known or (loose[0] if loose else unit.create_person(moment, call.message_id))
    for other in {one.id: one for one in loose if one is not person}.values():
        unit.merge(person, other)
    if call.user_id is not None and person.user_id is None:
        unit.name_person(person, call.user_id)
    if call.anonymous_id is not None:
        unit.link(call.anonymous_id, person)
    return person


def actor(unit: Unit, call: Call, moment: When) -> Person | None:
    """The person who did something: by user id, else by anonymous id; created if unknown, None if neither is given."""
    person = known_actor(unit, call)
    if person is None and call.user_id is not None:
        person = unit.create_person(moment, call.message_id)
        unit.name_person(person, call.user_id)
    elif person is None and call.anonymous_id is not None:
        person = unit.create_person(moment, call.message_id)
        unit.link(call.anonymous_id, person)
    return person


def known_actor(unit: Unit, call: Call) -> Person | None:
    """As `actor`, but nobody is created."""
    if call.user_id is not None:
        return unit.by_user_id.find(call.user_id)
    return unit.by_anonymous_id.find(call.anonymous_id)


def previous_person(unit: Unit, previous_id: str) -> Person | None:
    """Whom an alias call means: a user, or a loose person by anonymous id; never a user behind an anonymous id."""
    user, visitor = unit.by_user_id.find(previous_id), unit.by_anonymous_id.find(previous_id)
    return user or (visitor if visitor and visitor.user_id is None else None)


def _anonymous(person: Person) -> bool:
    return person.user_id is None and person.email is None
