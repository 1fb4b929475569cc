"""Whether a T-SQL text is one SELECT and nothing else, by its words alone.

T-SQL has no read-only transaction, and needs no `;` between statements. But every word that begins or makes a write
is reserved in it: outside quotes, brackets and comments it can be nothing else, least of all a name. So a text that
holds none of them, begins with SELECT or WITH, and has no second SELECT beside the first, cannot change anything.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headrace.errors import QueryError
from headrace.sources.sql import not_a_select, one_statement, place

# Reserved words of T-SQL that no SELECT needs.
_FORBIDDEN = frozenset({
    "ADD", "ALTER", "AUTHORIZATION", "BACKUP", "BEGIN", "BREAK", "BULK", "CHECKPOINT", "CLOSE", "COMMIT", "CONTINUE",
    "CREATE", "DBCC", "DEALLOCATE", "DECLARE", "DELETE", "DENY", "DISK", "DROP", "DUMP", "EXEC", "EXECUTE", "EXIT",
    "GOTO", "GRANT", "IF", "INSERT", "INTO", "KILL", "LINENO", "LOAD", "MERGE", "NOCHECK", "OPEN", "OPENDATASOURCE",
    "OPENQUERY", "OPENROWSET", "PRINT", "RAISERROR", "READTEXT", "RECONFIGURE", "RESTORE", "RETURN", "REVERT",
    "REVOKE", "ROLLBACK", "SAVE", "SET", "SETUSER", "SHUTDOWN", "TRUNCATE", "UPDATE", "UPDATETEXT", "USE", "WAITFOR",
    "WHILE", "WRITETEXT",
})  # fmt: skip

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>--[^\n]*)
  | (?P<block>/\*)
  | (?P<text>'(?:[^']|'')*(?:'|\Z))
  | (?P<name>\[(?:[^\]]|\]\])*(?:\]|\Z) | "(?:[^"]|"")*(?:"|\Z))
  | (?P<word>[^\W\d][\w@$\#]* | [@\#][\w@$\#]*)
  | (?P<number>0[xX][0-9a-fA-F]* | \d+(?:\.\d*)?(?:[eE][+-]?\d*)?)
  | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_DOUBTFUL_LETTERS = re.compile(r"[^\x00-\x7f]+|[@$#]+")
_GLUED = re.compile(r"\w")  # 1exec may be read as 1e xec, or as 1 exec
_BLOCK = re.compile(r"/\*|\*/")
# Within a comment these may end the line for one reader and not for another.
_DOUBTFUL_ENDS = re.compile("[\r\v\f\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text. ``word`` is upper case for a word that may be reserved, else the sign, or empty."""

    word: str
    text: str
    start: int


def one_select(sql: str) -> list[Token]:
    """The tokens of a text that is one SELECT. Raises `QueryError` for any other."""
    tokens = list(_tokens(sql))
    while tokens and tokens[-1].word == ";":
        tokens.pop()
    if not tokens:
        raise not_a_select("SQL Server", "it is empty")
    for number, token in enumerate(tokens):
        if token.word == ";":
            raise one_statement()
        if token.word in ("{", "}"):
            raise _refused(sql, token, "an ODBC escape, which could call a procedure. Write it in T-SQL")
        if token.word in _FORBIDDEN and not _harmless(tokens, number):
            raise _refused(
                sql, token, f"write one SELECT; a name that is {token.text} goes in brackets: [{token.text}]"
            )
        if [one.word for one in tokens[number : number + 3]] == ["NEXT", "VALUE", "FOR"]:
            raise _refused(sql, token, "a sequence moves on even if the transaction does not")
    _one_query(sql, tokens)
    return tokens


def name_place(sql: str, tokens: Sequence[Token], name: str) -> int | None:
    """Where the one token stands that is ``name``, as an error of the server quotes it; None if that is not sure."""
    wanted = name.casefold()
    found = [token.start for token in tokens if _plain(token.text).casefold() == wanted]
    if not found and "." in name:  # dbo.people: its last part
        return name_place(sql, tokens, name.rsplit(".", 1)[1])
    return found[0] if len(found) == 1 else None


def tokens_of(sql: str) -> list[Token]:
    """The tokens of any text."""
    return list(_tokens(sql))


def _tokens(sql: str) -> Iterator[Token]:
    if "\0" in sql:
        raise not_a_select("SQL Server", "it holds a NUL character")
    at = 0
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        assert found is not None, "every character is a sign"
        kind, text, start = found.lastgroup, found.group(), at
        at = found.end()
        if kind == "block":
            at = _block_end(sql, start)
        elif kind == "comment":
            doubtful = _DOUBTFUL_ENDS.search(text.removesuffix("\r"))
            if doubtful:
                raise _doubtful(sql, start, "comment", "holds a control character that may end it. Remove it")
        elif kind == "number" and _GLUED.match(sql, at):
            raise _doubtful(sql, start, "number", "has letters behind it that may be a word. Put a space between them")
        elif kind == "word":
            yield Token(_reserved(text), text, start)
        elif kind != "space":
            yield Token(text if kind == "sign" else "", text, start)


def _reserved(text: str) -> str:
    """A word as it may be read: what the server may not take for letters of it (ü, @, $, #) hides nothing."""
    word = unicodedata.normalize("NFKC", text).upper()
    for piece in _DOUBTFUL_LETTERS.split(word):
        if piece in _FORBIDDEN or piece == "SELECT":
            return piece
    return word


def _block_end(sql: str, start: int) -> int:
    """Where a block comment ends; they nest in T-SQL."""
    depth, at = 1, start + 2
    while depth:
        found = _BLOCK.search(sql, at)
        if found is None:
            return len(sql)
        depth += 1 if found.group() == "/*" else -1
        at = found.end()
    return at


def _harmless(tokens: Sequence[Token], number: int) -> bool:
    word = tokens[number].word
    if word == "OPENROWSET":
        return [token.word for token in tokens[number + 1 : number + 3]] == ["(", "BULK"]
    if word == "BULK":
        return [token.word for token in tokens[max(number - 2, 0) : number]] == ["OPENROWSET", "("]
    following = _word_after(tokens, number)
    return (word == "MERGE" and following in ("JOIN", "UNION")) or (word == "USE" and following in ("HINT", "PLAN"))


def _one_query(sql: str, tokens: Sequence[Token]) -> None:
    """One query expression: outside brackets one SELECT, and one more behind each UNION, EXCEPT and INTERSECT."""
    if tokens[0].word not in ("SELECT", "WITH", "("):
        raise not_a_select("SQL Server", f"it begins with {tokens[0].text}")
    depth = 0
    expected = True  # a SELECT, or a query in brackets
    named = tokens[0].word == "WITH"  # among the tables of WITH, whose brackets are not the query's
    for number, token in enumerate(tokens):
        if token.word == "(":
            if depth == 0 and expected and not named:
                expected = False
            depth += 1
        elif token.word == ")":
            depth -= 1
        elif depth == 0 and token.word == "SELECT":
            if not expected:
                raise one_statement()
            expected = named = False
        elif depth == 0 and token.word in ("UNION", "EXCEPT", "INTERSECT"):
            expected = True
        elif depth == 0 and token.word == "FOR" and _word_after(tokens, number) in ("XML", "JSON", "BROWSE"):
            raise _refused(
                sql,
                token,
                "the server cuts such a result into pieces of 2,033 characters. Put it in a column: "
                "SELECT (SELECT … FOR JSON PATH) AS data",
            )
    if expected:
        raise not_a_select("SQL Server", "it has no SELECT")


def _word_after(tokens: Sequence[Token], number: int) -> str:
    return tokens[number + 1].word if number + 1 < len(tokens) else ""


def _refused(sql: str, token: Token, why: str) -> QueryError:
    line, column = place(sql, token.start)
    return QueryError(
        f"The query holds {token.text} at line {line}, column {column}. Headrace only reads: {why}.",
        line=line,
        column=column,
        code="read_only",
    )


def _doubtful(sql: str, start: int, what: str, why: str) -> QueryError:
    """The error for a text that the server may read otherwise than we do."""
    line, column = place(sql, start)
    return QueryError(f"The {what} at line {line}, column {column} {why}.", line=line, column=column)


def _plain(text: str) -> str:
    """A name without its brackets or quotes."""
    if text[:1] == "[":
        return text[1:-1].replace("]]", "]")
    if text[:1] in ('"', "'"):
        quote = text[0]
        return text[1:-1].replace(2 * quote, quote)
    return text
