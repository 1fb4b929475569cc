"""Who may read a bucket, and what is said of those who may not."""

from __future__ import annotations

import base64
import json
import socket
import threading
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pyarrow.fs as arrow
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from headrace.errors import SourceError
from headrace.model import Secret
from headrace.sources.files import SPEC
from tests.emulators.process import Emulator
from tests.sources.buckets import S3, Azurite, Refusing, account, enforce, made, put, rows, s3_client


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Emulator, Mapping[str, dict[str, Any]]]]:
    """A stand-in for S3 that looks at keys, and accounts: one with the policy that the check tells, one with none."""
    with Emulator("s3") as server:
        client = s3_client(server.port)
        client.create_dir("lake")
        put(client, "lake/data/people.csv", "id,name\n1,Ada\n")
        endpoint = f"http://127.0.0.1:{server.port}"
        accounts = {
            "reader": account(server.port, "reader", POLICY),
            "nobody": account(server.port, "nobody", None),
        }
        enforce(server.port)
        yield server, {name: {**S3, **keys, "endpoint": endpoint} for name, keys in accounts.items()}


POLICY = """{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": "s3:ListBucket",
      "Resource": [
        "arn:aws:s3:::lake"
      ]
    },
    {
      "Effect": "Allow",
      "Action": "s3:GetObject",
      "Resource": [
        "arn:aws:s3:::lake/*"
      ]
    }
  ]
}"""


async def problem(base: Path, bucket: Mapping[str, Any]) -> SourceError:
    """The error of a run; the check says the same, and neither tells a secret."""
    given = {"path": "s3://lake/data", "bucket": bucket}
    source = made(base, given)
    check = await source.check()
    with pytest.raises(SourceError) as caught:
        await source.now()
    await source.close()
    assert check.problems == (caught.value.message,)
    told = "".join(traceback.format_exception(caught.value))
    for value in bucket.values():
        assert not isinstance(value, Secret) or value.reveal() not in told
    return caught.value


async def test_the_policy_of_the_check_is_enough(
    tmp_path: Path, guarded: tuple[Emulator, Mapping[str, dict[str, Any]]]
) -> None:
    """An account with the policy that the check tells reads all; so nothing but listing and getting is ever asked."""
    _, buckets = guarded
    given = {"path": "s3://lake/data", "bucket": buckets["reader"]}
    source = made(tmp_path, given)
    check = await source.check()
    await source.close()
    assert check.ok, check.problems
    assert check.facts["grants"] == POLICY
    assert await rows(tmp_path, given, "from people_with_file where id = 1")


@pytest.mark.parametrize(
    ("who", "more", "code"),
    [
        ("nobody", {}, "grants"),
        ("reader", {"secret_access_key": Secret("not-the-secret")}, "password"),
        ("reader", {"access_key_id": "AKIANOBODYKNOWSTHIS0"}, "password"),
    ],
)
async def test_accounts_that_may_not_read(
    tmp_path: Path, guarded: tuple[Emulator, Mapping[str, dict[str, Any]]], who: str, more: dict[str, Any], code: str
) -> None:
    """Missing rights and wrong keys are told apart."""
    _, buckets = guarded
    error = await problem(tmp_path, {**buckets[who], **more})
    assert error.code == code, error.message


@pytest.mark.parametrize(
    ("status", "told", "code"),
    [
        (403, "AccessDenied", "grants"),
        (403, "InvalidAccessKeyId", "password"),
        (403, "SignatureDoesNotMatch", "password"),
        (400, "ExpiredToken", "password"),
        (403, "RequestTimeTooSkewed", "source"),
        (301, "PermanentRedirect", "options"),
        (400, "AuthorizationHeaderMalformed", "options"),
        (404, "NoSuchBucket", "file"),
        (503, "SlowDown", "not_ready"),
        (500, "InternalError", "connection_lost"),
        (418, "Teapot", "source"),
    ],
)
async def test_what_a_store_says(tmp_path: Path, status: int, told: str, code: str) -> None:
    """Each answer of S3 that users meet has its sentence and its code."""
    with Refusing(status, told) as server:
        error = await problem(tmp_path, {**S3, "endpoint": f"http://127.0.0.1:{server.port}"})
    assert error.code == code, error.message


async def test_stores_that_are_not_there(tmp_path: Path) -> None:
    """An unknown name and a port where nothing listens are told apart."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refused = await problem(tmp_path, {**S3, "endpoint": f"http://127.0.0.1:{free.getsockname()[1]}"})
    assert refused.code == "refused", refused.message
    unknown = await problem(tmp_path, {**S3, "endpoint": "http://store.invalid"})
    assert unknown.code == "unknown_host", unknown.message


async def test_the_certificate_of_the_endpoint_is_verified(tmp_path: Path) -> None:
    """Expired, unknown and misnamed certificates are refused; one of an authority in `tls_ca` is taken."""
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    expired = datetime(2020, 1, 1, tzinfo=UTC)
    for certificate, code in (
        (authority.issue_cert("127.0.0.1"), "file"),  # it got as far as asking for the bucket
        (authority.issue_cert("127.0.0.1", not_before=datetime(2019, 1, 1, tzinfo=UTC), not_after=expired), "tls"),
        (authority.issue_cert("elsewhere.example"), "tls"),
        (other.issue_cert("127.0.0.1"), "tls"),
    ):
        with Refusing(404, "NoSuchBucket", certificate) as server:
            bucket = {**S3, "endpoint": f"https://127.0.0.1:{server.port}", "tls_ca": "ca.pem"}
            error = await problem(tmp_path, bucket)
        assert error.code == code, error.message


async def test_files_of_settings_that_are_missing(tmp_path: Path) -> None:
    """A certificate or key file that is not there is told by name."""
    error = await problem(tmp_path, {**S3, "endpoint": "https://127.0.0.1:1", "tls_ca": "ca.pem"})
    assert error.message == "There is no file 'ca.pem'. Mend `bucket: tls_ca`."
    with pytest.raises(SourceError, match=r"no file 'key\.json'"):
        await rows(tmp_path, {"path": "gs://lake/data", "bucket": {"credentials_file": "key.json"}}, "select 1")


async def test_a_service_account_s_key_that_is_none(tmp_path: Path) -> None:
    """A key that is no JSON key is told, without a letter of it."""
    for key in ("opensesame", '{"private_key": "opensesame"}'):
        given = {"path": "gs://lake/data", "bucket": {"credentials": Secret(key)}}
        with pytest.raises(SourceError, match="no JSON key of a service account") as caught:
            await rows(tmp_path, given, "select 1")
        assert "opensesame" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"path": "s3://lake"}, None),
        ({"path": "s3://lake/x", "bucket": {"access_key_id": "a", "secret_access_key": "b"}}, None),
        ({"path": "s3://lake/x", "bucket": {"access_key_id": "a"}}, "needs `secret_access_key` too"),
        ({"path": "s3://lake/x", "bucket": {"session_token": "a"}}, "has `session_token`, which needs `access_key_id`"),
        ({"path": "s3://lake/x", "bucket": {"external_id": "a"}}, "has `external_id`, which needs `role_arn`"),
        ({"path": "s3://lake/x", "bucket": {"account": "a"}}, "has `account`, which Amazon S3 does not know"),
        (
            {"path": "s3://x", "bucket": {"role_arn": "a", "anonymous": True}},
            "has `role_arn` and `anonymous`; keep one",
        ),
        ({"path": "gs://x", "bucket": {"region": "a"}}, "has `region`, which Google Cloud Storage does not know"),
        ({"path": "gs://x", "bucket": {"credentials": "a", "credentials_file": "b"}}, "keep one of them"),
        ({"path": "az://x"}, "needs `account`"),
        (
            {"path": "abfs://x", "bucket": {"account": "a", "client_id": "b"}},
            "needs `client_secret` and `tenant_id` too",
        ),
        ({"path": "az://x", "bucket": {"account": "a", "anonymous": True}}, "which Azure Blob Storage does not know"),
        ({"path": "data", "bucket": {"region": "a"}}, "is for files in a bucket"),
        ({"path": "s3://a", "tables": {"t": "data/*.csv"}}, "lie in different stores"),
        ({"tables": {"t": "ftp://a/b"}}, "begins with s3://, gs:// or az://"),
        ({"path": "abfs://c@a.dfs.core.windows.net/x"}, "write abfs://BUCKET/FOLDER, and an account under `bucket`"),
        ({"path": "s3://*/x"}, "write s3://BUCKET/FOLDER"),
        ({"path": "gs://x", "bucket": {"endpoint": "http://store.example"}}, "credentials in the clear"),
        ({"path": "az://x", "bucket": {"account": "a", "endpoint": "http://127.0.0.1:10000"}}, None),
        ({"path": "s3://x", "bucket": {"endpoint": "http://minio:9000"}}, None),  # signed requests hold no secret
    ],
)
def test_rules_between_fields(settings: dict[str, Any], words: str | None) -> None:
    """Each store takes its own settings, and what belongs together comes together."""
    assert SPEC.validate is not None
    found = SPEC.validate(settings)
    assert (words is None) == (found == [])
    assert words is None or words in found[0][1]


class Tokens(ThreadingHTTPServer):
    """Gives out tokens as Google does, each good for a minute, and keeps what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                body = json.dumps({"access_token": f"token-{len(asked)}", "expires_in": 60, "token_type": "Bearer"})
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


def service_account(tokens: Tokens) -> str:
    """The JSON key of a service account whose tokens come from there."""
    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return json.dumps({
        "type": "service_account",
        "client_email": "headrace@shop.iam.gserviceaccount.com",
        "private_key": private.decode(),
        "token_uri": f"http://127.0.0.1:{tokens.server_port}/token",
    })  # fmt: skip


async def test_a_service_account_asks_for_reading_alone(tmp_path: Path) -> None:
    """Its tokens are for reading, whatever the account may do, and are renewed before they end."""
    with Emulator("gcs") as server, Tokens() as tokens:
        threading.Thread(target=tokens.serve_forever, daemon=True).start()
        endpoint = f"127.0.0.1:{server.port}"
        client = arrow.GcsFileSystem(anonymous=True, scheme="http", endpoint_override=endpoint, project_id="p")
        client.create_dir("lake")
        put(client, "lake/data/people.csv", "id\n1\n")
        (tmp_path / "key.json").write_text(service_account(tokens), "utf-8")
        bucket = {"credentials_file": "key.json", "endpoint": f"http://{endpoint}"}
        assert await rows(tmp_path, {"path": "gs://lake/data", "bucket": bucket}, "from people") == [{"id": 1}]
        tokens.shutdown()
    assert len(tokens.asked) > 1
    for asked in tokens.asked:
        claims = parse_qs(asked)["assertion"][0].split(".")[1]
        scope = json.loads(base64.urlsafe_b64decode(claims + "=="))["scope"]
        assert scope == "https://www.googleapis.com/auth/devstorage.read_only"


async def test_a_shared_access_signature_that_reads(tmp_path: Path) -> None:
    """Azure: a signature that may read and list is enough."""
    with Azurite() as server:
        client = server.client()
        client.create_dir("lake")
        put(client, "lake/data/people.csv", "id\n1\n")
        bucket = {"account": Azurite.account, "endpoint": f"http://127.0.0.1:{server.port}"}
        for mark in ("", "?"):
            token = Secret(mark + server.signature())
            given = {"path": "az://lake/data", "bucket": {**bucket, "sas_token": token}}
            assert await rows(tmp_path, given, "from people") == [{"id": 1}]
