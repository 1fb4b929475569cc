"""Which T-SQL texts are taken for one SELECT."""

from __future__ import annotations

import pytest

from headrace.errors import QueryError
from headrace.sources.sqlserver_text import one_select
from headrace.sources.sqlserver_types import literal


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "SELECT [update], \"delete\", 'drop' AS x FROM t -- insert",
        "select 1 /* delete /* from */ t */ as n;",
        "with a as (select 1 as n), b (n) as (select 2) select * from a union all select * from b",
        "(select 1 as n) union (select 2) except select 3 intersect select 4",
        "select * from a inner merge join b on a.n = b.n option (merge join, use hint ('FORCE_ORDER'))",
        "select case when n = 1 then 'a' else 'b' end as c from t order by n offset 5 rows fetch next 5 rows only",
        "select (select n from t for json path) as data, (select max(n) from t) as m from t",
        "select * from openrowset(bulk 'a.parquet', format = 'PARQUET') as r",
        "select * from t for system_time as of '2026-01-01'",
        "select 1 as größe, 2 as café_set, @@version as v, 0x1f as h, 1e5 as e, $5 as money",
        "select next, value from t",
    ],
)
def test_a_select_is_taken(sql: str) -> None:
    """Words of writing inside quotes, brackets and comments, and those of hints, do no harm."""
    assert one_select(sql)


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("select 1 select 2", "one_statement"),
        ("(select 1) select 2", "one_statement"),
        ("select 1 with a as (select 2) select 3", "one_statement"),
        ("select 1; select 2", "one_statement"),
        ("select 1 union select 2 select 3", "one_statement"),
        ("with a as (select 1 as n)", "read_only"),
        ("select 1 union", "read_only"),
        ("select n from t for json path", "read_only"),
        ("select n from t for xml raw", "read_only"),
        ("table t", "read_only"),
        ("throw", "read_only"),
        ("receive * from queue", "read_only"),
        ("select 1 as n merge t using u on 1 = 1", "read_only"),
        ("select 1 use master", "read_only"),
        ("select 1 bulk insert t from 'f'", "read_only"),
        ("select 1exec sp_who", "query"),
        ("select 0x1exec sp_who", "query"),
        ("select 1 as n exec@p", "read_only"),
        ("select 1 as n delete#t", "read_only"),
    ],
)
def test_anything_else_is_refused(sql: str, code: str) -> None:
    """Statements side by side without a semicolon, statements that do not begin with SELECT, and results in pieces; and
    what the server might read as such: words stuck to a number or to a sign that a name may hold."""
    with pytest.raises(QueryError) as caught:
        one_select(sql)
    assert caught.value.code == code


def test_a_refused_word_tells_its_place() -> None:
    """Line and column of the word, and how to write it as a name."""
    with pytest.raises(QueryError, match=r"holds update at line 2, column 3.*\[update\]") as caught:
        one_select("select 1 as n,\n  update")
    assert (caught.value.line, caught.value.column) == (2, 3)


@pytest.mark.parametrize(("text", "written"), [("it's", "N'it''s'"), ("a\\\nb", "N'a\\' + N'\nb'")])
def test_text_is_quoted(text: str, written: str) -> None:
    """Quotes are doubled; a backslash does not join two lines, as it would in T-SQL."""
    assert literal(text) == written
