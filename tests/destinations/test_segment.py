"""Segment: the wire it speaks, its limits, and the whole destination contract."""

from __future__ import annotations

from base64 import b64encode

import pytest

from headrace.destinations.segment import SPEC, Segment
from headrace.model import CallKind, Secret
from headrace.ports import Destination, Reply, Tools, Verdict
from headrace.testing.destination_contract import DestinationContract, batch_of, settings
from headrace.testing.http_server import Answer, RecordingServer
from headrace.testing.samples import calls_batch, sample_calls

KEY = "write-key-0123456789"


def segment(server: RecordingServer, tools: Tools) -> Segment:
    return Segment(settings(SPEC, url=f"{server.url}/v1/", write_key=Secret(KEY)), tools)


class TestContract(DestinationContract):
    """All that ports.Destination promises."""

    secrets = (KEY,)

    async def make(self, server: RecordingServer) -> Destination:
        return segment(server, self.tools)


async def test_the_request(server: RecordingServer, tools: Tools) -> None:
    """POST to {url}/batch with the write key as Basic user, gzip, and sentAt by the given clock."""
    destination = segment(server, tools)
    await destination.send(batch_of(destination, sample_calls(CallKind.TRACK, 2)))
    request = server.last
    assert (request.method, request.path) == ("POST", "/v1/batch")
    assert request.headers["authorization"] == "Basic " + b64encode(f"{KEY}:".encode()).decode()
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-encoding"] == "gzip"
    assert "x-strict-mode" not in request.headers
    assert request.json["sentAt"] == "2026-11-23T16:10:44.365Z"
    assert request.json["batch"][0] == {
        "type": "track",
        "messageId": "message-0000",
        "userId": "user-0000",
        "anonymousId": "anonymous-0000",
        "event": "Order Completed",
        "timestamp": "2026-11-23T15:30:00.123Z",
        "context": {"ip": "192.0.2.1"},
        "properties": {"email": "0@example.com", "visits": 0, "paid": True, "tags": ["a", None]},
    }


async def test_object_types_are_customer_ios(server: RecordingServer, tools: Tools) -> None:
    """The type of a group's object is no word of Segment's spec, so it stays away from its traits."""
    destination = segment(server, tools)
    await destination.send(batch_of(destination, sample_calls(CallKind.GROUP, 1)))
    assert "object_type_id" not in server.last.json["batch"][0]["traits"]


async def test_long_message_ids_are_invalid(tools: Tools, server: RecordingServer) -> None:
    """A messageId has fewer than 100 characters, counted as characters and not as bytes."""
    ids = ["é" * 99, "é" * 100, "x" * 99, "x" * 250]
    calls = calls_batch(CallKind.IDENTIFY, {"user_id": ["u"] * 4, "message_id": ids})
    invalid = segment(server, tools).encode(calls).invalid
    assert {position: failure.code for position, failure in invalid.items()} == dict.fromkeys(
        (1, 3), "message_id_too_long"
    )
    assert "250 characters" in invalid[3].message
    assert invalid[3].column == "messageId"


@pytest.mark.parametrize("answer", [Answer(body={"success": True}), Answer(body="OK"), Answer(body="")])
async def test_what_success_looks_like(answer: Answer, tools: Tools, server: RecordingServer) -> None:
    """Segment says ``{"success": true}``, RudderStack ``OK``: any 200 is success."""
    server.always(answer)
    destination = segment(server, tools)
    assert await destination.send(batch_of(destination, sample_calls(CallKind.PAGE))) == Reply()


async def test_throttled(tools: Tools, server: RecordingServer) -> None:
    """Over the rate Segment answers 429 with Retry-After, which the engine is told."""
    server.always(Answer(429, headers={"retry-after": "12", "x-ratelimit-reset": "12"}))
    destination = segment(server, tools)
    reply = await destination.send(batch_of(destination, sample_calls(CallKind.SCREEN)))
    assert (reply.verdict, reply.after) == (Verdict.RETRY, 12.0)


async def test_check_sends_no_call(tools: Tools, server: RecordingServer) -> None:
    """check posts an empty batch, and says that Segment does not judge keys."""
    check = await segment(server, tools).check()
    assert server.last.json == {"batch": []}
    assert check.ok
    assert "write key" in check.facts


@pytest.mark.parametrize(("status", "words"), [(301, "url"), (404, "url"), (503, "later")])
async def test_check_says_what_to_do(status: int, words: str, tools: Tools, server: RecordingServer) -> None:
    """A wrong address and a failing system are told apart."""
    server.always(Answer(status))
    (problem,) = (await segment(server, tools).check()).problems
    assert f"HTTP {status}" in problem
    assert words in problem


@pytest.mark.parametrize(
    ("region", "address"), [("us", "https://api.segment.io/v1"), ("eu", "https://events.eu1.segmentapis.com/v1")]
)
def test_regions(region: str, address: str, tools: Tools) -> None:
    """Without url the region's documented address is used."""
    destination = Segment(settings(SPEC, write_key=Secret(KEY), region=region), tools)
    assert destination._url == f"{address}/batch"


def test_documented_limits() -> None:
    """500 KB and 2,500 calls per request, 32 KB per call, 1,000 requests a second."""
    limits = Segment.limits
    assert (limits.bytes, limits.calls, limits.call_bytes, limits.rate) == (500_000, 2_500, 32_768, 1_000)


@pytest.mark.parametrize("key", ["key\n", " key", "ke y"])
def test_keys_with_blanks_are_found_early(key: str) -> None:
    """A key with a blank would be taken by Segment and every call lost, so the configuration refuses it."""
    assert SPEC.validate is not None
    ((field, message),) = SPEC.validate(settings(SPEC, write_key=Secret(key)))
    assert field == "write_key"
    assert "line break" in message
    assert SPEC.validate(settings(SPEC, write_key=Secret(KEY))) == []
