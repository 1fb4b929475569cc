"""The text of a query: its variable, its limits, one statement, and the way back from the rendered text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import QueryError
from headrace.query import LIMIT, VARIABLES, original_place, place, problems, render

PATIENT = settings(deadline=None)  # the first reading of its kind compiles its tokens


def refusal(query: str) -> tuple[str, int | None, int | None]:
    """Code and place of the only problem."""
    (problem,) = problems(query)
    return problem.code, problem.line, problem.column


@pytest.mark.parametrize(
    ("query", "rendered"),
    [
        ("SELECT {{last_sync_time}}", "SELECT 1700"),
        ("SELECT {{ last_sync_time }}-300, {{\tlast_sync_time\n}}", "SELECT 1700-300, 1700"),
        ("SELECT '{{last_sync_time}}' -- {{last_sync_time}}", "SELECT '1700' -- 1700"),
        ("SELECT {{{last_sync_time}}}", "SELECT {1700}"),
        (
            "SELECT '{{1,2},{3,4}}'::int[][], '{\"a\":{\"b\":1}}'",
            "SELECT '{{1,2},{3,4}}'::int[][], '{\"a\":{\"b\":1}}'",
        ),
        ("SELECT {last_sync_time}, $1, ${x}", "SELECT {last_sync_time}, $1, ${x}"),
    ],
)
def test_the_variable(query: str, rendered: str) -> None:
    """{{last_sync_time}} becomes the bare integer wherever it stands; other braces are left alone."""
    assert VARIABLES == ("last_sync_time",)
    assert render(query, last_sync_time=1700) == rendered


@pytest.mark.parametrize(
    ("query", "line", "column", "code", "words"),
    [
        ("SELECT {{last_sync}}", 1, 8, "unknown_variable", "Did you mean last_sync_time?"),
        ("SELECT 1,\n  {{now}}", 2, 3, "unknown_variable", "Known: last_sync_time."),
        ("SELECT {{LAST_SYNC_TIME}}", 1, 8, "unknown_variable", "Did you mean last_sync_time?"),
        ("SELECT {{last_sync_time - 300}}", 1, 8, "unknown_variable", "Did you mean last_sync_time?"),
        ("SELECT {{}}", 1, 8, "unknown_variable", "Known: last_sync_time."),
        ("SELECT {{last_sync_time}", 1, 8, "unbalanced_braces", "Write {{last_sync_time}}."),
        ("SELECT 1 {{", 1, 10, "unbalanced_braces", "Write {{last_sync_time}}."),
        ("SELECT '{{a,b},{c,d}}'", 1, 9, "unbalanced_braces", "put a space between them"),
    ],
)
def test_wrong_variables(query: str, line: int, column: int, code: str, words: str) -> None:
    """A variable that does not exist or is not closed is refused at its place, with the right spelling."""
    assert refusal(query) == (code, line, column)
    with pytest.raises(QueryError, match=r".*") as raised:
        render(query, last_sync_time=0)
    assert words in raised.value.message


def test_length() -> None:
    """131,072 characters are taken, one more is not; they are code points, not bytes."""
    query = "SELECT '" + "ł" * (LIMIT - 9) + "'"
    assert len(query) == LIMIT == 131_072
    assert problems(query) == []
    assert refusal(query + " ") == ("query_too_long", None, None)
    assert problems(query, limit=LIMIT - 1)[0].code == "query_too_long"


@pytest.mark.parametrize(
    "query", ["", " \n\t", ";", "-- nothing", "/* a */ ; -- b", "/* a /* b */", "-- {{last_sync_time}}"]
)
def test_empty(query: str) -> None:
    """A query without a word in it is refused, whatever comments it has."""
    assert [one.code for one in problems(query)] == ["query_empty"]


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("SELECT 1;", "SELECT 1"),
        ("SELECT 1 ;\n ; \n", "SELECT 1"),
        ("SELECT 1 -- one\n; -- and /* all */", "SELECT 1"),
        ("SELECT 1; /* a */ -- b; c", "SELECT 1"),
        ("SELECT 'it''s; x' AS \";\"; -- it's", "SELECT 'it''s; x' AS \";\""),
        ("  ;WITH a AS (SELECT 1) SELECT * FROM a;", "  ;WITH a AS (SELECT 1) SELECT * FROM a"),
        ("SELECT 5 # 3; -- PostgreSQL's xor", "SELECT 5 # 3"),
        ("SELECT a #>> '{x}' FROM t;", "SELECT a #>> '{x}' FROM t"),
        ("SELECT 5; # MySQL's comment", "SELECT 5"),
        ("# MySQL;\nSELECT 5;", "# MySQL;\nSELECT 5"),
        ("SELECT 5--3; -- eight in MySQL", "SELECT 5--3"),
        ("SELECT 'C:\\'; -- no escape in PostgreSQL", "SELECT 'C:\\'"),
        ("SELECT E'it\\'s; x';", "SELECT E'it\\'s; x'"),
        ("SELECT $f$a;b$f$, a[1];", "SELECT $f$a;b$f$, a[1]"),
        ("SELECT [a;]]b] FROM [t];", "SELECT [a;]]b] FROM [t]"),
        ("SELECT 1 /* a /* b; */ c; */;", "SELECT 1"),
        ("SELECT a FROM t /*!50000 LIMIT 5 */;", "SELECT a FROM t /*!50000 LIMIT 5 */"),
        ("SELECT '''it's; x''';", "SELECT '''it's; x'''"),
        ("SELECT 1 -- kept, for nothing ends before it  \n", "SELECT 1 -- kept, for nothing ends before it"),
        ("SELECT '\\', \"\\\", $$, #, [, //, --x, /* /* ; ", "SELECT '\\', \"\\\", $$, #, [, //, --x, /* /*"),
    ],
)
def test_the_end_of_a_statement(query: str, sent: str) -> None:
    """A ; at the end goes, and the comments behind it with it; nothing that any database would read goes."""
    assert render(query, last_sync_time=0) == sent


@pytest.mark.parametrize(
    ("query", "line", "column"),
    [
        ("SELECT 1; SELECT 2", 1, 11),
        ("SELECT 1;\n-- two\n  DROP TABLE t;", 3, 3),
        ("SELECT 'a'';b'; DELETE FROM t", 1, 17),
        ('SELECT "a;", /* ; */ 1; SELECT 2', 1, 25),
        ("SELECT 'C:\\'; SELECT 2", 1, 15),
        (";; SELECT 1 ;; SELECT 2; SELECT 3", 1, 16),
    ],
)
def test_several_statements(query: str, line: int, column: int) -> None:
    """More than one statement is refused, at the second."""
    assert refusal(query) == ("multiple_statements", line, column)


def test_problems_come_together() -> None:
    """Different problems of one query are found in one go, and few of each kind are enough."""
    assert [one.code for one in problems("SELECT {{a}}; SELECT {{b")] == [
        "unknown_variable",
        "unbalanced_braces",
        "multiple_statements",
    ]
    assert len(problems("{{a}} " * 1000)) < 50


# ---------------------------------------------------------------------------- random statements of real databases


def quoted(opening: str, closing: str, *, escape: str = "double") -> st.SearchStrategy[str]:
    """Text in quotes with anything inside that the database allows there."""
    inside = st.text(st.sampled_from(";;'\"`[]\\$#-/* a\n"), max_size=8)

    def close(text: str) -> str:
        if escape == "backslash":
            text = text.replace("\\", "\\\\").replace(closing[0], "\\" + closing[0])
        elif escape == "double":
            text = text.replace(closing, closing * 2)
        else:
            text = text.replace("$", "")
        return f"{opening}{text}{closing}"

    return inside.map(close)


def comment(opening: str, closing: str) -> st.SearchStrategy[str]:
    inside = st.text(st.sampled_from(";'\"`[]\\$#- a"), max_size=8)
    return inside.map(lambda text: f"{opening}{text}{closing}")


def nested(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(texts, texts, texts).map(lambda three: f"/*{three[0]} /*{three[1]}*/ {three[2]}*/")


DASHES, BLOCK = comment("-- ", "\n"), comment("/* ", "*/")
NESTED = nested(st.text(st.sampled_from(";'\"`[]\\$#- a"), max_size=5))
SINGLE, DOUBLE, BACKTICK = quoted("'", "'"), quoted('"', '"'), quoted("`", "`")
SINGLE_ESCAPED, DOUBLE_ESCAPED = quoted("'", "'", escape="backslash"), quoted('"', '"', escape="backslash")
BACKTICK_ESCAPED = quoted("`", "`", escape="backslash")
BRACKETS = quoted("[", "]")
WORDS = st.sampled_from(
    ["SELECT", "a", "b.c", "12", "1.5e3", "=", "(", ")", ",", "::text", "->>", "{{last_sync_time}}"]
)

# For each database: its tokens, and its comments.
DIALECTS: dict[str, tuple[st.SearchStrategy[str], st.SearchStrategy[str]]] = {
    "postgresql": (
        WORDS
        | SINGLE
        | DOUBLE
        | quoted("E'", "'", escape="backslash")
        | quoted("$$", "$$", escape="none")
        | quoted("$t1$", "$t1$", escape="none")
        | st.sampled_from(["5 # 3", "a #>> b", "a[1]", "$1", "a$b"]),
        comment("--", "\n") | BLOCK | NESTED,
    ),
    "mysql": (
        WORDS | SINGLE_ESCAPED | DOUBLE_ESCAPED | BACKTICK | st.just("5--3"),
        DASHES | comment("#", "\n") | BLOCK,
    ),
    "sqlserver": (WORDS | SINGLE | DOUBLE | BRACKETS | st.just("#temporary"), comment("--", "\n") | BLOCK | NESTED),
    "sqlite": (WORDS | SINGLE | DOUBLE | BACKTICK | BRACKETS, comment("--", "\n") | BLOCK),
    "bigquery": (
        WORDS
        | SINGLE_ESCAPED
        | DOUBLE_ESCAPED
        | BACKTICK_ESCAPED
        | st.sampled_from(["'''a';'b'''", '"""a";"b"""', "[1, 2]"]),
        comment("--", "\n") | comment("#", "\n") | BLOCK,
    ),
    "snowflake": (
        WORDS | SINGLE_ESCAPED | DOUBLE | quoted("$$", "$$", escape="none") | st.just("$a"),
        comment("--", "\n") | comment("//", "\n") | BLOCK,
    ),
    "clickhouse": (
        WORDS | SINGLE_ESCAPED | DOUBLE_ESCAPED | BACKTICK_ESCAPED | st.just("[1]"),
        DASHES | BLOCK | NESTED,
    ),
}
ANY_DIALECT = st.sampled_from(sorted(DIALECTS)).flatmap(
    lambda name: st.tuples(
        st.lists(st.one_of(*DIALECTS[name]), max_size=8).map(" ".join),
        DIALECTS[name][0],
        st.lists(DIALECTS[name][1] | st.sampled_from([";", " ", "\n"]), max_size=4).map("".join),
    )
)


@PATIENT
@given(ANY_DIALECT)
def test_one_statement_is_never_refused(parts: tuple[str, str, str]) -> None:
    """A statement that is one in the database it is written for passes, and reaches it whole up to its last token."""
    begin, last, tail = parts
    statement = f"{begin} {last}"
    assert problems(statement + tail) == []
    sent = render(statement + tail, last_sync_time=7)
    whole = statement.replace("{{last_sync_time}}", "7")
    assert sent.startswith(whole)
    assert (whole + tail.replace("{{last_sync_time}}", "7")).startswith(sent)


@PATIENT
@given(ANY_DIALECT, st.sampled_from([";", " ;", ";\n", " ; ; \n"]))
def test_a_last_semicolon_is_never_sent(parts: tuple[str, str, str], end: str) -> None:
    """In whatever doubt about quotes and comments, a ; at the very end of the text goes."""
    statement = f"{parts[0]} {parts[1]}"
    sent = render(statement + end, last_sync_time=7)
    assert sent == statement.replace("{{last_sync_time}}", "7").rstrip(" \n;")


@PATIENT
@given(st.text(st.sampled_from("ab;'\"`[]$#-/*\\ \n{}e!"), max_size=40))
def test_any_text(query: str) -> None:
    """Any text is judged without an error of our own, and what passes ends in neither blank nor ;."""
    if not problems(query):
        assert not render(query, last_sync_time=0).endswith((" ", "\n", ";"))


@pytest.mark.parametrize(
    "query",
    [
        "a 'b' ;" * 18_000,
        "[" * 131_000 + ";",
        "'" * 131_001 + ";",
        "{{ " * 43_000,
        "{{" + " " * 131_000 + "a",
        " " * 131_000 + ";a",
        "/*" * 65_000 + ";",
        "$a" * 65_000 + ";",
    ],
    ids=lambda query: query[:6],
)
def test_no_text_takes_long(query: str) -> None:
    """The work grows with the text, not with its square."""
    began = time.process_time()
    problems(query)
    assert time.process_time() - began < 5


# -------------------------------------------------------------------------------------------- back to the user's text


@given(
    st.lists(
        st.sampled_from(["SELECT ", "a\n", "ł", "{{last_sync_time}}", "{{ last_sync_time\n}}", ", "]), max_size=12
    ),
    st.integers(0, 10**11),
)
def test_every_place_leads_back(pieces: list[str], moment: int) -> None:
    """Each character of the rendered query leads to its own place; those of the number to where the variable begins."""
    query = "".join(pieces)
    rendered = "".join(str(moment) if piece.startswith("{{") else piece for piece in pieces)
    original = 0
    offset = 0
    for piece in pieces:
        variable = piece.startswith("{{")
        for index in range(len(str(moment)) if variable else len(piece)):
            at = original + (0 if variable else index)
            before = query[:at].split("\n")
            expected = (len(before), len(before[-1]) + 1)
            assert place(query, offset, last_sync_time=moment) == expected
            above = rendered[:offset].split("\n")
            assert original_place(query, len(above), len(above[-1]) + 1, last_sync_time=moment) == expected
            offset += 1
        original += len(piece)


def test_places_beyond_the_text() -> None:
    """A database that points behind the end is answered with the end."""
    assert place("SELECT", 99, last_sync_time=0) == (1, 7)
    assert original_place("SELECT\n1", 9, 9, last_sync_time=0) == (2, 2)
