"""Webhook: formats, credentials, signatures, success codes, and the whole destination contract for each shape."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from typing import Any

import orjson
import pytest

from headrace.destinations.webhook import SPEC, Webhook
from headrace.model import CallKind, Secret
from headrace.ports import Destination, Reply, Tools, Verdict
from headrace.testing.destination_contract import NOW, DestinationContract, batch_of, settings
from headrace.testing.http_server import Answer, RecordingServer
from headrace.testing.samples import calls_batch, sample_calls

TOKEN = "t0ken/with+odd=signs&more"


def webhook(server: RecordingServer, tools: Tools, **given: Any) -> Webhook:
    return Webhook(settings(SPEC, url=f"{server.url}/hook", **given), tools)


def wrong(**given: Any) -> list[str]:
    """The fields that the configuration's rules find fault with."""
    assert SPEC.validate is not None
    return [field for field, _ in SPEC.validate(settings(SPEC, url="https://hooks.example.com/", **given))]


class TestContractJson(DestinationContract):
    """One call per request, with a bearer token."""

    secrets = (TOKEN, "sign-with-this")

    async def make(self, server: RecordingServer) -> Destination:
        signing = Secret(self.secrets[1])
        return webhook(server, self.tools, auth="bearer", auth_token=Secret(TOKEN), signing_secret=signing)


class TestContractArray(DestinationContract):
    """Many calls as an array, with the secret in the address."""

    secrets = (TOKEN,)

    async def make(self, server: RecordingServer) -> Destination:
        query = {"auth": "query", "auth_name": "key", "auth_value": Secret(TOKEN)}
        return webhook(server, self.tools, format="json_array", **query)


class TestContractLines(DestinationContract):
    """Many calls as lines, with user and password."""

    secrets = (TOKEN,)

    async def make(self, server: RecordingServer) -> Destination:
        basic = {"auth": "basic", "auth_user": "us", "auth_password": Secret(TOKEN)}
        return webhook(server, self.tools, format="ndjson", **basic)


@pytest.mark.parametrize(
    ("shape", "calls", "content_type", "body"),
    [
        ("json", 1, "application/json", b"%b"),
        ("json_array", 3, "application/json", b"[%b,%b,%b]"),
        ("ndjson", 3, "application/x-ndjson", b"%b\n%b\n%b\n"),
    ],
)
async def test_formats(
    shape: str, calls: int, content_type: str, body: bytes, *, server: RecordingServer, tools: Tools
) -> None:
    """json is the call itself, json_array an array of calls, ndjson a line for each."""
    destination = webhook(server, tools, format=shape)
    batch = batch_of(destination, sample_calls(CallKind.IDENTIFY, calls))
    await destination.send(batch)
    assert server.last.body == body % tuple(batch.fragments("calls"))
    assert server.last.headers["content-type"] == content_type
    assert orjson.loads(batch.fragments("calls")[0])["userId"] == "user-0000"


async def test_a_call_is_a_line(server: RecordingServer, tools: Tools) -> None:
    """Line breaks between the tokens of a source's own JSON do not break the lines of ndjson."""
    destination = webhook(server, tools, format="ndjson")
    calls = calls_batch(CallKind.IDENTIFY, {"user_id": ["u", "v"], "body": ['{\n  "a": "x\\ny"\r\n}', "{}"]})
    await destination.send(batch_of(destination, calls))
    first, second = server.last.body.splitlines()
    assert orjson.loads(first)["traits"] == {"a": "x\ny"}
    assert orjson.loads(second)["userId"] == "v"


@pytest.mark.parametrize(
    ("shape", "size", "expected"), [("json", None, 1), ("json_array", None, 100), ("ndjson", 7, 7), ("json", 1, 1)]
)
def test_batch_size(shape: str, size: int | None, expected: int, server: RecordingServer, tools: Tools) -> None:
    """One call per request with json, else 100 unless told otherwise; the user's pace is the engine's."""
    limits = webhook(server, tools, format=shape, batch_size=size, in_flight=3, rate=2.5).limits
    assert (limits.calls, limits.in_flight, limits.rate) == (expected, 3, 2.5)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_methods_and_headers(method: str, server: RecordingServer, tools: Tools) -> None:
    """The method is the user's, and so are the headers, over ours and with any plain value."""
    given = {"X-Team": "growth", "X-Version": 3, "content-TYPE": "application/vnd.example+json"}
    destination = webhook(server, tools, method=method, headers=given)
    await destination.send(batch_of(destination, sample_calls(CallKind.TRACK, 1)))
    assert server.last.method == method
    assert server.last.headers["x-team"] == "growth"
    assert server.last.headers["x-version"] == "3"
    assert server.last.headers["content-type"] == "application/vnd.example+json"


@pytest.mark.parametrize(
    ("given", "header", "value"),
    [
        (
            {"auth": "basic", "auth_user": "zoë", "auth_password": Secret("pä:ss")},
            "authorization",
            "Basic " + b64encode("zoë:pä:ss".encode()).decode(),
        ),
        ({"auth": "bearer", "auth_token": Secret(TOKEN)}, "authorization", f"Bearer {TOKEN}"),
        ({"auth": "header", "auth_name": "X-Api-Key", "auth_value": Secret(TOKEN)}, "x-api-key", TOKEN),
    ],
)
async def test_credentials_in_headers(
    given: dict[str, Any], header: str, value: str, server: RecordingServer, tools: Tools
) -> None:
    """Each way of saying who we are puts the credentials where it promises, for check as well."""
    destination = webhook(server, tools, **given)
    await destination.send(batch_of(destination, sample_calls(CallKind.TRACK, 1)))
    await destination.check()
    assert [request.headers[header] for request in server.wait_for(2)] == [value, value]


async def test_credentials_in_the_address(server: RecordingServer, tools: Tools) -> None:
    """auth: query adds its parameter to those the address has, with odd signs kept."""
    query = {"auth": "query", "auth_name": "api key", "auth_value": Secret(TOKEN)}
    destination = Webhook(settings(SPEC, url=f"{server.url}/hook?team=a%26b", **query), tools)
    await destination.send(batch_of(destination, sample_calls(CallKind.TRACK, 1)))
    assert server.last.query == {"team": "a&b", "api key": TOKEN}


async def test_no_credentials(server: RecordingServer, tools: Tools) -> None:
    """Without auth and signing secret nothing of the kind is sent."""
    destination = webhook(server, tools)
    await destination.send(batch_of(destination, sample_calls(CallKind.TRACK, 1)))
    assert not {"authorization", "x-headrace-signature", "x-headrace-timestamp"} & set(server.last.headers)


@pytest.mark.parametrize("shape", ["json", "json_array", "ndjson"])
async def test_signature(shape: str, server: RecordingServer, tools: Tools) -> None:
    """A receiver that holds the secret can recompute the signature from the timestamp and the body as received."""
    destination = webhook(server, tools, format=shape, signing_secret=Secret("shared"))
    batch = batch_of(destination, sample_calls(CallKind.SCREEN), range(min(4, destination.limits.calls)))
    await destination.send(batch)
    stamp = server.last.headers["x-headrace-timestamp"]
    assert stamp == str(int(NOW.timestamp()))
    expected = hmac.new(b"shared", stamp.encode() + b"." + server.last.raw, hashlib.sha256).hexdigest()
    assert server.last.headers["x-headrace-signature"] == f"v1={expected}"


@pytest.mark.parametrize("message_id", ["order-17", "a" * 255])
async def test_idempotency_key_of_one_call(message_id: str, server: RecordingServer, tools: Tools) -> None:
    """A single call's key is its messageId."""
    destination = webhook(server, tools)
    calls = calls_batch(CallKind.IDENTIFY, {"user_id": ["u"], "message_id": [message_id]})
    await destination.send(batch_of(destination, calls))
    assert server.last.headers["idempotency-key"] == message_id


@pytest.mark.parametrize("message_id", ["two\r\nX-Evil: 1", "Zoë", "", "a" * 256, "a b"])
async def test_idempotency_key_of_odd_ids(message_id: str, server: RecordingServer, tools: Tools) -> None:
    """An id that no header can hold is hashed, so that it cannot smuggle a header in."""
    destination = webhook(server, tools)
    calls = calls_batch(CallKind.IDENTIFY, {"user_id": ["u"], "message_id": [message_id]})
    await destination.send(batch_of(destination, calls))
    assert len(server.last.headers["idempotency-key"]) == 64
    assert "x-evil" not in server.last.headers


async def test_idempotency_key_of_a_batch(server: RecordingServer, tools: Tools) -> None:
    """The key of a batch is the same for the same calls and another for others."""
    destination = webhook(server, tools, format="ndjson")
    calls = sample_calls(CallKind.IDENTIFY)
    for positions in ([1, 2], [1, 2], [1, 3], [12 % 10]):
        await destination.send(batch_of(destination, calls, positions))
    same, again, other, single = (request.headers["idempotency-key"] for request in server.wait_for(4))
    assert same == again != other
    assert single == "message-0002"


@pytest.mark.parametrize(
    ("codes", "status", "verdict"),
    [
        ("200-299", 299, Verdict.ACCEPTED),
        ("200,202,409", 409, Verdict.ACCEPTED),
        ("200, 202 , 302", 302, Verdict.ACCEPTED),
        ("200", 204, Verdict.REFUSED),
        ("204", 503, Verdict.RETRY),
        ("200", 410, Verdict.DENIED),
    ],
)
async def test_success_codes(codes: str, status: int, verdict: Verdict, server: RecordingServer, tools: Tools) -> None:
    """The user says which statuses mean delivered; the others are judged as everywhere, and none is delivered."""
    server.always(Answer(status, body=""))
    destination = webhook(server, tools, success_codes=codes)
    reply = await destination.send(batch_of(destination, sample_calls(CallKind.TRACK, 1)))
    assert reply.verdict is verdict
    assert reply == Reply() or str(status) in reply.reason


async def test_check_brings_no_call(server: RecordingServer, tools: Tools) -> None:
    """check asks with HEAD, which changes nothing; an endpoint that knows no HEAD is fine."""
    for status in (200, 405, 501):
        server.always(Answer(status))
        assert (await webhook(server, tools).check()).warnings == ()
    assert {(request.method, request.raw) for request in server.requests} == {("HEAD", b"")}


@pytest.mark.parametrize("status", [404, 500, 503])
async def test_check_warns(status: int, server: RecordingServer, tools: Tools) -> None:
    """An endpoint may treat HEAD as it likes, so other statuses only warn."""
    server.always(Answer(status))
    check = await webhook(server, tools).check()
    assert check.ok
    assert f"HTTP {status}" in check.warnings[0]


@pytest.mark.parametrize("secret", [TOKEN, "pass word", "sëcret"])
async def test_escaped_secrets_are_struck_out(secret: str, server: RecordingServer, tools: Tools) -> None:
    """A secret that an endpoint repeats as it stood in the address is struck out too."""
    server.always(lambda request: Answer(400, body=f"no access for {request.target}"))
    destination = webhook(server, tools, auth="query", auth_name="key", auth_value=Secret(secret))
    reply = await destination.send(batch_of(destination, sample_calls(CallKind.TRACK, 1)))
    assert reply.reason == "HTTP 400: no access for /hook?key=•••"


def test_plain_settings_are_right() -> None:
    """The defaults, and every way to say who we are with all that it needs, are in order."""
    assert wrong() == []
    assert wrong(auth="basic", auth_user="u", auth_password=Secret("p")) == []
    assert wrong(auth="bearer", auth_token=Secret("t")) == []
    assert wrong(auth="header", auth_name="X-Key", auth_value=Secret("v")) == []
    assert wrong(auth="query", auth_name="any name", auth_value=Secret("v")) == []
    assert wrong(headers={"X-A": "b", "X-N": 1}, format="ndjson", batch_size=50, success_codes="200,300-301") == []


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"auth": "basic"}, ["auth_user", "auth_password"]),
        ({"auth": "bearer"}, ["auth_token"]),
        ({"auth": "header"}, ["auth_name", "auth_value"]),
        ({"auth_token": Secret("t")}, ["auth_token"]),
        ({"auth": "bearer", "auth_token": Secret("t"), "auth_user": "u"}, ["auth_user"]),
        ({"auth": "bearer", "auth_token": Secret("t\r\nX-Evil: 1")}, ["auth_token"]),
        ({"auth": "header", "auth_name": "X Key", "auth_value": Secret("v")}, ["auth_name"]),
        ({"auth": "header", "auth_name": "X-Key", "auth_value": Secret("v\n")}, ["auth_value"]),
        ({"auth": "bearer", "auth_token": Secret("t"), "headers": {"authorization": "b"}}, ["headers"]),
        ({"headers": {"X-A": "b\r\nX-Evil: 1"}}, ["headers"]),
        ({"headers": {"X-A\r\n": "b"}}, ["headers"]),
        ({"headers": {"": "b"}}, ["headers"]),
        ({"headers": {"X-A": None}}, ["headers"]),
        ({"headers": {"X-A": ["b"]}}, ["headers"]),
        ({"headers": {"Content-Length": "1"}}, ["headers"]),
        ({"headers": {"TRANSFER-ENCODING": "chunked"}}, ["headers"]),
        ({"format": "json", "batch_size": 2}, ["batch_size"]),
        ({"success_codes": ""}, ["success_codes"]),
        ({"success_codes": "ok"}, ["success_codes"]),
        ({"success_codes": "299-200"}, ["success_codes"]),
        ({"success_codes": "99"}, ["success_codes"]),
        ({"success_codes": "200-600"}, ["success_codes"]),
        ({"success_codes": "200,,204"}, ["success_codes"]),
    ],
)
def test_wrong_settings_are_named(given: dict[str, Any], fields: list[str]) -> None:
    """Each broken rule names its field, line breaks in headers among them."""
    assert wrong(**given) == fields
