"""Stand-ins for stores of objects, with what the tests put into them."""

from __future__ import annotations

import base64
import hmac
import http.client
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.fs as arrow
import pytest
import trustme
from pyarrow.fs import FileSystem

from headrace.errors import Unreachable
from headrace.model import Secret
from headrace.ports import HttpReply, Source, Tools
from headrace.sources.files import SPEC

EMULATORS = Path(__file__).parents[1] / "emulators"
S3 = {"region": "us-east-1", "access_key_id": "reader", "secret_access_key": Secret("opensesame")}
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # of the stand-in
)


def s3_client(port: int) -> FileSystem:
    """A client that may write."""
    return arrow.S3FileSystem(
        access_key="writer",
        secret_key="writer",
        region="us-east-1",
        scheme="http",
        endpoint_override=f"127.0.0.1:{port}",
        allow_bucket_creation=True,
    )


def put(client: FileSystem, key: str, data: bytes | str | Path) -> None:
    """Write one object."""
    with client.open_output_stream(key, compression=None) as stream:
        if isinstance(data, Path):
            with data.open("rb") as file:
                while block := file.read(2**24):
                    stream.write(block)
        else:
            stream.write(data.encode() if isinstance(data, str) else data)


class Answer:
    """`headrace.ports.Http` that gives one answer to everything."""

    def __init__(self, date: str | None) -> None:
        self.date, self.asked = date, list[tuple[str, str]]()

    async def request(self, method: str, url: str, **_: Any) -> HttpReply:
        self.asked.append((method, url))
        if self.date is None:
            raise Unreachable("Nobody answers.")
        return HttpReply(403, {"date": self.date}, b"")


class LocalClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def made(base: Path, given: Mapping[str, Any], http: Any = None) -> Source:
    """A source as the engine makes it; without ``http`` the store's time is not to be had."""
    clock: Any = LocalClock()
    tools = Tools(http=http or Answer(None), clock=clock, home=base / "home", base=base)
    assert SPEC.source is not None
    return SPEC.source({**{field.name: field.default for field in SPEC.fields}, **given}, tools)


@asynccontextmanager
async def opened(base: Path, given: Mapping[str, Any], http: Any = None) -> AsyncIterator[Source]:
    source = made(base, given, http)
    try:
        yield source
    finally:
        await source.close()


async def rows(base: Path, given: Mapping[str, Any], sql: str) -> list[dict[str, Any]]:
    async with opened(base, given) as source:
        found: list[dict[str, Any]] = pa.Table.from_batches([batch async for batch in source.read(sql)]).to_pylist()
        return found


class Azurite:
    """A stand-in for Azure Blob Storage, while the context lasts."""

    account = "devstoreaccount1"

    def client(self) -> FileSystem:
        """A client that may write."""
        address = f"127.0.0.1:{self.port}"
        return arrow.AzureFileSystem(
            self.account,
            account_key=AZURE_KEY,
            blob_storage_authority=address,
            dfs_storage_authority=address,
            blob_storage_scheme="http",
            dfs_storage_scheme="http",
        )

    def signature(self) -> str:
        """A shared access signature of the account that may read and list, and nothing else."""
        claims = {"sv": "2022-11-02", "ss": "b", "srt": "sco", "sp": "rl", "se": "2099-01-01T00:00:00Z"}
        lines = [self.account, claims["sp"], "b", "sco", "", claims["se"], "", "", claims["sv"], "", ""]
        mac = hmac.digest(base64.b64decode(AZURE_KEY), "\n".join(lines).encode(), "sha256")
        return urlencode({**claims, "sig": base64.b64encode(mac).decode()})

    def __enter__(self) -> Self:
        node = shutil.which("node")
        if node is None or not (EMULATORS / ".venvs" / "azurite" / "node_modules").is_dir():
            pytest.skip("the stand-in 'azurite' is not installed: scripts/emulators")
        self.process = subprocess.Popen(
            [node, str(EMULATORS / "azurite" / "server.js")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"successfully listens on http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return self
        raise RuntimeError(f"azurite ended with {self.process.wait()} before it was ready")

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Refusing:
    """A server that gives every request one answer, as S3 words it; with a certificate if it is given one."""

    def __init__(self, status: int, code: str, certificate: trustme.LeafCert | None = None) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f"<Error><Code>{code}</Code><Message>told by the store</Message></Error>".encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815  the name that the server looks for

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that does not like the certificate hangs up."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def iam(port: int, **parameters: str) -> str:
    """Ask the stand-in for Amazon's accounts."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    scope = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=a"
    headers = {"Authorization": scope, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/", urlencode({"Version": "2010-05-08", **parameters}), headers)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    assert reply.status == 200, text
    return text


def account(port: int, name: str, policy: str | None) -> dict[str, Any]:
    """A new account with a policy: its settings."""
    iam(port, Action="CreateUser", UserName=name)
    if policy is not None:
        iam(port, Action="PutUserPolicy", UserName=name, PolicyName="reads", PolicyDocument=policy)
    made = iam(port, Action="CreateAccessKey", UserName=name)
    found = re.search(r"<AccessKeyId>(.+?)</AccessKeyId>.*?<SecretAccessKey>(.+?)</SecretAccessKey>", made, re.DOTALL)
    assert found is not None
    return {"access_key_id": found[1], "secret_access_key": Secret(found[2])}


def enforce(port: int) -> None:
    """From now on the stand-in looks at keys and policies."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/moto-api/reset-auth", "0")
    assert connection.getresponse().status == 200
    connection.close()
