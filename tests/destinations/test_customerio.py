"""Customer.io: the wire it speaks, how its answers are read, its limits, and the whole destination contract."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np
import pytest

from headrace.calls.batching import cut, lengths
from headrace.destinations.customerio import SPEC, CustomerIo
from headrace.model import CallKind, Failure, Secret
from headrace.ports import Batch, Destination, Reply, Tools, Verdict
from headrace.testing.destination_contract import DestinationContract, batch_of, settings
from headrace.testing.http_server import Answer, RecordingServer
from headrace.testing.samples import calls_batch, sample_calls

KEY = "b4e1f7a2c9d8e6f5"
REGION_KEY = "sk_eu_b4e1f7a2c9d8e6f5"


def customerio(server: RecordingServer, tools: Tools, key: str = KEY) -> CustomerIo:
    return CustomerIo(settings(SPEC, url=f"{server.url}/v1", api_key=Secret(key)), tools)


async def reply_to(answer: Answer, server: RecordingServer, tools: Tools, n: int = 10) -> Reply:
    server.always(answer)
    destination = customerio(server, tools)
    return await destination.send(batch_of(destination, sample_calls(CallKind.IDENTIFY, n)))


class TestContract(DestinationContract):
    """All that ports.Destination promises."""

    secrets = (KEY,)

    async def make(self, server: RecordingServer) -> Destination:
        return customerio(server, self.tools)


class TestContractWithBearer(DestinationContract):
    """The same with a key that goes as a bearer token."""

    secrets = (REGION_KEY,)

    async def make(self, server: RecordingServer) -> Destination:
        return customerio(server, self.tools, REGION_KEY)


async def test_the_request(server: RecordingServer, tools: Tools) -> None:
    """POST to {url}/batch in strict mode with the key as Basic user, gzip, and sentAt by the given clock."""
    destination = customerio(server, tools)
    await destination.send(batch_of(destination, sample_calls(CallKind.GROUP, 2)))
    request = server.last
    assert (request.method, request.path) == ("POST", "/v1/batch")
    assert request.headers["authorization"] == "Basic " + b64encode(f"{KEY}:".encode()).decode()
    assert request.headers["x-strict-mode"] == "1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-encoding"] == "gzip"
    assert set(request.json) == {"batch", "sentAt"}
    assert request.json["sentAt"] == "2026-11-23T16:10:44.365Z"
    assert request.json["batch"][0] == {
        "type": "group",
        "messageId": "message-0000",
        "userId": "user-0000",
        "anonymousId": "anonymous-0000",
        "groupId": "group-0000",
        "timestamp": "2026-11-23T15:30:00.123Z",
        "context": {"ip": "192.0.2.1"},
        "traits": {"object_type_id": "2", "email": "0@example.com", "visits": 0, "paid": True, "tags": ["a", None]},
    }


async def test_keys_with_a_region_are_bearer_tokens(server: RecordingServer, tools: Tools) -> None:
    """Newer keys (``sk_eu_…``) go as ``Authorization: Bearer``."""
    destination = customerio(server, tools, REGION_KEY)
    await destination.send(batch_of(destination, sample_calls(CallKind.ALIAS, 1)))
    assert server.last.headers["authorization"] == f"Bearer {REGION_KEY}"


@pytest.mark.parametrize(
    ("key", "region", "host"),
    [
        (KEY, "us", "cdp.customer.io"),
        (KEY, "eu", "cdp-eu.customer.io"),
        ("pk_eu_1", "us", "cdp-eu.customer.io"),
        ("sk_us_1", "eu", "cdp.customer.io"),
        ("sk_ap_1", "eu", "cdp-eu.customer.io"),
    ],
)
def test_regions(key: str, region: str, host: str, tools: Tools) -> None:
    """The region's documented address is used; a key that names its region knows better."""
    destination = CustomerIo(settings(SPEC, api_key=Secret(key), region=region), tools)
    assert destination._url == f"https://{host}/v1/batch"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"meta": {"errors": ["userId is required", "bad time"]}}, "HTTP 400: userId is required; bad time"),
        (
            {"errors": [{"reason": "required", "field": "userId", "message": "is missing"}]},
            "HTTP 400: userId: is missing",
        ),
        ({"meta": {"error": "name cannot be blank"}}, 'HTTP 400: {"meta":{"error":"name cannot be blank"}}'),
        (
            {"code": "invalid_request", "message": "…", "meta": {"errors": ["a"]}, "errors": [{"message": "b"}]},
            "HTTP 400: b",
        ),
    ],
)
async def test_a_strict_refusal_stores_nothing(body: Any, words: str, server: RecordingServer, tools: Tools) -> None:
    """A 400 refuses the request as a whole, so the batch is split; its reason is in the documented words."""
    assert await reply_to(Answer(400, body=body), server, tools) == Reply(
        Verdict.REFUSED, code="http_400", reason=words
    )


async def test_a_named_call_in_a_refusal_is_still_a_refusal(server: RecordingServer, tools: Tools) -> None:
    """Even if a 400 names the call, the others were not stored: they must be sent again."""
    reply = await reply_to(Answer(400, body={"errors": [{"batch_index": 3, "message": "bad"}]}), server, tools)
    assert (reply.verdict, dict(reply.failed)) == (Verdict.REFUSED, {})


@pytest.mark.parametrize("status", [200, 207])
async def test_partial_success_fails_the_named_calls(status: int, server: RecordingServer, tools: Tools) -> None:
    """A success with ``errors`` and ``batch_index`` delivered all calls but those."""
    errors = [
        {"batch_index": 2, "reason": "required", "field": "userId", "message": "is missing"},
        {"batch_index": 2, "reason": "required", "field": "userId", "message": "is missing"},
        {"batch_index": 9, "reason": "Not a code!", "message": "odd\nwords"},
    ]
    assert await reply_to(Answer(status, body={"errors": errors}), server, tools) == Reply(
        failed={
            2: Failure("required", "userId: is missing", column="userId"),
            9: Failure("refused", "odd words"),
        }
    )


@pytest.mark.parametrize(
    "errors", [["text"], [{"message": "which?"}], [{"batch_index": 10}], [{"batch_index": -1}], [{"batch_index": "2"}]]
)
async def test_partial_success_that_names_no_call(errors: list[Any], server: RecordingServer, tools: Tools) -> None:
    """Where an error of a 207 cannot be tied to a call, the batch is split until it can."""
    reply = await reply_to(Answer(207, body={"errors": errors}), server, tools)
    assert (reply.verdict, reply.code) == (Verdict.REFUSED, "http_207")


@pytest.mark.parametrize("body", ["", "ok", "[]", {"errors": []}, {"errors": {"a": 1}}, {"meta": None}, {"meta": {}}])
async def test_success_in_any_clothes(body: Any, server: RecordingServer, tools: Tools) -> None:
    """A 200 without a list of errors is success, whatever else it says."""
    assert await reply_to(Answer(body=body), server, tools) == Reply()


async def test_long_event_names_are_invalid(server: RecordingServer, tools: Tools) -> None:
    """The name of an event has at most 100 bytes, counted as bytes; pages may be called as they like."""
    columns = {"user_id": ["u"] * 4, "name": ["x" * 100, "x" * 101, "é" * 50, "é" * 51]}
    destination = customerio(server, tools)
    invalid = destination.encode(calls_batch(CallKind.TRACK, columns)).invalid
    assert {position: failure.code for position, failure in invalid.items()} == dict.fromkeys((1, 3), "event_too_long")
    assert "102 bytes" in invalid[3].message
    assert invalid[3].column == "event"
    assert destination.encode(calls_batch(CallKind.PAGE, columns)).invalid == {}


async def test_batches_stay_under_the_limits(server: RecordingServer, tools: Tools) -> None:
    """Batches cut by the engine's rule bring every call once, none over 500,000 bytes and few far below."""
    destination = customerio(server, tools)
    calls = sample_calls(CallKind.TRACK, 6_000)
    encoded = destination.encode(calls)
    batches = list(cut(np.arange(len(calls)), lengths(encoded), destination.limits))
    for number, positions in enumerate(batches):
        await destination.send(Batch(calls, encoded, positions.tolist(), number))
    bodies = [request.json["batch"] for request in server.requests]
    assert [call["userId"] for body in bodies for call in body] == [f"user-{k:04d}" for k in range(6_000)]
    sizes = [len(request.body) for request in server.requests]
    assert max(sizes) <= 500_000
    assert min(sizes[:-1]) > 495_000


async def test_check_sends_no_call(server: RecordingServer, tools: Tools) -> None:
    """check posts an empty batch in strict mode; that the system dislikes it empty proves host and key all the same."""
    server.always(Answer(400, body={"meta": {"errors": ["batch is empty"]}}))
    assert (await customerio(server, tools).check()).ok
    assert server.last.json == {"batch": []}
    assert server.last.headers["x-strict-mode"] == "1"


@pytest.mark.parametrize(
    ("status", "words"), [(401, "api_key"), (403, "api_key"), (308, "url"), (404, "url"), (500, "later")]
)
async def test_check_says_what_to_do(status: int, words: str, server: RecordingServer, tools: Tools) -> None:
    """A wrong key, a wrong address and a failing system are told apart."""
    server.always(Answer(status))
    (problem,) = (await customerio(server, tools).check()).problems
    assert f"HTTP {status}" in problem
    assert words in problem


def test_documented_limits() -> None:
    """500 KB per request, 32 KB per call, 3,000 requests in 3 seconds."""
    limits = CustomerIo.limits
    assert (limits.bytes, limits.call_bytes, limits.rate) == (500_000, 32_768, 1_000)


@pytest.mark.parametrize("key", ["key\n", " key", "ke y"])
def test_keys_with_blanks_are_found_early(key: str) -> None:
    """A key with a blank or a line break cannot be right, and could not stand in a header."""
    assert SPEC.validate is not None
    ((field, _),) = SPEC.validate(settings(SPEC, api_key=Secret(key)))
    assert field == "api_key"
    assert SPEC.validate(settings(SPEC, api_key=Secret(KEY))) == []
