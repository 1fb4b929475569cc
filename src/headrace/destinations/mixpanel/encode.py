"""Calls in Mixpanel's words: which endpoints hear of a call, by its kind."""

from __future__ import annotations

import polars as pl

from headrace.calls.batch import CallsBatch
from headrace.calls.encode import text_array
from headrace.destinations.mixpanel import events, profiles, words
from headrace.destinations.mixpanel.words import Failures, Wording
from headrace.model import CallKind
from headrace.ports import Encoded

USER_DELETED = "User Deleted"  # the track call that deletes a person's profile

Lanes = dict[str, pl.Series | None]  # None: no call has anything to say there


def encode(calls: CallsBatch, wording: Wording) -> Encoded:
    """The texts of each call, in the order in which their endpoints are to hear of it."""
    rows = words.prepared(calls, wording)
    lanes, invalid = _ENCODERS[calls.kind](rows, calls, wording)
    said = {lane: text_array(texts) for lane, texts in lanes.items() if texts is not None}
    return Encoded(said, invalid | dict(words.misnamed(rows)), words.ENDING.encode())


def _event(rows: pl.DataFrame, calls: CallsBatch, wording: Wording) -> tuple[Lanes, Failures]:
    texts, invalid = events.events(rows, calls, wording)
    return {words.IMPORT: texts}, events.too_early(calls) | invalid


def _track(rows: pl.DataFrame, calls: CallsBatch, wording: Wording) -> tuple[Lanes, Failures]:
    lanes, invalid = _event(rows, calls, wording)
    deleted = rows["name"] == USER_DELETED
    if not deleted.any():
        return lanes, invalid
    invalid = {position: failure for position, failure in invalid.items() if not deleted[position]}
    split: Lanes = {
        words.IMPORT: _only(lanes[words.IMPORT], ~deleted),
        words.PROFILE_DELETE: _only(profiles.deletions(rows, wording), deleted),
    }
    return split, invalid | _nobody(rows, deleted)


def _identify(rows: pl.DataFrame, calls: CallsBatch, wording: Wording) -> tuple[Lanes, Failures]:
    sets, unsets, invalid = profiles.changes(rows, profiles.person(wording), wording)
    lanes: Lanes = {}
    if calls.has("user_id") and calls.has("anonymous_id"):
        lanes |= _merge(rows, calls, wording, "anonymous_id")
    lanes |= {words.PROFILE_SET: sets, words.PROFILE_UNSET: unsets}
    return lanes, invalid | _nobody(rows)


def _group(rows: pl.DataFrame, _: CallsBatch, wording: Wording) -> tuple[Lanes, Failures]:
    sets, unsets, invalid = profiles.changes(rows, profiles.group(wording), wording)
    members = profiles.memberships(rows, wording) if rows["who"].count() else None
    return {words.GROUP_SET: sets, words.GROUP_UNSET: unsets, words.PROFILE_UNION: members}, invalid


def _alias(rows: pl.DataFrame, calls: CallsBatch, wording: Wording) -> tuple[Lanes, Failures]:
    return _merge(rows, calls, wording, "previous_id"), {}


def _merge(rows: pl.DataFrame, calls: CallsBatch, wording: Wording, other: str) -> Lanes:
    """Endpoint and texts of the merge of the user with the id in column ``other``."""
    lane = words.IMPORT if wording.simplified else words.MERGE
    return {lane: events.merges(rows, calls, wording, other)}


def _only(texts: pl.Series | None, where: pl.Series) -> pl.Series:
    """The texts at some positions, null elsewhere."""
    return pl.select(pl.when(where).then(texts)).to_series()


def _nobody(rows: pl.DataFrame, where: pl.Series | None = None) -> Failures:
    """The calls that must be about a person and are not."""
    missing = rows["who"].is_null() if where is None else rows["who"].is_null() & where
    return dict.fromkeys(missing.arg_true(), words.NOBODY)


_ENCODERS = {
    CallKind.TRACK: _track,
    CallKind.PAGE: _event,
    CallKind.SCREEN: _event,
    CallKind.IDENTIFY: _identify,
    CallKind.GROUP: _group,
    CallKind.ALIAS: _alias,
}
