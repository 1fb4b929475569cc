"""The text of a query: its one variable, its limits, and that it is one statement.

`render` gives what is sent to the database; `place` and `original_place` lead from there back to the user's text.

Databases disagree on what quotes and comments look like, and nobody here knows which of them will read the text. So
it is read in every way in which some database might. It is refused only where every reading that makes sense sees
several statements; where there is doubt, the database decides, and it refuses them as well.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product
from string import whitespace

from headrace.errors import QueryError
from headrace.model import RowLimits

VARIABLES = ("last_sync_time",)
LIMIT = RowLimits().query
_MOST_FINDINGS = 20  # of wrong variables in one query

# `{{` before a name, before `}}` or at the end. Any other is text, as in the PostgreSQL array '{{1,2},{3,4}}'.
_OPENING = re.compile(r"\{\{(?=\s*+(?:[^\W\d]|\}\}|\Z))")
_NAME = re.compile(r"\{\{\s*+([^{}\n]{0,200}?)\s*+\}\}")
_VARIABLE = re.compile(r"\{\{\s*+last_sync_time\s*+\}\}")


def problems(query: str, *, limit: int = LIMIT) -> list[QueryError]:
    """Everything that can be seen to be wrong without a database. ``limit`` is in characters (code points)."""
    if len(query) > limit:
        message = f"The query has {len(query):,} characters; at most {limit:,} are taken. Move a part into a view."
        return [QueryError(message, code="query_too_long")]
    found = list(islice(_bad_braces(query), _MOST_FINDINGS))
    outline = _outline(query)
    if outline.statements == 0:
        found.append(QueryError("The query is empty. Write one SELECT statement.", code="query_empty"))
    elif outline.statements > 1:
        line, column = _line_column(query, outline.second)
        message = "The query holds several statements; the second begins here. Give it a sync of its own."
        found.append(QueryError(message, line=line, column=column, code="multiple_statements"))
    return found


def render(query: str, *, last_sync_time: int, limit: int = LIMIT) -> str:
    """The statement to send: the variable as a bare integer, and no ``;`` at the end. Raises the first problem.

    The substitution is textual: it happens in comments and quotes as well.
    """
    for problem in problems(query, limit=limit):
        raise problem
    return _VARIABLE.sub(str(last_sync_time), query[: _outline(query).end])


def place(query: str, offset: int, *, last_sync_time: int) -> tuple[int, int]:
    """Line and column (from 1) in the user's query of the character at ``offset`` (from 0) of the rendered one."""
    digits = len(str(last_sync_time))
    shift = 0  # how much further a character stands in the rendered query than in the user's
    for variable in _VARIABLE.finditer(query):
        begin = variable.start() + shift
        if offset < begin:
            break
        if offset < begin + digits:
            return _line_column(query, variable.start())
        shift += digits - len(variable.group())
    return _line_column(query, offset - shift)


def original_place(query: str, line: int, column: int, *, last_sync_time: int) -> tuple[int, int]:
    """Line and column in the user's query of a line and column in the rendered one; all count from 1."""
    lines = _VARIABLE.sub(str(last_sync_time), query).split("\n")
    before = sum(len(text) + 1 for text in lines[: line - 1])
    return place(query, before + column - 1, last_sync_time=last_sync_time)


def relocated(error: QueryError, query: str, *, last_sync_time: int) -> QueryError:
    """The error with its place, also in its words, in the user's query instead of the rendered one."""
    if error.line is None or error.column is None:
        return error
    line, column = original_place(query, error.line, error.column, last_sync_time=last_sync_time)
    message = error.message.replace(f"line {error.line}, column {error.column}", f"line {line}, column {column}")
    return QueryError(message, line=line, column=column, code=error.code)


def _line_column(text: str, offset: int) -> tuple[int, int]:
    before = text[: max(offset, 0)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _bad_braces(query: str) -> Iterator[QueryError]:
    braces = "Where two braces are meant as text, put a space between them."
    for opening in _OPENING.finditer(query):
        line, column = _line_column(query, opening.start())
        match = _NAME.match(query, opening.start())
        if match is None:
            message = f"The variable that begins here is not closed. Write {{{{last_sync_time}}}}. {braces}"
            yield QueryError(message, line=line, column=column, code="unbalanced_braces")
        elif match[1] not in VARIABLES:
            near = difflib.get_close_matches(match[1].lower(), VARIABLES, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(VARIABLES)}. {braces}"
            message = f"The variable {match[1]!r} is not known. {hint}"
            yield QueryError(message, line=line, column=column, code="unknown_variable")


# ------------------------------------------------------------------------------------------ the ways to read a text

# Points on which databases differ, and how to see that a text touches one. A reading is a set of those that hold.
_DIFFERENCES = {
    "backslash escapes in '…'": re.compile(r"\\"),  # MySQL, BigQuery, Snowflake, Databricks, ClickHouse
    'backslash escapes in "…" and `…`': re.compile(r"\\"),  # MySQL, BigQuery, Databricks, ClickHouse
    "# begins a comment": re.compile(r"#"),  # MySQL, BigQuery, ClickHouse; an operator in PostgreSQL
    "-- begins a comment only before a blank": re.compile(r"--(?!\s|\Z)"),  # MySQL
    "// begins a comment": re.compile(r"//"),  # Snowflake
    "comments nest": re.compile(r"/\*.*/\*", re.DOTALL),  # PostgreSQL, SQL Server, ClickHouse, Databricks
    "[…] quotes a name": re.compile(r"\["),  # SQL Server, SQLite; an array elsewhere
    "$tag$ quotes": re.compile(r"\$\w*\$"),  # PostgreSQL, DuckDB, Snowflake, ClickHouse
    "three quotes are one": re.compile(r"'''|\"\"\""),  # BigQuery
}
_MOST_DIFFERENCES = 6  # a text that touches more is too doubtful, and 2 ** 6 readings are enough work

_APOSTROPHE = "'"
_COMMENT_MARK = re.compile(r"/\*|\*/")

Reading = frozenset[str]


@dataclass(frozen=True, slots=True)
class _Outline:
    statements: int
    second: int  # offset of the second statement, if there is one
    end: int  # offset behind the last character that is neither blank nor comment nor ;
    sound: bool = True  # False: a quote or comment is left open, so no database reads the text in this way


@lru_cache(maxsize=64)
def _outline(query: str) -> _Outline:
    """What all readings that make sense agree on; in doubt one statement, to its last character but for a ``;``."""
    whole = _Outline(1, 0, len(query.rstrip(whitespace + ";")))
    doubtful = query if ";" in query else ""  # without it there is one statement or none, in any reading
    differences = [name for name, touched in _DIFFERENCES.items() if touched.search(doubtful)]
    if len(differences) > _MOST_DIFFERENCES:
        return whole
    readings = [
        frozenset(name for name, holds in zip(differences, choice, strict=True) if holds)
        for choice in product((False, True), repeat=len(differences))
    ]
    seen = {reading: outline for reading in readings if (outline := _read(query, reading)).sound}
    if not seen:
        return whole
    fewest = min({outline.statements for outline in seen.values()} - {0}, default=0)  # nobody writes a mere comment
    agreed = {reading: outline for reading, outline in seen.items() if outline.statements == fewest}
    last = max(agreed.values(), key=lambda outline: outline.end)
    cut = query[: last.end]
    if ";" not in query[last.end :] or not all(_read(cut, reading).sound for reading in agreed):
        return _Outline(fewest, last.second, whole.end)
    return last


def _read(query: str, reading: Reading) -> _Outline:
    """The text as one reading sees it, token by token."""
    token = _tokens(reading)
    nested = "comments nest" in reading
    statements, second, end, at, inside = 0, 0, 0, 0, False
    while at < len(query):
        match = token.match(query, at)
        assert match is not None, "the last alternative takes any character"
        start, at, kind = at, match.end(), match.lastgroup
        if kind == "comment":
            at = _comment_end(query, start, nested=nested)
        if kind == "open" or at < 0:
            return _Outline(statements, second, len(query), sound=False)
        # MySQL executes /*! … */, so it belongs to a statement; behind one it may be a plain comment of another.
        runs = kind == "comment" and query.startswith("/*!", start) and (inside or not statements)
        if kind == "semicolon":
            inside = False
        elif kind in ("quote", "word") or runs:
            if not inside:
                statements, inside = statements + 1, True
                second = start if statements == 2 else second
            end = at
    return _Outline(statements, second, end)


def _comment_end(query: str, start: int, *, nested: bool) -> int:
    """The offset behind the comment that begins at ``start``; -1 if it is left open."""
    if not nested:
        closing = query.find("*/", start + 2)
        return closing + 2 if closing >= 0 else -1
    depth = 0
    for mark in _COMMENT_MARK.finditer(query, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return -1


def _quoted(quote: str, *, backslash: bool) -> str:
    """Text in quotes, which are doubled to stand for themselves. Possessive: an open one never closes earlier."""
    plain = rf"[^{quote}\\]++|\\." if backslash else rf"[^{quote}]++"
    return rf"{quote}(?:{plain}|{quote}{quote})*+{quote}"


@lru_cache(maxsize=256)
def _tokens(reading: Reading) -> re.Pattern[str]:
    """One token of the text; the name of its group says what it is."""
    lines = [r"--(?=\s|\Z)[^\n]*" if "-- begins a comment only before a blank" in reading else r"--[^\n]*"]
    lines += [rf"{mark}[^\n]*" for mark in ("#", "//") if f"{mark} begins a comment" in reading]
    names = 'backslash escapes in "…" and `…`' in reading
    quotes = [
        rf"[eE]{_quoted(_APOSTROPHE, backslash=True)}",  # PostgreSQL's E'…'
        _quoted(_APOSTROPHE, backslash="backslash escapes in '…'" in reading),
        _quoted('"', backslash=names),
        _quoted("`", backslash=names),
    ]
    opens = ["['\"`]"]
    if "three quotes are one" in reading:
        triples = [rf"{q}{q}{q}(?:[^{q}\\]++|\\.|{q}(?!{q}{q}))*+{q}{q}{q}" for q in (_APOSTROPHE, '"')]
        quotes = triples + quotes
    if "[…] quotes a name" in reading:
        quotes.append(r"\[(?:[^\]]++|\]\])*+\]")
        opens.append(r"\[")
    if "$tag$ quotes" in reading:
        quotes.append(r"(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$")
        opens.append(r"(?<![\w$])\$(?:[^\W\d]\w*)?\$")
    kinds = {
        "blank": ["\\s++", *lines],
        "comment": [r"/\*"],
        "semicolon": [";"],
        "quote": quotes,
        "open": opens,
        "word": [r"\w[\w$]*+", "."],
    }
    return re.compile("|".join(f"(?P<{kind}>{'|'.join(ways)})" for kind, ways in kinds.items()), re.DOTALL)
