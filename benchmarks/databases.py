"""The databases whose sources are measured: a real server of our own, filled with the test rows, or a stand-in."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import MySQLdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import trustme

from benchmarks.generate import GROUP, TABLE, duckdb_file, load_postgres, parquet
from headrace.testing.mariadb import MariadbServer
from headrace.testing.postgres import PostgresServer
from tests.emulators.process import Emulator
from tests.sources import test_bigquery, test_clickhouse, test_databricks, test_snowflake, test_sqlserver
from tests.sources.redshift import create_redshift

COLUMNS = "user_id, email, name, ip, city, balance, active, updated_at, score, profile"
PEOPLE = f"SELECT {COLUMNS} FROM {TABLE}"
STAND_IN = "stand-in"

MYSQL_TABLE = f"""
CREATE TABLE {TABLE} (
    user_id bigint, email varchar(200), name varchar(200), ip varchar(50), city varchar(50), balance decimal(12, 2),
    active boolean, updated_at datetime(6), score double, profile json
) CHARACTER SET utf8mb4"""


@dataclass(frozen=True, slots=True)
class Place:
    """A source, and a query of it that returns the wanted number of rows. Secrets stand here as text."""

    type: str
    settings: Mapping[str, Any]
    sql: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Database:
    """``open`` starts it and gives a place with that many rows; ``most`` is what a stand-in can give in good time."""

    name: str
    open: Callable[[ExitStack, int], Place]
    note: str = ""
    most: int | None = None


def _place(kind: str, settings: Mapping[str, Any], sql: str) -> Place:
    told = {name: value.reveal() if hasattr(value, "reveal") else value for name, value in settings.items()}
    # Read by drivers when they are loaded: nothing outside this machine is to be asked.
    return Place(kind, told, sql, {"SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true"})


def postgresql(stack: ExitStack, rows: int) -> Place:
    server = stack.enter_context(PostgresServer())
    return _filled("postgresql", server, server.create_database(), rows)


def redshift(stack: ExitStack, rows: int) -> Place:
    """PostgreSQL in its place, dressed as in the tests."""
    server = stack.enter_context(PostgresServer())
    return _filled("redshift", server, create_redshift(server), rows)


def _filled(kind: str, server: PostgresServer, name: str, rows: int) -> Place:
    load_postgres(server.url(name), rows)
    login = {"user": server.user, "password": server.password, "database": name, "tls": "disable"}
    return _place(kind, {"host": server.host, "port": server.port, **login}, PEOPLE)


def mysql(stack: ExitStack, rows: int) -> Place:
    server = stack.enter_context(MariadbServer(settings={"local_infile": "1"}))
    server.execute("CREATE DATABASE bench", "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'reader'")
    server.execute("GRANT SELECT ON bench.* TO reader@'127.0.0.1'")
    server.execute(MYSQL_TABLE, database="bench")
    fields = COLUMNS.split(", ")
    given = ", ".join(f"@{name}" for name in fields)
    turned = {name: f"nullif(@{name}, '')" for name in fields}
    turned |= {"active": "@active = 'true'", "updated_at": "replace(@updated_at, 'Z', '')"}
    kept = ", ".join(f"{name} = {value}" for name, value in turned.items())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        with path.open("wb") as file:
            for batch in pq.ParquetFile(parquet(rows)).iter_batches(GROUP):
                pa.csv.write_csv(batch, file, pa.csv.WriteOptions(include_header=False))
        words = {"user": server.user, "password": server.password, "database": "bench", "charset": "utf8mb4"}
        with MySQLdb.connect(unix_socket=server.socket, local_infile=1, autocommit=True, **words) as connection:
            connection.cursor().execute(
                f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {TABLE} CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' "
                f"OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' ({given}) SET {kept}"
            )
    login = {"user": "reader", "password": "reader", "database": "bench", "tls": "disable"}
    return _place("mysql", {"host": server.host, "port": server.port, **login}, PEOPLE)


def duckdb(_stack: ExitStack, rows: int) -> Place:
    return _place("duckdb", {"path": str(duckdb_file(rows))}, PEOPLE)


def files(_stack: ExitStack, rows: int) -> Place:
    return _place("files", {"tables": {TABLE: str(parquet(rows))}}, PEOPLE)


def sqlite(stack: ExitStack, rows: int) -> Place:
    path = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "people.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE {TABLE} ({COLUMNS})")
        for batch in pq.ParquetFile(parquet(rows)).iter_batches(GROUP):
            texts = [
                c.cast(pa.string()) if pa.types.is_timestamp(c.type) or pa.types.is_decimal(c.type) else c
                for c in batch
            ]
            holes = ", ".join("?" * batch.num_columns)
            values = zip(*(column.to_pylist() for column in texts), strict=True)
            connection.executemany(f"INSERT INTO {TABLE} VALUES ({holes})", values)
        connection.commit()
    return _place("sqlite", {"path": str(path)}, PEOPLE)


def clickhouse(stack: ExitStack, rows: int) -> Place:
    server = stack.enter_context(Emulator("clickhouse"))
    sql = (
        "SELECT toInt64(number) AS user_id, concat('user', toString(number), '@example.com') AS email, "
        "toFloat64(number) / 3 AS score, toDateTime64(number, 6, 'UTC') AS updated_at, number % 2 = 0 AS active "
        f"FROM numbers({rows})"
    )
    return _place("clickhouse", test_clickhouse.settings_for(server), sql)


def databricks(stack: ExitStack, rows: int) -> Place:
    server = stack.enter_context(Emulator("databricks"))
    return _place("databricks", test_databricks.settings_for(server), _series(test_databricks.TestDatabricks, rows))


def snowflake(stack: ExitStack, rows: int) -> Place:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    server = stack.enter_context(Emulator("snowflake", str(test_bigquery.public_key(folder)[1])))
    return _place("snowflake", test_snowflake.settings_for(server), _series(test_snowflake.TestSnowflake, rows))


def bigquery(stack: ExitStack, rows: int) -> Place:
    key, public = test_bigquery.public_key(Path(stack.enter_context(tempfile.TemporaryDirectory())))
    warehouse = test_bigquery.Warehouse(stack.enter_context(Emulator("bigquery", str(public))), key)
    warehouse.fill()
    return _place("bigquery", warehouse.settings(), _series(test_bigquery.TestBigQuery, rows))


def sqlserver(stack: ExitStack, rows: int) -> Place:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    server = stack.enter_context(test_sqlserver.StandIn(str(folder / "both.pem"), str(folder / "both.pem")))
    settings = test_sqlserver.settings_for(server, tls="require")
    return _place("sqlserver", settings, _series(test_sqlserver.TestSqlServer, rows))


def _series(suite: Any, rows: int) -> str:
    sql: str = suite.series.format(rows=rows)
    return sql


DATABASES = (
    Database("postgresql", postgresql),
    Database("mysql", mysql, "MariaDB"),
    Database("redshift", redshift, "PostgreSQL in its place"),
    Database("duckdb", duckdb),
    Database("sqlite", sqlite),
    Database("files", files, "Parquet"),
    Database("clickhouse", clickhouse, "the engine, behind HTTP of our own"),
    Database("snowflake", snowflake, STAND_IN),
    Database("bigquery", bigquery, STAND_IN, 1_000_000),
    Database("databricks", databricks, STAND_IN),
    Database("sqlserver", sqlserver, STAND_IN, 1_000_000),
)
