"""Profiles: what identify, group and User Deleted calls change about people and groups."""

from __future__ import annotations

import msgspec
import polars as pl

from headrace.destinations.mixpanel.words import (
    ENDING,
    Failures,
    Object,
    Wording,
    json,
    put_together,
    rewritten,
    take_apart,
)
from headrace.model import Failure

# The traits of the common specification → the profile properties that Mixpanel's own pages show.
KNOWN_TRAITS = {
    "email": "$email",
    "firstName": "$first_name",
    "first_name": "$first_name",
    "lastName": "$last_name",
    "last_name": "$last_name",
    "name": "$name",
    "phone": "$phone",
    "avatar": "$avatar",
    "createdAt": "$created",
    "created_at": "$created",
    "created": "$created",
}
UPDATE_ONLY = "_update"
_TRUE = [msgspec.Raw(text) for text in (b"true", b"1", b'"true"', b'"t"', b'"1"')]
NULL = msgspec.Raw(b"null")


def person(wording: Wording) -> pl.Expr:
    """The start of an update of the call's person, null where it has none."""
    ip = pl.col("ip").fill_null('"0"')  # "0": do not take our own address for the person's
    return pl.concat_str(pl.lit(wording.update + '"$distinct_id":'), "who", pl.lit(',"$ip":'), ip)


def group(wording: Wording) -> pl.Expr:
    """The start of an update of the call's group."""
    return pl.concat_str(pl.lit(f'{wording.update}"$group_key":{json(wording.group_key)},"$group_id":'), "group")


def changes(rows: pl.DataFrame, subject: pl.Expr, wording: Wording) -> tuple[pl.Series, pl.Series | None, Failures]:
    """What each call sets, and what it unsets: its null traits; None where no call unsets anything.

    A body is taken as it is where nothing in it can need a change.
    """
    signs = ["null", json(UPDATE_ONLY), "\\u", *(json(name) for name in KNOWN_TRAITS if wording.known_traits)]
    found = rows.select(subject=subject, body="body", doubtful=pl.col("body").str.contains_any(signs))
    failures: Failures = {}
    bodies: dict[int, str] = {}
    unset: dict[int, str] = {}
    positions = found["doubtful"].arg_true().to_list()
    for position, text in zip(positions, found["body"][positions], strict=True):
        traits = take_apart(text)
        if isinstance(traits, Failure) or traits.pop(UPDATE_ONLY, None) in _TRUE:
            failures[position] = traits if isinstance(traits, Failure) else _UPDATE_ONLY_UNSUPPORTED
            continue
        if wording.known_traits:
            _renamed(traits)
        if gone := [name for name, value in traits.items() if value == NULL]:
            unset[position] = put_together(gone)
            traits = {name: value for name, value in traits.items() if value != NULL}
        bodies[position] = put_together(traits)
    found = found.with_columns(body=rewritten(found["body"], bodies))
    sets = found.select(pl.concat_str("subject", pl.lit(',"$set":'), "body", pl.lit("}" + ENDING))).to_series()
    return sets, _unsets(found, unset) if unset else None, failures


_UPDATE_ONLY_UNSUPPORTED = Failure(
    "update_only_unsupported",
    f"Mixpanel creates whoever it does not know, so a row with {UPDATE_ONLY} cannot be sent there. "
    "Leave such rows out of the query, or the column.",
    UPDATE_ONLY,
)


def _unsets(found: pl.DataFrame, unset: dict[int, str]) -> pl.Series:
    names = rewritten(pl.Series([None] * len(found), dtype=pl.String), unset)
    text = pl.concat_str("subject", pl.lit(',"$unset":'), names, pl.lit("}" + ENDING))
    return found.select(text).to_series()


def _renamed(traits: Object) -> None:
    """Give the known traits Mixpanel's names. A name that is taken already is left to its owner."""
    for name in [name for name in traits if name in KNOWN_TRAITS]:
        if KNOWN_TRAITS[name] not in traits:
            traits[KNOWN_TRAITS[name]] = traits.pop(name)


def memberships(rows: pl.DataFrame, wording: Wording) -> pl.Series:
    """The group as one of the person's groups; null where the call is about no person."""
    text = pl.concat_str(
        person(wording), pl.lit(f',"$union":{{{json(wording.group_key)}:['), "group", pl.lit("]}}" + ENDING)
    )
    return rows.select(text).to_series()


def deletions(rows: pl.DataFrame, wording: Wording) -> pl.Series:
    """The person's profile deleted, also where the id is an alias of it: ``$ignore_alias`` spares the original."""
    start = pl.concat_str(pl.lit(wording.update + '"$distinct_id":'), "who")
    text = pl.concat_str(start, pl.lit(',"$delete":null,"$ignore_alias":false}' + ENDING))
    return rows.select(text).to_series()
