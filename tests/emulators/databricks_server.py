"""A stand-in for a Databricks SQL warehouse: DuckDB behind the Statement Execution API 2.0 as it is documented.

DuckDB runs the SQL, so functions, types and texts of errors are its own; errors are put into Databricks' form, with
their place. Made here are the API with statements that run by themselves, chunks behind links that expire, tokens,
OAuth, SHOW GRANTS, and connections that are cut. Arguments, for TLS: the files of a certificate and its key.
"""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import re
import ssl
import sys
import threading
import unicodedata
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import duckdb
import pyarrow as pa
from pyarrow import ipc

WAREHOUSE = "1a2b3c4d5e6f7890"
TOKENS = {
    "reader secret": "reader@shop.example",
    "writer secret": "writer@shop.example",
    "no use secret": "idle@shop.example",
}
CLIENT = base64.b64encode(b"app:app secret").decode()
GRANTS = {
    "reader@shop.example": ["USE CATALOG", "USE SCHEMA", "SELECT"],
    "app": ["USE CATALOG", "USE SCHEMA", "SELECT"],
    "writer@shop.example": ["USE CATALOG", "USE SCHEMA", "SELECT", "MODIFY", "CREATE TABLE"],
}  # fmt: skip
CHUNK_ROWS = 100_000
TYPES = {
    "BOOLEAN": "boolean", "TINYINT": "tinyint", "SMALLINT": "smallint", "INTEGER": "int", "BIGINT": "bigint",
    "FLOAT": "float", "DOUBLE": "double", "VARCHAR": "string", "BLOB": "binary", "DATE": "date",
    "TIMESTAMP": "timestamp_ntz", "TIMESTAMP WITH TIME ZONE": "timestamp", "INTERVAL": "interval day to second",
    "HUGEINT": "decimal(38,0)", "JSON": "variant", '"NULL"': "void",
}  # fmt: skip


class Statement:
    """One statement, which runs in a thread of its own."""

    def __init__(self, number: int, sql: str, user: str, database: duckdb.DuckDBPyConnection) -> None:
        self.id = f"01f0-{number:08d}"
        self.user = user
        self.state = "PENDING"
        self.error: dict[str, str] = {}
        self.sql_state = ""
        self.table = pa.table({})
        self.broken = False
        self.cursor = database.cursor()
        self.cursor.execute("set timezone = 'UTC'")
        self._sql = sql
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def cancel(self) -> None:
        if self.state in ("PENDING", "RUNNING"):
            self.state = "CANCELED"
            while self.thread.is_alive():
                self.cursor.interrupt()
                self.thread.join(0.02)

    def _run(self) -> None:
        with contextlib.suppress(AssertionError):  # cancelled before it began
            assert self.state == "PENDING"
            self.state = "RUNNING"
        try:
            table = self._table()
            if self.state == "RUNNING":
                self.table, self.state = table, "SUCCEEDED"
        except duckdb.Error as error:
            if self.state == "RUNNING":
                self.error, self.sql_state = told(error, self._shift)
                self.state = "FAILED"

    _shift = 0

    def _table(self) -> pa.Table:
        sql = self._sql
        if sql.startswith("SELECT current_user()"):
            return rows([self.user, "shop", "sales"])
        if sql.startswith("SELECT unix_micros"):
            return self._read("select cast(epoch_us(get_current_timestamp()) as varchar)")
        if sql.startswith("SHOW GRANTS"):
            return rows(*([self.user, action, "SCHEMA", "shop.sales"] for action in GRANTS[self.user]))
        if sql.startswith("SHOW TABLES"):
            return self._read("select table_schema, table_name, 'false' from information_schema.tables")
        if sql.startswith("DESCRIBE QUERY\n"):
            self._shift = 1
            return self._describe(spelled(sql.removeprefix("DESCRIBE QUERY\n")))
        return self._read(spelled(sql))

    def _describe(self, sql: str) -> pa.Table:
        statements = self.cursor.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            first = statements[0].query if statements else sql
            after = first if len(statements) > 1 else re.match(r"\s*", sql)[0] if statements else sql
            lines = after.split("\n")
            raise duckdb.ParserException(
                f"syntax error at or near 'it'\n\nLINE {len(lines)}: \n{' ' * (8 + len(lines[-1]))}^"
            )
        self._shift = 0
        described = self.cursor.execute(f"describe\n{sql}").fetchall()
        return rows(*([name, TYPES.get(kind, kind.lower().replace("[]", "")) if "[" not in kind else "array<x>", ""]
                      for name, kind, *_ in described))  # fmt: skip

    def _read(self, sql: str) -> pa.Table:
        return self.cursor.execute(sql).to_arrow_table()


def rows(*values: list[Any]) -> pa.Table:
    return pa.Table.from_arrays(
        [pa.array(list(column), pa.string()) for column in zip(*values, strict=True)],
        [str(number) for number in range(len(values[0]) if values else 0)],
    )


def spelled(sql: str) -> str:
    """Databricks' words as DuckDB's."""
    sql = re.sub(r"`((?:[^`]|``)*)`", lambda found: '"' + found[1].replace("``", "`").replace('"', '""') + '"', sql)
    sql = re.sub(r"\brange\((\d+)\)", r"(select range as id from range(\1))", sql)
    sql = re.sub(r"to_json\((\w+)(, map\('ignoreNullFields', 'false'\))?\)",
                 r"case when \1 is not null then cast(to_json(\1) as varchar) end", sql)  # fmt: skip
    return sql.replace("raise_error(", "error(")


def told(error: duckdb.Error, shift: int) -> tuple[dict[str, str], str]:
    """DuckDB's error in Databricks' form."""
    text = str(error)
    words = text.split("\n", maxsplit=1)[0].partition(": ")[2]
    place = re.search(r"LINE (\d+): ([^\n]*)\n( *)\^", text)
    where = ""
    if place:
        column = len(place[3]) - len(f"LINE {place[1]}: ")
        column -= sum(unicodedata.east_asian_width(letter) == "W" for letter in place[2][:column])
        where = f"line {int(place[1]) + shift}, pos {column}"
    if isinstance(error, duckdb.ParserException):
        message = f"\n[PARSE_SYNTAX_ERROR] {words}. SQLSTATE: 42601 ({where})\n\n== SQL ==\n…"
        return {"error_code": "BAD_REQUEST", "message": message}, "42601"
    name = "UNRESOLVED_COLUMN.WITH_SUGGESTION" if "column" in words else "TABLE_OR_VIEW_NOT_FOUND"
    message = f"[{name}] {words}. SQLSTATE: 42703; {where.replace(',', '')}"
    return {"error_code": "BAD_REQUEST", "message": message}, "42703"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.context = context
        self.database = duckdb.connect()
        self.database.execute("create table people as select id, concat('person ', id) as name from range(1, 11) t(id)")
        self.numbers = itertools.count(1)
        self.statements: dict[str, Statement] = {}
        self.issued: dict[str, str] = {}  # OAuth tokens
        self.links: set[str] = set()  # those that are good

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the play."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        if self.server.context is not None:
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def log_message(self, *words: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/control/"):
            return self.control(self.path.removeprefix("/control/"))
        if self.path == "/oidc/v1/token":
            return self.oauth(parse_qs(body.decode()))
        user = self.user()
        if user is None:
            return None
        if self.path.endswith("/cancel"):
            self.server.statements[self.path.rsplit("/", 2)[1]].cancel()
            return self.answer(200, {})
        asked = json.loads(body)
        if self.headers.get("Content-Type") != "application/json":
            return self.refuse(400, "INVALID_PARAMETER_VALUE", "The body must be JSON")
        if asked["warehouse_id"] != WAREHOUSE:
            return self.refuse(404, "NOT_FOUND", f"SQL warehouse {asked['warehouse_id']} does not exist")
        if asked.get("schema", "sales") != "sales":
            return self.answer(200, failed(f"[SCHEMA_NOT_FOUND] The schema `{asked['schema']}` cannot be found."))
        statement = Statement(next(self.server.numbers), asked["statement"], user, self.server.database)
        self.server.statements[statement.id] = statement
        return self.answer(200, {"statement_id": statement.id, "status": {"state": "PENDING"}})

    def do_GET(self) -> None:
        if self.path.startswith("/store/"):
            return self.chunk()
        if self.user() is None:
            return None
        parts = self.path.split("/")
        statement = self.server.statements[parts[5]]
        if statement.broken:
            self.close_connection = True
            return None
        if len(parts) > 6:
            return self.answer(200, self.linked(statement, int(parts[8])))
        return self.answer(200, self.state(statement))

    def state(self, statement: Statement) -> dict[str, Any]:
        answer: dict[str, Any] = {"statement_id": statement.id, "status": {"state": statement.state}}
        if statement.state == "FAILED":
            answer["status"] |= {"error": statement.error, "sql_state": statement.sql_state}
        if statement.state == "SUCCEEDED":
            count = statement.table.num_rows
            answer["manifest"] = {
                "format": "ARROW_STREAM", "total_row_count": count, "total_chunk_count": -(-count // CHUNK_ROWS),
                "truncated": False,
            }  # fmt: skip
            small = count <= 100 and all(pa.types.is_string(kind) for kind in statement.table.schema.types)
            answer["result"] = self.linked(statement, 0) if count else {}
            if small:
                answer["result"]["data_array"] = [
                    list(row) for row in zip(*statement.table.to_pydict().values(), strict=True)
                ]
        return answer

    def linked(self, statement: Statement, number: int) -> dict[str, Any]:
        first = number * CHUNK_ROWS
        count = min(CHUNK_ROWS, statement.table.num_rows - first)
        path = f"/store/{statement.id}/{number}?signature={next(self.server.numbers)}"
        self.server.links.add(path)
        scheme = "http" if self.server.context is None else "https"
        link = {
            "chunk_index": number, "row_offset": first, "row_count": count,
            "external_link": f"{scheme}://{self.headers['Host']}{path}", "http_headers": {"x-store": "shop"},
        }  # fmt: skip
        if first + count < statement.table.num_rows:
            link["next_chunk_index"] = number + 1
        return {"external_links": [link]}

    def chunk(self) -> None:
        if "Authorization" in self.headers or self.headers.get("x-store") != "shop":
            return self.refuse(500, "InvalidRequest", "Only one auth mechanism allowed")
        if self.path not in self.server.links:
            return self.refuse(403, "AccessDenied", "Request has expired")
        _, _, name, number = self.path.partition("?")[0].split("/")
        statement = self.server.statements[name]
        if statement.broken:
            self.close_connection = True
            return None
        sink = io.BytesIO()
        with ipc.new_stream(sink, statement.table.schema, options=ipc.IpcWriteOptions(compression="lz4")) as writer:
            writer.write_table(statement.table.slice(int(number) * CHUNK_ROWS, CHUNK_ROWS))
        return self.answer(200, sink.getvalue())

    def control(self, what: str) -> None:
        server = self.server
        if what == "sever":
            for statement in server.statements.values():
                statement.broken = True
        elif what == "expire":
            server.links.clear()
            server.issued.clear()
        people = server.database.cursor().execute("select * from people order by id").fetchall()
        tables = server.database.cursor().execute("select table_name from information_schema.tables").fetchall()
        running = sum(one.state in ("PENDING", "RUNNING") for one in list(server.statements.values()))
        self.answer(200, {"contents": [people, tables], "running": running})

    def oauth(self, asked: dict[str, list[str]]) -> None:
        if self.headers.get("Authorization") != f"Basic {CLIENT}" or asked.get("scope") != ["all-apis"]:
            return self.answer(401, {"error": "invalid_client", "error_description": "Client authentication failed"})
        token = f"issued {next(self.server.numbers)}"
        self.server.issued[token] = "app"
        return self.answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def user(self) -> str | None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        user = TOKENS.get(token) or self.server.issued.get(token)
        if user is None:
            self.refuse(401, "UNAUTHENTICATED", "Credential was not sent or was of an unsupported type for this API.")
        elif user not in GRANTS:
            self.refuse(403, "PERMISSION_DENIED", f"{user} does not have CAN USE permission on the warehouse.")
            return None
        return user

    def refuse(self, status: int, code: str, message: str) -> None:
        self.answer(status, {"error_code": code, "message": message})

    def answer(self, status: int, body: dict[str, Any] | bytes) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def failed(message: str) -> dict[str, Any]:
    return {
        "statement_id": "0",
        "status": {"state": "FAILED", "error": {"error_code": "BAD_REQUEST", "message": message}},
    }


def main() -> None:
    context = None
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[1:])
    server = Server(context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"ready {server.server_address[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
