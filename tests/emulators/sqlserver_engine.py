"""What stands behind the stand-in's protocol: T-SQL, translated for DuckDB; and canned answers about the server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import sqlglot
from sqlglot import exp
from sqlserver_answers import answers
from sqlserver_types import Column, rows

FETCH = 4_096

_TABLES = """
create schema dbo;
create table dbo.people (id bigint primary key, name varchar);
insert into dbo.people select range, 'name ' || range from range(1, 11);
"""

_KINDS = {
    "BOOLEAN": "bit", "TINYINT": "smallint", "UTINYINT": "tinyint", "SMALLINT": "smallint", "INTEGER": "int",
    "BIGINT": "bigint", "HUGEINT": "bigint", "FLOAT": "real", "DOUBLE": "float", "VARCHAR": "nvarchar(4000)",
    "BLOB": "varbinary(8000)", "DATE": "date", "TIME": "time(7)", "TIMESTAMP": "datetime2(7)",
    "TIMESTAMP WITH TIME ZONE": "datetimeoffset(7)", "UUID": "uniqueidentifier",
}  # fmt: skip

# Types that sqlglot or DuckDB does not know → what stands for them there; the client is told the type that was asked.
_FOREIGN = {
    "money": "decimal(19, 4)", "smallmoney": "decimal(10, 4)", "sql_variant": "int", "xml": "varchar",
    "geography": "varchar", "hierarchyid": "varchar", "json": "varchar",
}  # fmt: skip

_SERIES = re.compile(r"generate_series\((\d+), (\d+)\)", re.IGNORECASE)
_DESCRIBE = re.compile(r"dm_exec_describe_first_result_set\((N'.*'), null, 0\)", re.DOTALL)
_SESSION = re.compile(r"(?i)\s*(set|begin transaction|if @@trancount|rollback)\b")


class Refused(Exception):
    """An error as SQL Server tells it."""

    def __init__(self, number: int, text: str, *, line: int = 1, severity: int = 16) -> None:
        super().__init__(text)
        self.number, self.text, self.line, self.severity = number, text, line, severity


class Engine:
    """All databases are one."""

    def __init__(self) -> None:
        self._duckdb = duckdb.connect()
        self._duckdb.execute(_TABLES)

    def session(self, user: str, database: str, *, encrypted: bool) -> Session:
        return Session(self._duckdb.cursor(), user, database, encrypted)


class Session:
    """One connection's cursor. `execute` and what it gives run in one thread at a time, `interrupt` in any."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, user: str, database: str, encrypted: bool) -> None:
        self._cursor = cursor
        self._user, self._database, self._encrypted = user, database, encrypted
        cursor.execute("set schema = 'dbo'; set timezone = 'UTC'")

    def execute(self, sql: str) -> tuple[Sequence[Column], Iterator[tuple[int, bytes]]]:
        """The columns of a batch's result (none: it has no result), and its rows as they are sent."""
        if _SESSION.match(sql):
            return [], iter(())
        described = _DESCRIBE.search(sql)
        if described:
            return self._describe(_unquoted(described.group(1)))
        canned = answers(sql, self._user, self._database, encrypted=self._encrypted)
        if canned is not None:
            return table(*canned)
        translated, asked = _translated(sql)
        try:
            self._cursor.execute(translated)
            if not asked:
                self._cursor.fetchall()  # the number of rows that it changed
                return [], iter(())
            columns = [
                Column(name, kind or _kind(str(description[1])))
                for description, (name, kind) in zip(self._cursor.description, asked, strict=True)
            ]
        except duckdb.Error as error:
            raise _refused(error) from error
        return columns, self._rows(columns)

    def _rows(self, columns: Sequence[Column]) -> Iterator[tuple[int, bytes]]:
        try:
            while values := self._cursor.fetchmany(FETCH):
                yield len(values), rows(columns, list(zip(*values, strict=True)))
        except duckdb.Error as error:
            raise _refused(error) from error

    def _describe(self, sql: str) -> tuple[Sequence[Column], Iterator[tuple[int, bytes]]]:
        """Name and type of each column, or what is wrong with the query, without running it."""
        found: list[tuple[Any, ...]] = []
        try:
            translated, asked = _translated(sql)
            relation = self._cursor.sql(f"select * from ({translated}\n) limit 0") if asked else None
            if relation is not None:
                found = [
                    (name, kind or _kind(str(own)), None)
                    for (name, kind), own in zip(asked, relation.types, strict=True)
                ]
        except Refused as refusal:
            found = [(None, None, refusal.text)]
        except duckdb.Error as error:
            found = [(None, None, _refused(error).text)]
        return table([("name", "nvarchar(128)"), ("type", "nvarchar(128)"), ("fault", "nvarchar(4000)")], found)

    def interrupt(self) -> None:
        self._cursor.interrupt()

    def close(self) -> None:
        self._cursor.close()


def table(
    columns: Sequence[tuple[str, str]], values: Sequence[tuple[Any, ...]]
) -> tuple[Sequence[Column], Iterator[tuple[int, bytes]]]:
    """A small result of our own."""
    described = [Column(*column) for column in columns]
    if not values:
        return described, iter(())
    return described, iter([(len(values), rows(described, list(zip(*values, strict=True))))])


def _translated(sql: str) -> tuple[str, list[tuple[str, str | None]]]:
    """The text for DuckDB, and for each column its name and, where the text says it, its T-SQL type."""
    readable = _SERIES.sub(r"(select range as value from range(\1, \2 + 1))", sql)
    readable = re.sub(r"(?i) as float\)", " as double precision)", readable)  # sqlglot takes it for a real
    try:
        trees = [tree for tree in sqlglot.parse(readable, read="tsql") if tree is not None]
    except sqlglot.errors.ParseError as error:
        fault = error.errors[0]
        raise Refused(102, f"Incorrect syntax near '{fault['highlight']}'.", line=fault["line"]) from error
    except sqlglot.errors.TokenError as error:
        raise Refused(105, "Unclosed quotation mark after the character string ''.") from error
    if not trees:
        return "select 1 where false", []
    asked = [(one.alias_or_name, _asked(one)) for one in _columns(trees[-1])]
    for tree in trees:
        for kind in tree.find_all(exp.DataType):
            word = kind.sql("tsql").lower()
            if word in _FOREIGN:
                kind.replace(exp.DataType.build(_FOREIGN[word], dialect="duckdb"))
            elif "char" in word or "binary" in word:
                kind.set("expressions", [])  # DuckDB knows no lengths
    return "; ".join(tree.sql("duckdb") for tree in trees), asked


def _columns(query: exp.Expression) -> list[exp.Expression]:
    """What a query selects; of a lone star, what the subquery behind it selects."""
    selects = query.selects if isinstance(query, exp.Query) else []
    if not any(isinstance(one, exp.Star) for one in selects):
        return selects
    subquery = query.find(exp.Subquery)
    if len(selects) > 1 or subquery is None:
        raise Refused(40_001, "the stand-in wants columns by name")
    return _columns(subquery.this)


def _asked(projection: exp.Expression) -> str | None:
    """The T-SQL type that a column's CAST names."""
    inner = projection.unalias().unnest()
    if isinstance(inner, exp.Case):
        inner = inner.args["ifs"][0].args["true"].unnest()
    return inner.to.sql("tsql").lower().replace("integer", "int") if isinstance(inner, exp.Cast) else None


def _kind(own: str) -> str:
    return own.lower() if own.startswith("DECIMAL") else _KINDS.get(own, "nvarchar(4000)")


def _unquoted(literal: str) -> str:
    return literal[2:-1].replace("''", "'")


def _refused(error: duckdb.Error) -> Refused:
    text = str(error)
    for pattern, number, message in (
        (r'Referenced (?:column|table) "(.*?)" not found', 207, "Invalid column name '{}'."),
        (r"Table with name (\S+) does not exist", 208, "Invalid object name '{}'."),
        (r"syntax error at or near \"(.*?)\"", 102, "Incorrect syntax near '{}'."),
        (r"Could not convert string '(.*?)'", 245, "Conversion failed when converting the varchar value '{}' to int."),
        (r"INTERRUPT", 0, "Operation cancelled by user."),
    ):
        found = re.search(pattern, text)
        if found:
            return Refused(number, message.format(*found.groups()))
    return Refused(50_000, text.splitlines()[0])
