"""The examples that define the mapping: one row, and the call that it becomes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from headrace.calls.encode import pipelines_json
from headrace.calls.mapping import Mapping
from headrace.model import CallKind, MapOptions, RowLimits
from headrace.testing.reference_values import exact
from tests.calls.tables import OPTIONS, RUN, MapRows


@dataclass(frozen=True)
class Golden:
    name: str
    kind: CallKind
    row: dict[str, Any]
    call: dict[str, Any] | None = None
    error: str | None = None
    options: MapOptions = OPTIONS

    @property
    def batch(self) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist([self.row])


def golden(name: str, kind: str, row: dict[str, Any], call: dict[str, Any]) -> Golden:
    return Golden(name, CallKind(kind), row, {"type": kind, **call})


CALLS = [
    golden(
        "a plain person",
        "identify",
        {"userId": "7", "email": "a@x.io", "first_name": "Ann", "created_at": 1700000000},
        {"userId": "7", "traits": {"email": "a@x.io", "first_name": "Ann", "created_at": 1700000000}},
    ),
    golden(
        "upper case from Snowflake",
        "identify",
        {"USERID": 7, "EMAIL": "a@x.io"},
        {"userId": "7", "traits": {"EMAIL": "a@x.io"}},
    ),
    golden(
        "update only",
        "identify",
        {"userId": "7", "_update": True, "plan": "pro"},
        {"userId": "7", "traits": {"_update": True, "plan": "pro"}},
    ),
    golden(
        "dots nest",
        "identify",
        {"userId": "7", "context.ip": "1.2.3.4", "cart.product_name": "pen"},
        {"userId": "7", "context": {"ip": "1.2.3.4"}, "traits": {"cart": {"product_name": "pen"}}},
    ),
    golden(
        "traits is an absolute path",
        "identify",
        {"userId": "7", "traits.full_name": "Ann B"},
        {"userId": "7", "traits": {"full_name": "Ann B"}},
    ),
    golden(
        "an object of its own",
        "group",
        {"groupId": "acme", "name": "Acme"},
        {"groupId": "acme", "traits": {"name": "Acme"}},
    ),
    golden(
        "an order",
        "track",
        {
            "userId": "7",
            "event": "Order Placed",
            "timestamp": "2024-05-06 07:08:09",
            "messageId": "o-1",
            "total": Decimal("12.50"),
        },
        {
            "userId": "7",
            "event": "Order Placed",
            "timestamp": "2024-05-06T07:08:09.000Z",
            "messageId": "o-1",
            "properties": {"total": 12.5},
        },
    ),
    golden(
        "a deletion",
        "track",
        {"userId": "7", "event": "User Deleted"},
        {"userId": "7", "event": "User Deleted", "properties": {}},
    ),
    golden(
        "where it goes",
        "track",
        {"anonymousId": "z", "event": "E", "integrations": '{"All":false,"Mixpanel":true}'},
        {"anonymousId": "z", "event": "E", "integrations": {"All": False, "Mixpanel": True}, "properties": {}},
    ),
    golden(
        "a page's name stands twice",
        "page",
        {"userId": "7", "name": "Home", "url": "https://x"},
        {"userId": "7", "name": "Home", "properties": {"name": "Home", "url": "https://x"}},
    ),
]

REFUSED = [
    Golden("nobody", CallKind.IDENTIFY, {"userId": None, "email": "a@x.io"}, error="missing_identifier"),
    Golden("no event", CallKind.TRACK, {"userId": "7", "event": ""}, error="missing_event"),
    *(
        Golden(
            f"a value of 200 KiB in a {kind} call",
            kind,
            {"userId": "7", "groupId": "g", "previousId": "6", "event": "E", "big": "x" * 200 * 1024},
            error="column_too_large",
        )
        for kind in CallKind
    ),
]

TYPED_GROUP = Golden(
    "a typed object with a relation",
    CallKind.GROUP,
    {
        "groupId": "acme",
        "userId": "7",
        "name": "Acme",
        "objectTypeId": "2",
        "relationshipAttributes": '{"role":"admin"}',
    },
    {
        "type": "group",
        "groupId": "acme",
        "userId": "7",
        "traits": {"name": "Acme", "objectTypeId": "2", "relationshipAttributes": {"role": "admin"}},
    },
)


def named(examples: list[Golden]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", [pytest.param(example, id=example.name) for example in examples])


def without_derived_id(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if value != f"{RUN}-1"}


@named(CALLS)
def test_a_row_becomes_this_call(example: Golden) -> None:
    """The call as `CallsBatch.dicts` spells it is the golden one, and only a missing messageId is derived."""
    mapped = Mapping(example.batch.schema, example.kind, OPTIONS, RowLimits()).map(example.batch, 1, RUN, 0)
    assert mapped.failures == {}
    (call,) = mapped.calls.dicts()
    assert without_derived_id(call) == example.call
    assert call["messageId"] == example.row.get("messageId", f"{RUN}-1")


@named(CALLS)
def test_numbers_of_a_call_are_exact(example: Golden, map_rows: MapRows) -> None:
    """Digit by digit, both mappings make the golden call."""
    assert map_rows(example.batch, example.kind).call() == exact(json.dumps(example.call))


@named(REFUSED)
def test_a_row_is_refused(example: Golden, map_rows: MapRows) -> None:
    """A row that can be no call fails with its code, and no call comes of it."""
    outcome = map_rows(example.batch, example.kind)
    assert outcome.codes == {1: example.error}
    assert outcome.calls == {}


def test_a_typed_object_keeps_the_users_column() -> None:
    """The body is the user's own, the type of the object stands beside it as text."""
    mapped = Mapping(TYPED_GROUP.batch.schema, CallKind.GROUP, OPTIONS, RowLimits()).map(TYPED_GROUP.batch, 1, RUN, 0)
    assert mapped.failures == {}
    assert TYPED_GROUP.call is not None
    columns = mapped.calls.columns.to_pydict()
    assert json.loads(columns["body"][0]) == TYPED_GROUP.call["traits"]
    assert columns["object_type_id"] == ["2"]
    (call,) = mapped.calls.dicts()
    assert call["traits"].items() >= TYPED_GROUP.call["traits"].items()
    assert {**call, "traits": None} == {**TYPED_GROUP.call, "traits": None, "messageId": f"{RUN}-1"}


def test_a_typed_object_on_the_wire() -> None:
    """Customer.io gets the type as ``traits.object_type_id``, text, beside the user's column; others do not."""
    mapped = Mapping(TYPED_GROUP.batch.schema, CallKind.GROUP, OPTIONS, RowLimits()).map(TYPED_GROUP.batch, 1, RUN, 0)
    assert TYPED_GROUP.call is not None
    traits = TYPED_GROUP.call["traits"]
    (sent,) = map(json.loads, pipelines_json(mapped.calls).to_pylist())
    assert sent["traits"] == traits
    (sent,) = map(json.loads, pipelines_json(mapped.calls, object_type=True).to_pylist())
    assert sent["traits"] == {**traits, "object_type_id": "2"}


def test_lower_case_of_the_upper_case_example(map_rows: MapRows) -> None:
    """The switch makes Snowflake's EMAIL an ``email``."""
    example = CALLS[1]
    options = replace(OPTIONS, lower_case=True)
    assert map_rows(example.batch, example.kind, options).call()["traits"] == {"email": "a@x.io"}


def test_email_identity_of_the_nobody_example(map_rows: MapRows) -> None:
    """Where e-mail is identity enough, the refused row becomes a call without userId."""
    example = REFUSED[0]
    options = replace(OPTIONS, email_identity=True)
    expected = {"type": "identify", "traits": {"email": "a@x.io"}}
    assert map_rows(example.batch, example.kind, options).call() == expected
