"""A stand-in for BigQuery: bqemulator, with what it lacks of a service over a network.

Given: a file with the public key (PEM) that all accounts sign with. Prints ``ready PORT`` of its REST API.

Added to the emulator: logins (a token endpoint; requests without a token are refused), rights by account, jobs that
run beside the requests and can be cancelled, dry runs that do not run, results of queries as tables for the Storage
Read API, whose streams can be taken up again. ``GET /stand-in`` tells its gRPC port and how many jobs run,
``/stand-in/stored`` all that is stored.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
import threading
from collections import Counter
from contextvars import ContextVar
from pathlib import Path
from typing import Any

FOLDER = Path(tempfile.mkdtemp(prefix="headrace-bq-"))
os.environ["HOME"] = str(FOLDER)


def install_extensions() -> None:
    """Put DuckDB's extensions where INSTALL finds them, so that it downloads nothing."""
    import duckdb
    import duckdb_extension_avro
    import duckdb_extension_spatial

    [(platform,)] = duckdb.sql("pragma platform").fetchall()
    target = FOLDER / ".duckdb" / "extensions" / f"v{duckdb.__version__}" / platform
    target.mkdir(parents=True)
    for package in (duckdb_extension_avro, duckdb_extension_spatial):
        for extension in Path(package.__path__[0]).rglob("*.duckdb_extension"):
            (target / extension.name).symlink_to(extension)


install_extensions()

import jwt  # noqa: E402
import pyarrow as pa  # noqa: E402
from bqemulator.api.routes import jobs  # noqa: E402
from bqemulator.catalog.models import JobMeta  # noqa: E402
from bqemulator.config import Settings  # noqa: E402
from bqemulator.domain.errors import InvalidQueryError  # noqa: E402
from bqemulator.grpc_api import read_servicer  # noqa: E402
from bqemulator.jobs.executor import JOB_RESULTS  # noqa: E402
from bqemulator.server import EmulatorServer  # noqa: E402
from bqemulator.storage import engine  # noqa: E402
from fastapi import FastAPI, Request  # noqa: E402
from fastapi.responses import JSONResponse  # noqa: E402

DRY: ContextVar[bool] = ContextVar("DRY", default=False)
JOB: ContextVar[str] = ContextVar("JOB", default="")
RUNNING: dict[str, Any] = {}  # job → its DuckDB cursor, or None before it has one
CANCELLED: set[str] = set()
ENDED = threading.Condition()
SMALLEST_BILL = 10 * 2**20  # bytes that a query is billed for at least
LONGEST_WAIT = 10  # seconds that getQueryResults waits for a job, as BigQuery does

TABLE = ("bigquery.tables.getData",)
WRITE = ("bigquery.tables.updateData", "bigquery.tables.update", "bigquery.tables.delete", "bigquery.datasets.create")
RIGHTS = {"reader": TABLE, "writer": TABLE + WRITE, "blind": ()}


def fetch_arrow(self: Any, sql: str, parameters: list[Any] | None = None) -> pa.Table:
    """A statement on a connection of its own, which can be interrupted; in a dry run none of its rows."""
    anonymous = re.search(r'_bqemu_anonymous"\."anon([^"]+)"', sql)
    if anonymous:
        return next(table for job, table in JOB_RESULTS.items() if job.replace("-", "") == anonymous[1])
    cursor = self.connection.cursor()
    cursor.execute("SET TimeZone = 'UTC'")
    job = JOB.get()
    if job:
        RUNNING[job] = cursor
        if job in CANCELLED:
            raise InvalidQueryError("cancelled")
    if DRY.get():
        sql = f"SELECT * FROM (\n{sql}\n) LIMIT 0"
    result = cursor.execute(sql, parameters) if parameters is not None else cursor.execute(sql)
    table = result.to_arrow_table()
    return engine._annotate_with_duckdb_types(table, result.description)


engine.DuckDBEngine.fetch_arrow = fetch_arrow


def refuse_equal_names(sql: str) -> None:
    """What BigQuery says of two columns of one name; DuckDB renames them."""
    import sqlglot

    try:
        names = Counter(name.lower() for name in sqlglot.parse_one(sql, read="bigquery").named_selects if name != "*")
    except (sqlglot.errors.ParseError, AttributeError):
        return
    for name, count in names.items():
        if count > 1:
            raise InvalidQueryError(
                f"Duplicate column names in the result are not supported. Found duplicate(s): {name}"
            )


async def insert(project_id: str, request: Request, ctx: jobs._Ctx, caller: jobs._Caller) -> Any:
    body = await request.json()
    config = body.get("configuration", {})
    job_id = body.get("jobReference", {}).get("jobId") or ""
    if "query" not in config:
        return await jobs.insert_job(project_id, request, ctx, caller)
    if int(config["query"].get("maximumBytesBilled") or SMALLEST_BILL) < SMALLEST_BILL:
        return failure(
            400, "bytesBilledLimitExceeded", f"Query exceeded limit for bytes billed. {SMALLEST_BILL} needed."
        )
    if config.get("dryRun"):
        refuse_equal_names(config["query"]["query"])
        DRY.set(True)
        return await asyncio.to_thread(lambda: asyncio.run(jobs.insert_job(project_id, request, ctx, caller)))
    now = ctx.clock.now()
    meta = JobMeta(
        project_id=project_id, job_id=job_id, job_type="QUERY", state="RUNNING", configuration=config,
        statistics={}, creation_time=now, start_time=now, etag=job_id,
    )  # fmt: skip
    ctx.catalog.upsert_job(meta)
    RUNNING[job_id] = None
    threading.Thread(target=run, args=(project_id, job_id, config, ctx, caller, now), daemon=True).start()
    return jobs._build_job_response(project_id, job_id, meta, config)


def run(project: str, job_id: str, config: dict[str, Any], ctx: Any, caller: Any, now: Any) -> None:
    """A query job, from its start to its end."""
    JOB.set(job_id)
    error = None
    try:
        meta = asyncio.run(
            jobs._handle_query_job(project, job_id, config, dry_run=False, ctx=ctx, caller=caller, now=now)
        )
        jobs._merge_executor_config(config, meta.configuration)
        meta.configuration.update(config)
    except Exception as failure:  # noqa: BLE001  whatever it is, the client is told
        error = {"reason": "invalidQuery", "message": str(failure), "location": "query"}
    if job_id in CANCELLED:
        error = {"reason": "stopped", "message": "Job execution was cancelled: User requested cancellation"}
    if error:
        meta = jobs._failed_job_meta(project, job_id, "QUERY", config, error, now)
    with ENDED:
        ctx.catalog.upsert_job(meta)
        RUNNING.pop(job_id, None)
        ENDED.notify_all()


def cancel(project_id: str, job_id: str, ctx: jobs._Ctx) -> Any:
    meta = ctx.catalog.get_job(project_id, job_id)
    if meta is None:
        return failure(404, "notFound", f"Not found: Job {project_id}:{job_id}")
    CANCELLED.add(job_id)
    while job_id in RUNNING:
        if RUNNING.get(job_id) is not None:
            RUNNING[job_id].interrupt()
        with ENDED:
            ENDED.wait(0.05)
    return {"kind": "bigquery#jobCancelResponse", "job": jobs._build_job_response(project_id, job_id, meta, {})}


def results(
    project_id: str, job_id: str, ctx: jobs._Ctx, maxResults: int = 10000, startIndex: int = 0,
    pageToken: str | None = None, timeoutMs: int = 10000,
) -> Any:  # fmt: skip
    with ENDED:
        ENDED.wait_for(lambda: job_id not in RUNNING, min(timeoutMs / 1000, LONGEST_WAIT))
    if job_id in RUNNING:
        return {"jobReference": {"projectId": project_id, "jobId": job_id}, "jobComplete": False}
    meta = ctx.catalog.get_job(project_id, job_id)
    if meta is not None and meta.error_result:
        return failure(400, meta.error_result["reason"], meta.error_result["message"])
    return jobs.get_query_results(project_id, job_id, ctx, maxResults, startIndex, pageToken)


def failure(status: int, reason: str, message: str) -> JSONResponse:
    error = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return JSONResponse({"error": error}, status)


def replace_routes() -> None:
    """Our handlers instead of the emulator's."""
    base = "/projects/{project_id}"
    ours = (
        ("POST", f"{base}/jobs", insert),
        ("POST", f"{base}/jobs/{{job_id}}/cancel", cancel),
        ("GET", f"{base}/queries/{{job_id}}", results),
    )
    for method, path, handler in ours:
        jobs.router.routes[:] = [
            route for route in jobs.router.routes
            if not (route.path == f"/bigquery/v2{path}" and method in route.methods)
        ]  # fmt: skip
        jobs.router.add_api_route(path, handler, methods=[method], response_model=None)


def account_of(request: Request) -> str | None:
    found = re.fullmatch(r"Bearer token-of-(\w+)@.*", request.headers.get("authorization", ""))
    return found[1] if found else None


def add_logins(app: FastAPI, key: str) -> None:
    """Google's token endpoint, and the refusal of whoever has no token."""

    @app.middleware("http")
    async def only_with_token(request: Request, go_on: Any) -> Any:
        if not request.url.path.startswith(("/token", "/stand-in")) and account_of(request) is None:
            return failure(401, "authError", "Request had invalid authentication credentials.")
        return await go_on(request)

    @app.post("/token")
    async def token(request: Request) -> Any:
        assertion = (await request.body()).decode().split("assertion=")[1].split("&")[0]
        try:
            claims = jwt.decode(assertion, key, ["RS256"], options={"verify_aud": False})
        except jwt.InvalidSignatureError:
            refusal = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return JSONResponse(refusal, 400)
        return {"access_token": f"token-of-{claims['iss']}", "expires_in": 3600, "token_type": "Bearer"}

    @app.post("/bigquery/v2/projects/{project}/datasets/{dataset}/tables/{table}:testIamPermissions")
    @app.post("/v1/projects/{project}:testIamPermissions")
    async def rights(request: Request) -> Any:
        asked = (await request.json())["permissions"]
        return {"permissions": [name for name in asked if name in RIGHTS[account_of(request) or "blind"]]}


def deny_read_sessions() -> None:
    """Nobody may use the Storage Read API in the project no-storage."""
    import grpc

    ours = read_servicer.BigQueryReadHandler._handle_create_read_session

    def create(self: Any, request: bytes, context: grpc.ServicerContext) -> bytes:
        if b"projects/no-storage" in request[:40]:
            context.set_code(grpc.StatusCode.PERMISSION_DENIED)
            context.set_details("Permission 'bigquery.readsessions.create' denied")
            return b""
        return ours(self, request, context)

    read_servicer.BigQueryReadHandler._handle_create_read_session = create


def honour_offsets() -> None:
    """A stream that broke is read again from an offset, in whole messages."""
    from google.cloud.bigquery_storage_v1 import types

    ours = read_servicer.BigQueryReadHandler._handle_read_rows

    def rows(self: Any, request: bytes, context: Any) -> Any:
        skipped = types.ReadRowsRequest.deserialize(request).offset
        for message in ours(self, request, context):
            if skipped > 0:
                skipped -= types.ReadRowsResponse.deserialize(message).row_count
            else:
                yield message

    read_servicer.BigQueryReadHandler._handle_read_rows = rows


async def serve(key: str) -> None:
    import bqemulator.server as server_module

    replace_routes()
    deny_read_sessions()
    honour_offsets()
    create_app = server_module.create_app
    server = EmulatorServer(Settings(rest_port=0, grpc_port=0, default_project_id="shop", log_level="critical"))

    def with_logins(context: Any) -> FastAPI:
        app = create_app(context)
        add_logins(app, key)

        @app.get("/stand-in")
        def state() -> Any:
            return {"grpc": server.grpc_port, "running": len(RUNNING)}

        @app.get("/stand-in/stored")
        def stored() -> Any:
            cursor = context.engine.connection.cursor()
            tables = cursor.execute(
                "select table_schema, table_name from information_schema.tables "
                "where table_schema not like '%bqemu%' order by all"
            ).fetchall()
            return repr([tables, *(cursor.execute(f'from "{a}"."{b}"').fetchall() for a, b in tables)])

        return app

    server_module.create_app = with_logins
    await server.start()
    print(f"ready {server.rest_port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    shutil.rmtree(FOLDER, ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]).read_text()))
