"""Rules of the workspace over whatever sequence of calls: repetition changes nothing, and time beats order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.destinations.workspace.apply import apply
from headrace.destinations.workspace.schema import connect
from headrace.model import CallKind
from headrace.testing.destination_contract import NOW
from tests.destinations.workspaces import at, calls_of

Step = tuple[CallKind, dict[str, Any]]
MILLIS = int(NOW.timestamp() * 1000)

USERS, ANONYMOUS = st.sampled_from(["u1", "u2", "u3"]), st.sampled_from(["a1", "a2"])
EMAILS = st.sampled_from(["x@x.io", "Y@x.io"])
TRAITS = st.dictionaries(st.sampled_from(["plan", "city"]), st.sampled_from(["a", "b", "", None]), max_size=2)
OBJECTS = st.sampled_from(["acme", "other"])
PLAIN, SEMANTIC = ("Order", "Visit"), ("User Deleted", "User Suppressed", "User Unsuppressed", "Object Deleted")


@st.composite
def traits(draw: st.DrawFn) -> dict[str, Any]:
    result: dict[str, Any] = dict(draw(TRAITS))
    if draw(st.booleans()):
        result["email"] = draw(EMAILS)
    if draw(st.integers(0, 5)) == 0:
        result["_update"] = True
    return result


def identities() -> st.SearchStrategy[dict[str, Any]]:
    user = st.fixed_dictionaries({"user_id": USERS}, optional={"anonymous_id": ANONYMOUS})
    return user | st.fixed_dictionaries({"anonymous_id": ANONYMOUS})


def steps(names: Iterable[str] = (*PLAIN, *SEMANTIC)) -> st.SearchStrategy[Step]:
    """A call of any kind about a few people and objects, so that they meet often."""
    user = st.fixed_dictionaries({"user_id": USERS})
    body = st.just({"objectId": "acme"})
    kinds = {
        CallKind.IDENTIFY: st.builds(lambda who, body: {**who, "body": body}, identities(), traits())
        | st.builds(lambda email: {"body": {"email": email}}, EMAILS),
        CallKind.TRACK: st.builds(
            lambda who, name, body: {**who, "name": name, "body": body}, user, st.sampled_from(list(names)), body
        )
        | st.builds(lambda who: {**who, "name": "Visit"}, identities()),
        CallKind.PAGE: identities(),
        CallKind.GROUP: st.builds(
            lambda who, thing, role: {**who, "group_id": thing, "body": {"relationshipAttributes": role}},
            identities() | st.just({}),
            OBJECTS,
            TRAITS,
        ),
        CallKind.ALIAS: st.builds(lambda user, old: {"user_id": user, "previous_id": old}, USERS, USERS | ANONYMOUS),
    }
    return st.one_of(*(st.tuples(st.just(kind), rows) for kind, rows in kinds.items()))


@st.composite
def with_repetitions(draw: st.DrawFn) -> list[Step]:
    """Calls with messageIds, some of them several times, anywhere."""
    calls = [
        (kind, {**row, "message_id": f"m{n}"}) for n, (kind, row) in enumerate(draw(st.lists(steps(), max_size=25)))
    ]
    again = draw(st.lists(st.sampled_from(calls), max_size=15)) if calls else []
    shuffled: list[Step] = draw(st.permutations([*calls, *again]))
    return shuffled


def batches(calls: list[Step], size: int) -> list[list[Step]]:
    """Neighbours of one kind together, at most ``size`` of them, as a sync would send them."""
    result: list[list[Step]] = []
    for call in calls:
        if result and result[-1][0][0] is call[0] and len(result[-1]) < size:
            result[-1].append(call)
        else:
            result.append([call])
    return result


def state_after(calls: list[Step], size: int) -> dict[str, list[tuple[Any, ...]]]:
    """All tables of a new workspace after these calls, applied in batches of at most ``size``."""
    connection = connect(Path(":memory:"))
    try:
        for batch in batches(calls, size):
            connection.execute("BEGIN")
            apply(connection, calls_of(batch[0][0], *(row for _, row in batch)), MILLIS)
            connection.execute("COMMIT")
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for name in tables}
    finally:
        connection.close()


def first_of_each(calls: list[Step]) -> list[Step]:
    first: dict[str, Step] = {}
    for call in calls:
        first.setdefault(call[1]["message_id"], call)
    return list(first.values())


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(with_repetitions(), st.integers(1, 30))
def test_repetition_changes_nothing(calls: list[Step], size: int) -> None:
    """Calls full of repeated messageIds, in batches of any size, leave what the first of each leaves one by one."""
    assert state_after(calls, size) == state_after(first_of_each(calls), 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(steps(PLAIN), st.integers(0, 15)), max_size=25))
def test_each_message_is_one_event(numbered: list[tuple[Step, int]]) -> None:
    """As long as nobody is deleted, each messageId of an event call is one event, and it has a person."""
    calls: list[Step] = [(kind, {**row, "message_id": f"m{number}"}) for (kind, row), number in numbered]
    state = state_after(calls, 10)
    expected = [row["message_id"] for kind, row in first_of_each(calls) if kind in (CallKind.TRACK, CallKind.PAGE)]
    assert sorted(event[1] for event in state["events"]) == sorted(expected)
    assert {event[5] for event in state["events"]} <= {person[0] for person in state["people"]}


@settings(max_examples=60, deadline=None)
@given(st.lists(traits(), min_size=1, max_size=8).flatmap(lambda every: st.permutations(list(enumerate(every)))))
def test_time_beats_order(shuffled: list[tuple[int, dict[str, Any]]]) -> None:
    """Identify calls with timestamps leave the same attributes in whatever order they come."""
    calls: list[Step] = [
        (
            CallKind.IDENTIFY,
            {"message_id": f"m{n}", "user_id": "7", "timestamp": at(n - 100), "body": {**body, "_update": False}},
        )
        for n, body in shuffled
    ]
    newest: dict[str, Any] = {}
    for _, body in sorted(shuffled, key=lambda pair: pair[0]):
        newest |= body
    expected = {name: value for name, value in newest.items() if value not in (None, "") and name != "_update"}
    (person,) = state_after(calls, 3)["people"]
    assert orjson.loads(person[3]) == expected
