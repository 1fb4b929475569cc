"""What a call must have, and how big it may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from headrace.calls.values import Column
from headrace.model import CallKind, Failure, MapOptions, RowLimits


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows for which ``broken`` holds fail with ``failure``."""

    broken: pl.Expr
    failure: Failure


_MISSING = "A row needs {what}, and this one has none. Fill the column {columns}, or leave such rows out of the query."


def _missing(code: str, what: str, columns: str, fields: Sequence[pl.Expr | None]) -> Rule:
    there = [f.is_not_null() for f in fields if f is not None]
    broken = ~pl.any_horizontal(there) if there else pl.lit(True)
    return Rule(broken, Failure(code, _MISSING.format(what=what, columns=columns)))


def requirements(
    kind: CallKind, options: MapOptions, envelope: Mapping[str, pl.Expr], email: pl.Expr | None
) -> list[Rule]:
    """The rules of one type of call, over its envelope's columns, in the order in which they are told."""
    user, anonymous, group = (envelope.get(n) for n in ("user_id", "anonymous_id", "group_id"))
    person = [user, anonymous]
    match kind:
        case CallKind.IDENTIFY:
            mail = pl.when(email.str.strip_chars() != "").then(email) if email is not None else None
            columns = "'userId' or 'anonymousId'" + (" or 'email'" if options.email_identity else "")
            return [_missing("missing_identifier", "an identifier", columns, [*person, mail])]
        case CallKind.GROUP:
            return [_missing("missing_group_id", "a group", "'groupId'", [group])]
        case CallKind.TRACK:
            columns = "'userId', 'anonymousId' or 'groupId'"
            return [
                _missing("missing_event", "an event", "'event'", [envelope.get("name")]),
                _missing("missing_identifier", "an identifier", columns, [*person, group]),
            ]
        case CallKind.PAGE | CallKind.SCREEN:
            return [_missing("missing_identifier", "an identifier", "'userId' or 'anonymousId'", person)]
        case CallKind.ALIAS:
            return [
                _missing("missing_identifier", "an identifier", "'userId'", [user]),
                _missing("missing_previous_id", "the identifier it had before", "'previousId'",
                         [envelope.get("previous_id")]),
            ]  # fmt: skip


def too_large(columns: Sequence[Column], widths: Sequence[int], total: int, limits: RowLimits) -> Failure | None:
    """The failure of a row whose values take ``widths`` bytes of JSON each and ``total`` in all, or None."""
    for column, width in zip(columns, widths, strict=True):
        if width > limits.column_bytes:
            return Failure(
                "column_too_large",
                f"The column {column.name!r} takes {width:,} bytes as JSON; at most {limits.column_bytes:,} are taken. "
                "Shorten it in the query.",
                column.name,
            )
    if total > limits.record_bytes:
        return Failure(
            "record_too_large",
            f"The row takes {total:,} bytes as JSON; at most {limits.record_bytes:,} are taken. Select fewer columns.",
        )
    return None
