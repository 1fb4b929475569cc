"""A calls batch as JSON: the vectorised text says what `CallsBatch.dicts` says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.calls.batch import ENVELOPE, CallsBatch
from headrace.calls.encode import pipelines_json
from headrace.model import CallKind
from tests.calls.strategies import nasty_text, objects

FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
moments = st.one_of(
    st.sampled_from([FIRST, LAST, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)]),
    st.integers(0, (LAST - FIRST) // timedelta(milliseconds=1)).map(lambda ms: FIRST + timedelta(milliseconds=ms)),
)
json_objects = objects.map(json.dumps) | objects.map(lambda value: json.dumps(value, ensure_ascii=False))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "message_id": nasty_text,
    **dict.fromkeys(["user_id", "anonymous_id", "group_id", "previous_id", "name", "category"], st.none() | nasty_text),
    "timestamp": st.none() | moments,
    "context": st.none() | json_objects,
    "integrations": st.none() | json_objects,
    "body": json_objects,
}
NEVER_NULL = ("message_id", "body")


@st.composite
def batches(draw: st.DrawFn) -> CallsBatch:
    """Calls of one kind with any of the envelope's columns."""
    rows = draw(st.integers(0, 6))
    optional = draw(st.sets(st.sampled_from([name for name in VALUES if name not in NEVER_NULL])))
    columns: dict[str, pa.Array] = {"row": pa.array(range(1, rows + 1), pa.int64())}
    for name, values in VALUES.items():
        if name in NEVER_NULL or name in optional:
            columns[name] = pa.array(draw(st.lists(values, min_size=rows, max_size=rows)), ENVELOPE[name])
    return CallsBatch(draw(st.sampled_from(CallKind)), pa.RecordBatch.from_pydict(columns))


def batch(kind: CallKind, **columns: list[Any]) -> CallsBatch:
    """A batch by hand; row, messageId and body are filled in."""
    rows = len(next(iter(columns.values())))
    given_ = {"row": [*range(1, rows + 1)], "message_id": ["m"] * rows, "body": ["{}"] * rows} | columns
    arrays = {name: pa.array(given_[name], ENVELOPE[name]) for name in ENVELOPE if name in given_}
    return CallsBatch(kind, pa.RecordBatch.from_pydict(arrays))


@settings(max_examples=100, deadline=None)
@given(batches())
@example(batch(CallKind.TRACK, name=[None]))
@example(batch(CallKind.PAGE, timestamp=[FIRST, LAST, None]))
def test_the_text_says_what_the_dicts_say(calls: CallsBatch) -> None:
    """One JSON object per call, none of its fields lost, changed or added."""
    texts = pipelines_json(calls)
    assert texts.type == pa.large_string()
    assert texts.null_count == 0
    assert [json.loads(text) for text in texts.to_pylist()] == list(calls.dicts())


@settings(max_examples=30, deadline=None)
@given(batches(), st.data())
def test_a_part_of_a_batch(calls: CallsBatch, data: st.DataObject) -> None:
    """Taken calls, sliced calls and stored calls say the same as before."""
    positions = data.draw(st.lists(st.integers(0, len(calls) - 1), unique=True)) if len(calls) else []
    everything = [json.loads(text) for text in pipelines_json(calls).to_pylist()]
    expected = [everything[position] for position in positions]
    assert [json.loads(text) for text in pipelines_json(calls.take(positions)).to_pylist()] == expected
    assert list(calls.dicts(positions)) == expected
    sliced = CallsBatch(calls.kind, calls.columns.slice(1))
    assert [json.loads(text) for text in pipelines_json(sliced).to_pylist()] == everything[1:]
    assert list(CallsBatch.unwrap(calls.wrap()).dicts()) == everything


def test_keys_come_once() -> None:
    """No key is written twice, also where every field is given."""
    columns: dict[str, list[Any]] = {
        name: [("{}" if name in ("context", "integrations", "body") else "v")] for name in VALUES
    }
    calls = batch(CallKind.PAGE, **{**columns, "timestamp": [FIRST]})
    (text,) = pipelines_json(calls, constants={"sentAt": '"now"'}).to_pylist()
    keys = [key for key, _ in json.loads(text, object_pairs_hook=list)]
    assert len(keys) == len(set(keys)) == 13


def test_constants() -> None:
    """A constant field stands in every call, as the JSON it is."""
    calls = batch(CallKind.TRACK, user_id=["1", None])
    texts = pipelines_json(calls, constants={"type": '"x"', "version": "2"}).to_pylist()
    assert [json.loads(text)["version"] for text in texts] == [2, 2]


def test_ending() -> None:
    """Each text ends as its destination joins them."""
    for kind in CallKind:
        (text,) = pipelines_json(batch(kind, user_id=["1"]), ending=",").to_pylist()
        assert text.endswith("},")
        json.loads(text[:-1])


@pytest.mark.parametrize(
    ("body", "type_id", "traits"),
    [
        ("{}", "2", {"object_type_id": "2"}),
        ('{"a":1}', '"2"', {"object_type_id": '"2"', "a": 1}),
        ('{"a":1}', None, {"a": 1}),
    ],
)
def test_type_of_a_groups_object(body: str, type_id: str | None, traits: dict[str, Any]) -> None:
    """On demand the type is put into the traits; without, they are the user's own."""
    calls = batch(CallKind.GROUP, group_id=["g"], object_type_id=[type_id], body=[body])
    (text,) = pipelines_json(calls, object_type=True).to_pylist()
    assert json.loads(text)["traits"] == traits
    (text,) = pipelines_json(calls).to_pylist()
    assert json.loads(text)["traits"] == json.loads(body)


def test_numbers_stay_as_they_are() -> None:
    """Digits of a body are not touched, however many."""
    body = '{"n":123456789012345678901234567890,"d":1.10,"e":1e400}'
    (text,) = pipelines_json(batch(CallKind.TRACK, body=[body])).to_pylist()
    assert body in text
