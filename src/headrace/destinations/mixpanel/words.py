"""What all Mixpanel texts share: the settings that shape them, whom a call is about, lanes and limits.

A lane is one endpoint, named as in Mixpanel's reference (https://docs.mixpanel.com/reference); what stands before
the ``#`` is its path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import orjson
import polars as pl

from headrace.calls.batch import CallsBatch
from headrace.calls.encode import frame, quoted
from headrace.model import Failure, Secret

IMPORT = "import"
MERGE = "import#identity-merge"
PROFILE_SET = "engage#profile-set"
PROFILE_UNSET = "engage#profile-unset"
PROFILE_UNION = "engage#profile-union"
PROFILE_DELETE = "engage#profile-delete"
GROUP_SET = "groups#group-set"
GROUP_UNSET = "groups#group-unset"

ENDING = ","  # of every text: a batch's body is then a slice of the column
DEVICE = "$device:"  # stands before an anonymous id where that serves as distinct_id

# Mixpanel refuses these as distinct_id and $insert_id: they are signs of a mistake, and would make many people one.
FORBIDDEN_IDS = (
    *("00000000-0000-0000-0000-000000000000", "anon", "anonymous", "nil", "none", "null", "n/a", "na"),
    *("undefined", "unknown", "<nil>", "0", "-1", "true", "false", "[]", "{}"),
)
_PEOPLE = {"user_id": "userId", "anonymous_id": "anonymousId", "previous_id": "previousId"}

NOBODY = Failure(
    "missing_identifier",
    "Mixpanel knows people by userId or anonymousId alone, and the row has neither. Give one of them in the query.",
)

Failures = dict[int, Failure]  # by position in the calls batch

Object = dict[str, msgspec.Raw]  # a JSON object; each value stays the text it was, so that no number loses a digit

_object = msgspec.json.Decoder(Object)


@dataclass(frozen=True, slots=True)
class Wording:
    """The settings that shape the texts."""

    token: Secret | None
    simplified: bool  # the project's system of ID merge; else original
    group_key: str
    known_traits: bool  # email becomes $email, and so on
    page_event: str
    screen_event: str

    @property
    def update(self) -> str:
        """How the update of a profile begins: the project it belongs to."""
        return f'{{"$token":{json(self.token.reveal())},' if self.token else "{"


def json(text: str) -> str:
    """The text as a JSON string."""
    return orjson.dumps(text).decode()


def take_apart(text: str) -> Object | Failure:
    """A JSON object by name, or why it cannot be read: JSON types of databases take half characters, others do not."""
    try:
        return _object.decode(text)
    except msgspec.DecodeError as error:
        return Failure("bad_json", f"The row's JSON is not valid: {error}. Correct the text, often a broken character.")


def put_together(value: Object | list[str]) -> str:
    """The value as JSON text."""
    return msgspec.json.encode(value).decode()


def prepared(calls: CallsBatch, wording: Wording) -> pl.DataFrame:
    """The calls with whom they are about as JSON strings, null where unknown.

    ``who`` is the distinct_id, made of ``user`` and ``device``; ``group`` and ``ip`` speak for themselves.
    """
    rows = frame(calls)
    absent = [name for name in (*_PEOPLE, "group_id", "context") if not calls.has(name)]
    rows = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in absent)
    rows = rows.with_columns(
        device_id=pl.col("anonymous_id").str.strip_prefix(DEVICE),
        address=pl.col("context").str.json_path_match("$.ip"),
    )
    anonymous = pl.concat_str(pl.lit(DEVICE), "device_id") if wording.simplified else pl.col("anonymous_id")
    rows = rows.with_columns(distinct_id=pl.coalesce("user_id", anonymous))
    texts = {"who": "distinct_id", "user": "user_id", "device": "device_id", "group": "group_id", "ip": "address"}
    return rows.with_columns(**{text: quoted(name) for text, name in texts.items()})


def misnamed(rows: pl.DataFrame) -> Iterator[tuple[int, Failure]]:
    """The calls about people whom Mixpanel refuses to know, by position."""
    for name, column in _PEOPLE.items():
        for position in rows[name].is_in(FORBIDDEN_IDS).arg_true():
            yield position, _forbidden(column, rows[name][position])


def _forbidden(column: str, value: str) -> Failure:
    message = f"Mixpanel refuses people called {value!r}: {column}. Give the person's own id, or NULL if it is unknown."
    return Failure("bad_distinct_id", message, column)


def rewritten(texts: pl.Series, changed: dict[int, str]) -> pl.Series:
    """The texts with some of them replaced, by position."""
    return texts.scatter(list(changed), list(changed.values())) if changed else texts
