"""What a database's error means to the user: one sentence with the fix, and no secret."""

from __future__ import annotations

import errno
import sqlite3
from dataclasses import dataclass

import sqlalchemy as sa

from headrace.errors import HeadraceError, StageFull

_FULL_SQLSTATES = {"53100", "58030"}  # disk_full, io_error
_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_FULL = "No disk space left, or the disk fails"


@dataclass(frozen=True, slots=True)
class Place:
    """Which database, as messages name it; and the password that must not be in them."""

    name: str
    sqlite: bool
    password: str | None


def explain(error: Exception, place: Place) -> HeadraceError:
    """The `StageFull` or the `store_unavailable` that ``error`` amounts to."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _sqlite(cause, place)
    if isinstance(cause, OSError):
        return _folder(cause, place)
    if isinstance(error, sa.exc.TimeoutError):
        return _unavailable(place, "is busy: no connection became free", "Try again.")
    return _postgres(cause or error, place)


def _sqlite(cause: sqlite3.Error, place: Place) -> HeadraceError:
    primary = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    words = _words(cause, place)
    if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return _full(place, words)
    if primary in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return _unavailable(
            place, f"is damaged or not a database ({words})", "Restore it from a backup, or move it away to begin anew."
        )
    if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return _unavailable(
            place, f"cannot be written ({words})", "Give this user write access to the file and its folder."
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _unavailable(place, "is held by another process", "End that process, or try again later.")
    return _unavailable(place, f"failed ({words})", "Check the file and its folder.")


def _folder(cause: OSError, place: Place) -> HeadraceError:
    words = cause.strerror or _words(cause, place)
    if cause.errno in _FULL_ERRNOS:
        return _full(place, words)
    return _unavailable(place, f"cannot be written ({words})", "Set HEADRACE_HOME to a folder this user may write to.")


def _postgres(cause: BaseException, place: Place) -> HeadraceError:
    sqlstate = getattr(cause, "sqlstate", None)
    words = _words(cause, place)
    if sqlstate in _FULL_SQLSTATES:
        return _full(place, words)
    if sqlstate is None or sqlstate[:2] in ("08", "28", "3D", "57"):
        return _unavailable(
            place,
            f"cannot be reached ({words})",
            "Check that the server runs, and HEADRACE_DATABASE_URL: host, port, database, user and password.",
        )
    return _unavailable(
        place, f"refused ({words})", "Give Headrace a database of its own, and its user all rights there."
    )


def _full(place: Place, words: str) -> StageFull:
    return StageFull(
        f"{_FULL}: the store {place.name} could not be written ({words}). "
        "Nothing was changed; make room, then run again.",
    )


def _unavailable(place: Place, what: str, fix: str) -> HeadraceError:
    return HeadraceError(f"The store {place.name} {what}. {fix}", code="store_unavailable")


def _words(cause: BaseException, place: Place) -> str:
    """The driver's own words on one line, cut, without the password."""
    words = " ".join(str(cause).split())[:300].rstrip(". ")
    return words.replace(place.password, "•••") if place.password else words
