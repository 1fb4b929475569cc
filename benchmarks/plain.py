"""The best loop over each driver alone that we know: fetch a query into Arrow, and nothing else.

No cancelling, no time limit, no read-only transaction, no error that says what to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa

Read = Callable[[str], Iterator[pa.RecordBatch]]
Settings = Mapping[str, Any]


def opened(kind: str, settings: Settings) -> AbstractContextManager[Read]:
    """A connection, as the function that reads a query over it."""
    return _LOOPS[kind](settings)


@contextmanager
def postgresql(settings: Settings) -> Iterator[Read]:
    import adbc_driver_postgresql.dbapi as adbc  # type: ignore[import-untyped]  # it ships no types

    address = "postgresql://{user}@{host}:{port}/{database}?".format(**settings)
    address += urlencode({"password": settings["password"].reveal()}, quote_via=quote)
    with adbc.connect(address, autocommit=True) as connection, connection.cursor() as cursor:

        def read(sql: str) -> Iterator[pa.RecordBatch]:
            cursor.execute(sql.replace(" balance,", " balance::text,"))  # or the driver spells each number, slowly
            return iter(cursor.fetch_record_batch())

        yield read


@contextmanager
def redshift(settings: Settings) -> Iterator[Read]:
    import psycopg
    from psycopg.types.string import TextLoader

    words = {name: settings[name] for name in ("host", "port", "user")}
    password = settings["password"].reveal()
    with psycopg.connect(**words, password=password, dbname=settings["database"], autocommit=True) as connection:
        connection.execute("SET timezone TO 'UTC'")
        cursor = connection.cursor()
        for info in (None, *cursor.adapters.types):
            cursor.adapters.register_loader(info.oid if info else 0, TextLoader)

        def read(sql: str) -> Iterator[pa.RecordBatch]:
            rows = cursor.stream(sql, size=1_000)
            while chunk := list(islice(rows, 1_024)):
                yield _columns(chunk, _PEOPLE)

        yield read


@contextmanager
def mysql(settings: Settings) -> Iterator[Read]:
    from MySQLdb import _mysql

    words = {name: settings[name] for name in ("host", "port", "user", "database")}
    connection = _mysql.connect(**words, password=settings["password"].reveal(), charset="utf8mb4", conv={})

    def read(sql: str) -> Iterator[pa.RecordBatch]:
        connection.query(sql.encode())
        result = connection.use_result()
        while chunk := result.fetch_row(1_024):
            yield _columns(chunk, _PEOPLE)

    try:
        yield read
    finally:
        connection.close()


@contextmanager
def duckdb(settings: Settings) -> Iterator[Read]:
    import duckdb as engine

    connection = engine.connect(settings["path"], read_only=True)
    with connection:
        yield lambda sql: iter(connection.sql(sql).to_arrow_reader(65_536))


@contextmanager
def files(settings: Settings) -> Iterator[Read]:
    import duckdb as engine

    with engine.connect() as connection:
        for name, path in settings["tables"].items():
            connection.execute(f"CREATE VIEW {name} AS FROM '{path}'")
        yield lambda sql: iter(connection.sql(sql).to_arrow_reader(65_536))


@contextmanager
def sqlite(settings: Settings) -> Iterator[Read]:
    import sqlite3

    connection = sqlite3.connect(settings["path"])

    def read(sql: str) -> Iterator[pa.RecordBatch]:
        cursor = connection.execute(sql)
        while chunk := cursor.fetchmany(1_024):
            yield _columns(chunk, {})

    try:
        yield read
    finally:
        connection.close()


@contextmanager
def sqlserver(settings: Settings) -> Iterator[Read]:
    import mssql_python

    words = "Server=tcp:{host},{port};Database={database};Uid={user};TrustServerCertificate=yes;".format(**settings)
    password = settings["password"].reveal().replace("}", "}}")
    connection = mssql_python.connect(f"{words}Pwd={{{password}}}", autocommit=True)
    cursor = connection.cursor()

    def read(sql: str) -> Iterator[pa.RecordBatch]:
        cursor.execute(sql)
        return iter(cursor.arrow_reader(16_384))

    yield read


@contextmanager
def snowflake(settings: Settings) -> Iterator[Read]:
    import adbc_driver_snowflake.dbapi as adbc

    prefix = "adbc.snowflake.sql."
    words = {
        "username": settings["user"],
        "password": settings["password"].reveal(),
        f"{prefix}account": settings["account"],
        f"{prefix}db": settings["database"],
        f"{prefix}schema": settings["schema"],
        f"{prefix}role": settings["role"],
        f"{prefix}uri.host": settings["host"],
        f"{prefix}uri.port": str(settings["port"]),
        f"{prefix}uri.protocol": settings["protocol"],
    }
    few = {"adbc.snowflake.rpc.prefetch_concurrency": "1", "adbc.rpc.result_queue_size": "1"}
    with adbc.connect(db_kwargs=words) as connection, connection.cursor(adbc_stmt_kwargs=few) as cursor:

        def read(sql: str) -> Iterator[pa.RecordBatch]:
            cursor.execute(f"select * from (\n{sql}\n)")  # the stand-in sends this in chunks, as Snowflake does
            return iter(cursor.fetch_record_batch())

        yield read


@contextmanager
def bigquery(settings: Settings) -> Iterator[Read]:
    import grpc
    from google.cloud import bigquery as library
    from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types
    from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
    from google.oauth2.service_account import Credentials

    key = json.loads(settings["credentials"].reveal())
    account = Credentials.from_service_account_info(key, scopes=["https://www.googleapis.com/auth/bigquery"])
    client = library.Client(key["project_id"], account, client_options={"api_endpoint": settings["url"]})
    channel = grpc.insecure_channel(settings["storage_url"].removeprefix("http://"))
    storage = BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))

    def read(sql: str) -> Iterator[pa.RecordBatch]:
        job = client.query(sql)
        job.result(page_size=1)
        table = job.destination
        wanted = types.ReadSession(table=table.to_bqstorage(), data_format=types.DataFormat.ARROW)
        session = storage.create_read_session(
            parent=f"projects/{client.project}", read_session=wanted, max_stream_count=1
        )
        schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
        for answer in storage.read_rows(session.streams[0].name):
            yield pa.ipc.read_record_batch(pa.py_buffer(answer.arrow_record_batch.serialized_record_batch), schema)

    yield read


@contextmanager
def clickhouse(settings: Settings) -> Iterator[Read]:
    import urllib3

    pool = urllib3.HTTPConnectionPool(settings["host"], settings["port"])
    heads = {"X-ClickHouse-User": settings["user"], "X-ClickHouse-Key": settings["password"].reveal()}

    def read(sql: str) -> Iterator[pa.RecordBatch]:
        answer = pool.urlopen(
            "POST", "/?default_format=ArrowStream&output_format_arrow_string_as_string=1", sql.encode(), heads,
            preload_content=False,
        )  # fmt: skip
        return iter(pa.ipc.open_stream(answer))

    yield read


@contextmanager
def databricks(settings: Settings) -> Iterator[Read]:
    import urllib3

    pool = urllib3.PoolManager()
    heads = {"Authorization": f"Bearer {settings['token'].reveal()}"}
    base = f"{settings['url']}/api/2.0/sql/statements"

    def read(sql: str) -> Iterator[pa.RecordBatch]:
        wanted = {
            "warehouse_id": settings["http_path"].rpartition("/")[2], "statement": sql,
            "disposition": "EXTERNAL_LINKS", "format": "ARROW_STREAM",
        }  # fmt: skip
        told = pool.request("POST", base, json=wanted, headers=heads).json()
        while told["status"]["state"] in ("PENDING", "RUNNING"):
            told = pool.request("GET", f"{base}/{told['statement_id']}", headers=heads).json()
        chunk: int | None = 0
        while chunk is not None:
            where = f"{base}/{told['statement_id']}/result/chunks/{chunk}"
            [link] = pool.request("GET", where, headers=heads).json()["external_links"]
            yield from pa.ipc.open_stream(
                pool.request("GET", link["external_link"], headers=link.get("http_headers"), preload_content=False)
            )
            chunk = link.get("next_chunk_index")

    yield read


_PEOPLE = {
    "user_id": pa.int64(), "email": pa.string(), "name": pa.string(), "ip": pa.string(), "city": pa.string(),
    "balance": pa.string(), "active": pa.string(), "updated_at": pa.string(), "score": pa.float64(),
    "profile": pa.string(),
}  # fmt: skip


def _columns(rows: Any, kinds: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """Rows of text as columns: an array each, cast by Arrow."""
    values = zip(*rows, strict=True)
    if not kinds:
        arrays = [pa.array(each) for each in values]
        return pa.RecordBatch.from_arrays(arrays, list(map(str, range(len(arrays)))))
    arrays = [pa.array(each, pa.string()).cast(kind) for each, kind in zip(values, kinds.values(), strict=True)]
    return pa.RecordBatch.from_arrays(arrays, list(kinds))


_LOOPS: Mapping[str, Callable[[Settings], AbstractContextManager[Read]]] = {
    "postgresql": postgresql, "redshift": redshift, "mysql": mysql, "duckdb": duckdb, "files": files, "sqlite": sqlite,
    "sqlserver": sqlserver, "snowflake": snowflake, "bigquery": bigquery, "clickhouse": clickhouse,
    "databricks": databricks,
}  # fmt: skip
