"""Lists come a page at a time. A cursor says where the next page begins: opaque, and good for ever.

It holds the key of the last item that was given, not a count: what is added or deleted meanwhile shifts nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Query

from headrace.api.errors import ApiError

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=200, description="How many items a page has at most.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before; none for the first.")]


def encode(*key: str | int) -> str:
    """The cursor behind an item with that key."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def decode(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The key in a cursor, whose parts have these types; None where there is no cursor. Raises `ApiError`."""
    if cursor is None:
        return None
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
        if isinstance(key, list) and [type(part) for part in key] == list(kinds) and all(map(_storable, key)):
            return tuple(key)
    except (ValueError, binascii.Error):
        pass
    raise ApiError("The cursor is not one of ours. Take it from `next` of the page before.", code="bad_cursor")


def _storable(part: str | int) -> bool:
    """Whether a database can be asked for it."""
    return isinstance(part, str) or -(2**63) <= part < 2**63


def page_of(items: Sequence[T], key: Callable[[T], str], cursor: str | None, limit: int) -> tuple[list[T], str | None]:
    """One page of a list that is at hand, sorted by a key that is unique; and the cursor of the next page."""
    after = decode(cursor, str)
    ordered = sorted(items, key=key)
    left = ordered if after is None else [item for item in ordered if key(item) > after[0]]
    return left[:limit], encode(key(left[limit - 1])) if len(left) > limit else None
