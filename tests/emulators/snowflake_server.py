"""A stand-in for Snowflake: fakesnow behind the parts of Snowflake's protocol that it lacks.

fakesnow runs the SQL. What is added here speaks as Snowflake documents it, or as its drivers expect: log-in by key or
password, refusals with their codes and places, descriptions without execution, large results in chunks of Arrow that
are made as they are fetched, statements that wait and can be cancelled, SHOW GRANTS, and connections that are cut.

Arguments: the public key (PEM file) of the user ``reader``; then, for TLS, files of a certificate and its key.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import fakesnow.arrow
import jwt
import pyarrow as pa
import sqlglot
import uvicorn
from fakesnow.arrow import timestamp_to_sf_struct
from fakesnow.server import app as warehouse
from fakesnow.server import shared_fs
from sqlglot import exp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Message, Receive, Scope, Send

PASSWORD = "correct horse"
CHUNK_ROWS = 100_000
BATCH_ROWS = 20_000  # a chunk of Snowflake's holds several batches
SERIES = re.compile(
    r"select \* from \(\nselect row_number\(\) over \(order by seq8\(\)\) as \"n\", 'row ' \|\| \"n\" as \"label\" "
    r"from table\(generator\(rowcount => (\d+)\)\)\n\)(?: limit (\d+))?"
)

GRANTS = {
    "READER": [
        ("USAGE", "DATABASE", "SHOP"), ("USAGE", "SCHEMA", "SHOP.PUBLIC"), ("SELECT", "TABLE", "SHOP.PUBLIC.PEOPLE"),
    ],
    "WRITER": [
        ("SELECT", "TABLE", "SHOP.PUBLIC.PEOPLE"),
        ("INSERT", "TABLE", "SHOP.PUBLIC.PEOPLE"),
        ("USAGE", "SEQUENCE", "SHOP.PUBLIC.NUMBERS"),
        ("OWNERSHIP", "VIEW", 'SHOP.PUBLIC."Odd name"'),
        ("USAGE", "ROLE", "CLEANER"),
        ("USAGE", "DATABASE_ROLE", "SHOP.SECRETIVE"),
    ],
    "CLEANER": [("DELETE", "TABLE", "SHOP.PUBLIC.PEOPLE"), ("CREATE TABLE", "SCHEMA", "SHOP.PUBLIC")],
}  # fmt: skip
# Role → what SHOW GRANTS tells of it; SECRETIVE is not told.


class Refusal(Exception):
    """An answer of Snowflake that is an error."""

    def __init__(self, code: str, state: str, message: str) -> None:
        self.body = {
            "data": {"errorCode": code, "sqlState": state},
            "code": code, "message": message, "success": False,
        }  # fmt: skip


class Cut(Exception):
    """The connection ends in the middle of an answer."""


class StandIn:
    """What the added parts remember."""

    def __init__(self, public_key: str) -> None:
        self.public_key = public_key
        self.generation = 0  # grows when all connections are cut
        self.sessions: dict[str, dict[str, Any]] = {}  # token → role, parameters, generation
        self.waiting: dict[str, asyncio.Event] = {}  # request → to be cancelled

    async def login(self, request: Request) -> Response:
        body = await body_of(request)
        data, query = body["data"], request.query_params
        role = (query.get("roleName") or "READER").upper()
        if data.get("AUTHENTICATOR") == "SNOWFLAKE_JWT":
            try:
                claims = jwt.decode(data["TOKEN"], self.public_key, ["RS256"])
            except jwt.InvalidTokenError:
                return JSONResponse(refusal_of_login("390144", "JWT token is invalid. [0e1f]"))
            known = claims["sub"].endswith(".READER")
        else:
            known = (data["LOGIN_NAME"].upper(), data["PASSWORD"]) == ("READER", PASSWORD)
        if not known:
            return JSONResponse(refusal_of_login("390100", "Incorrect username or password was specified."))
        if role not in GRANTS:
            return JSONResponse(refusal_of_login(
                "390189", f"Role '{role}' specified in the connect string does not exist or not authorized. "
                "Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.",
            ))  # fmt: skip
        answer = await self.forward("/session/v1/login-request", request.url.query, body, {})
        token = answer["data"]["token"]
        self.sessions[token] = {
            "role": role, "parameters": data["SESSION_PARAMETERS"], "generation": self.generation,
            "warehouse": query.get("warehouse"), "database": query.get("databaseName"),
        }  # fmt: skip
        return JSONResponse(answer)

    async def query(self, request: Request) -> Response:
        body = await body_of(request)
        token = request.headers["authorization"][17:-1]
        session = self.sessions[token]
        if session["generation"] < self.generation:
            return Broken()
        try:
            return JSONResponse(await self.answer(body, session, request))
        except Refusal as refusal:
            return JSONResponse(refusal.body)

    async def answer(self, body: dict[str, Any], session: dict[str, Any], request: Request) -> dict[str, Any]:
        sql = body["sqlText"]
        if found := re.fullmatch(r'show grants to role "(.*)"', sql):
            return shown_grants(found[1])
        if found := re.fullmatch(r"use secondary roles (\w+)", sql):
            session["parameters"]["secondary roles"] = found[1]
            sql, body = "select 'done'", {**body, "sqlText": "select 'done'"}
        tree = parsed(sql)
        describe = bool(body.get("describeOnly"))
        if describe and not isinstance(tree, exp.Query):
            return described([column("number of rows inserted", "fixed", 38, 0)])
        if "system$wait" in sql:
            if describe:
                return described([column("SYSTEM$WAIT", "text")])
            return await self.wait(request.query_params["requestId"], session)
        found = SERIES.fullmatch(sql)
        if found and int(found[1]) > CHUNK_ROWS and not describe:
            return self.chunks(min(int(found[1]), int(found[2] or found[1])), request)
        for function, value in (
            ("current_role", session["role"]), ("current_warehouse", session["warehouse"]),
            ("current_database", None if session["database"] == "MISSING" else session["database"]),
        ):  # fmt: skip
            sql = sql.replace(f"{function}()", "null" if value is None else f"'{value}'")
        answer = await self.forward(
            "/queries/v1/query-request", request.url.query, {**body, "sqlText": sql},
            {"authorization": request.headers["authorization"]},
        )  # fmt: skip
        if not answer["success"]:
            raise rephrased(answer, sql)
        return answer

    async def wait(self, request_id: str, session: dict[str, Any]) -> dict[str, Any]:
        """Compute for as long as nobody waits, or until a cancel or the session's time limit."""
        self.waiting[request_id] = asyncio.Event()
        limit = int(session["parameters"].get("STATEMENT_TIMEOUT_IN_SECONDS") or 172_800)
        try:
            await asyncio.wait_for(self.waiting[request_id].wait(), limit)
        except TimeoutError:
            raise Refusal(
                "000630", "57014",
                f"Statement reached its statement or warehouse timeout of {limit} second(s) and was canceled.",
            ) from None  # fmt: skip
        finally:
            del self.waiting[request_id]
        raise Refusal("000604", "57014", "SQL execution canceled")

    async def abort(self, request: Request) -> Response:
        body = await body_of(request)
        if event := self.waiting.get(body["requestId"]):
            event.set()
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    def chunks(self, rows: int, request: Request) -> dict[str, Any]:
        """A result whose first rows come at once, and the others from an address per chunk."""
        base = f"{request.url.scheme}://{request.url.netloc}/chunks/{self.generation}"
        starts = range(CHUNK_ROWS, rows, CHUNK_ROWS)
        sizes = [(start, min(CHUNK_ROWS, rows - start)) for start in starts]
        data = described([column("n", "fixed", 38, 0), column("label", "text")])["data"]
        return {
            "success": True,
            "data": data | {
                "total": rows, "returned": rows,
                "rowsetBase64": base64.b64encode(series(0, min(rows, CHUNK_ROWS))).decode(),
                "chunkHeaders": {"x-stand-in": "1"},
                "chunks": [
                    {"url": f"{base}/{start}/{count}", "rowCount": count, "uncompressedSize": 30 * count,
                     "compressedSize": 30 * count} for start, count in sizes
                ],
            },
        }  # fmt: skip

    async def chunk(self, request: Request) -> Response:
        place = request.path_params
        if place["generation"] < self.generation:
            return Broken()
        return Response(await asyncio.to_thread(series, place["start"], place["count"]))

    async def running(self, _: Request) -> Response:
        return JSONResponse(len(self.waiting))

    async def execute(self, request: Request) -> Response:
        """Run any statement, as an administrator would; answers the rows."""
        sql = (await request.body()).decode()
        with shared_fs.connect("SHOP", "PUBLIC").cursor() as cursor:
            return JSONResponse([[str(value) for value in row] for row in cursor.execute(sql).fetchall()])

    async def parameters(self, _: Request) -> Response:
        """The parameters of the last session."""
        return JSONResponse(list(self.sessions.values())[-1]["parameters"])

    async def sever(self, _: Request) -> Response:
        self.generation += 1
        return JSONResponse(None)

    async def forward(self, path: str, query: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Ask fakesnow."""
        sent: list[Message] = []
        asked = [{"type": "http.request", "body": json.dumps(body).encode()}]

        async def receive() -> Message:
            return asked.pop() if asked else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": path, "query_string": query.encode(), "scheme": "http",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "server": ("127.0.0.1", 80), "root_path": "",
        }  # fmt: skip
        await warehouse(scope, receive, send)
        answer: dict[str, Any] = json.loads(b"".join(message.get("body", b"") for message in sent))
        return answer


async def body_of(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body) if body else {}


def refusal_of_login(code: str, message: str) -> dict[str, Any]:
    return {"data": {"authnMethod": "USERNAME_PASSWORD"}, "code": code, "message": message, "success": False}


def parsed(sql: str) -> exp.Expression:
    """The one statement, or a refusal in Snowflake's words."""
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="snowflake") if tree is not None]
    except sqlglot.errors.SqlglotError as error:
        [first, *_] = getattr(error, "errors", None) or [{"line": 1, "col": 1, "highlight": ""}]
        word = first["highlight"] or "<EOF>"
        start = max(first["col"] - len(word), 0)
        raise Refusal(
            "001003", "42000", "SQL compilation error:\n"
            f"syntax error line {first['line']} at position {start} unexpected '{word}'.",
        ) from None  # fmt: skip
    if not trees:
        raise Refusal("000900", "42601", "SQL compilation error:\nEmpty SQL statement.")
    if len(trees) > 1:
        raise Refusal(
            "000008", "0A000",
            f"Actual statement count {len(trees)} did not match the desired statement count 1.",
        )  # fmt: skip
    return trees[0]


def rephrased(answer: dict[str, Any], sql: str) -> Refusal:
    """fakesnow tells what DuckDB said; this tells it as Snowflake does."""
    message = answer["message"]
    if found := re.search(r'Referenced (?:column|table) "(.*?)" not found', message):
        place = re.search(rf"\b{re.escape(found[1])}\b", sql, re.IGNORECASE)
        before = sql[: place.start()] if place else ""
        line, position = before.count("\n") + 1, len(before) - before.rfind("\n") - 1
        return Refusal(
            "000904", "42000",
            f"SQL compilation error: error line {line} at position {position}\ninvalid identifier '{found[1]}'",
        )  # fmt: skip
    if found := re.search(r"Table with name (.*?) does not exist", message):
        return Refusal(
            "002003", "42S02", f"SQL compilation error:\nObject '{found[1]}' does not exist or not authorized."
        )
    state = (answer["data"] or {}).get("sqlState", "XX000")
    return Refusal(answer["code"], state, f"SQL compilation error:\n{message}")


def column(name: str, kind: str, precision: int | None = None, scale: int | None = None) -> dict[str, Any]:
    return {
        "name": name, "type": kind, "nullable": True, "precision": precision, "scale": scale,
        "length": None, "byteLength": None, "database": "", "schema": "", "table": "", "collation": None,
    }  # fmt: skip


def described(columns: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "success": True,
        "data": {
            "parameters": [{"name": "TIMEZONE", "value": "UTC"}], "rowtype": columns, "total": 0, "returned": 0,
            "queryId": "01b2-0000", "queryResultFormat": "arrow", "rowsetBase64": "", "statementTypeId": 0x1000,
        },
    }  # fmt: skip


def shown_grants(role: str) -> dict[str, Any]:
    """SHOW GRANTS TO ROLE, as rows of text."""
    if role not in GRANTS:
        raise Refusal("002003", "02000", f"SQL compilation error:\nRole '{role}' does not exist or not authorized.")
    names = ("privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option", "granted_by")
    answer = described([column("created_on", "timestamp_ltz", 0, 3), *(column(name, "text") for name in names)])
    answer["data"] |= {
        "queryResultFormat": "json", "total": len(GRANTS[role]),
        "rowset": [["1767225600.000", *grant, "ROLE", role, "false", "ADMIN"] for grant in GRANTS[role]],
    }  # fmt: skip
    return answer


def series(start: int, count: int) -> bytes:
    """Rows ``start + 1`` … as a chunk of Arrow."""
    numbers = pa.array(range(start + 1, start + count + 1), pa.int64())
    labels = pa.compute.binary_join_element_wise("row", numbers.cast(pa.string()), " ")
    mark = {"precision": "38", "scale": "0", "charLength": "0"}
    schema = pa.schema([
        pa.field("n", pa.int64(), metadata={"logicalType": "FIXED", **mark}),
        pa.field("label", pa.string(), metadata={"logicalType": "TEXT", **mark}),
    ])  # fmt: skip
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.Table.from_arrays([numbers, labels], schema=schema), max_chunksize=BATCH_ROWS)
    return sink.getvalue().to_pybytes()


def nullable_timestamps(values: pa.ChunkedArray) -> pa.Array:
    """fakesnow forgets which timestamps are null."""
    plain = timestamp_to_sf_struct(values.fill_null(0))
    return pa.StructArray.from_arrays(plain.flatten(), fields=list(plain.type), mask=values.combine_chunks().is_null())


class Broken(Response):
    """An answer that ends before it is complete."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000000")]})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        raise Cut


def serve(app: Callable[..., Awaitable[None]], certificate: str | None, key: str | None) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", lifespan="off", ssl_certfile=certificate, ssl_keyfile=key)
    )

    def end() -> None:
        sys.stdin.read()
        server.should_exit = server.force_exit = True

    threading.Thread(target=end, daemon=True).start()
    listener.listen()
    print("ready", listener.getsockname()[1], flush=True)
    server.run([listener])


def main(public_key: str, certificate: str | None = None, key: str | None = None) -> None:
    fakesnow.arrow.timestamp_to_sf_struct = nullable_timestamps
    stand_in = StandIn(Path(public_key).read_text())
    routes = [
        Route("/session/v1/login-request", stand_in.login, methods=["POST"]),
        Route("/queries/v1/query-request", stand_in.query, methods=["POST"]),
        Route("/queries/v1/abort-request", stand_in.abort, methods=["POST"]),
        Route("/chunks/{generation:int}/{start:int}/{count:int}", stand_in.chunk),
        Route("/stand-in/running", stand_in.running, methods=["POST"]),
        Route("/stand-in/execute", stand_in.execute, methods=["POST"]),
        Route("/stand-in/parameters", stand_in.parameters, methods=["POST"]),
        Route("/stand-in/sever", stand_in.sever, methods=["POST"]),
        Mount("/", warehouse),
    ]
    serve(Starlette(routes=routes), certificate, key)


if __name__ == "__main__":
    main(*sys.argv[1:])
