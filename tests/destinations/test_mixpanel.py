"""Mixpanel: requests, answers, credentials, and the whole destination contract."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from headrace.calls.batch import CallsBatch
from headrace.destinations.mixpanel import HOSTS, SPEC, Mixpanel
from headrace.destinations.mixpanel.replies import PATIENCE
from headrace.model import CallKind, Secret
from headrace.ports import Destination, HttpReply, Reply, Tools, Verdict
from headrace.testing.destination_contract import DestinationContract, StillClock, batch_of, settings
from headrace.testing.http_server import Answer, RecordingServer
from headrace.testing.samples import calls_batch, sample_calls

TOKEN = "project-token-0123456789"
PASSWORD = "service-account-secret"
ACCOUNT = {"service_account_user": "robot", "service_account_secret": Secret(PASSWORD), "project_id": 117}
STORED = Answer(body={"code": 200, "num_records_imported": 1, "status": "OK"})


def mixpanel(url: str | None, tools: Tools, **given: Any) -> Mixpanel:
    return Mixpanel(settings(SPEC, **{"url": url, "project_token": Secret(TOKEN), **given}), tools)


async def sent(server: RecordingServer, tools: Tools, calls: CallsBatch, **given: Any) -> Reply:
    """The reply to all calls as one batch."""
    destination = mixpanel(server.url, tools, **given)
    return await destination.send(batch_of(destination, calls))


def tracks(n: int) -> CallsBatch:
    return calls_batch(CallKind.TRACK, {"user_id": [f"u{k}" for k in range(n)], "name": ["Bought"] * n})


def identifies(n: int, body: str = "{}") -> CallsBatch:
    return calls_batch(CallKind.IDENTIFY, {"user_id": [f"u{k}" for k in range(n)], "body": [body] * n})


class MixpanelContract(DestinationContract):
    """The contract knows of no wait where the system names none; ours is two seconds, see `test_patience`."""

    accepted = STORED

    async def send(self, calls: CallsBatch, positions: Sequence[int] | None = None) -> Reply:
        reply = await super().send(calls, positions)
        return replace(reply, after=None) if reply.after == PATIENCE else reply


class TestContract(MixpanelContract):
    """All that ports.Destination promises, with identify calls: they speak to /import and to /engage."""

    secrets = (TOKEN, PASSWORD)
    kinds = (CallKind.IDENTIFY, *(kind for kind in CallKind if kind is not CallKind.IDENTIFY))

    async def make(self, server: RecordingServer) -> Destination:
        return mixpanel(server.url, self.tools, **ACCOUNT)


class TestContractWithToken(MixpanelContract):
    """The same with a project token alone, and with events."""

    secrets = (TOKEN,)
    kinds = (CallKind.TRACK, CallKind.GROUP)

    async def make(self, server: RecordingServer) -> Destination:
        return mixpanel(server.url, self.tools)


# ------------------------------------------------------------------------------------------------------- requests


async def test_import_with_a_service_account(server: RecordingServer, tools: Tools) -> None:
    """Events go to /import, strictly, as a gzipped JSON array, under a service account and its project."""
    await sent(server, tools, tracks(2), **ACCOUNT)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/import")
    assert request.query == {"strict": "1", "project_id": "117"}
    assert request.headers["authorization"] == "Basic " + b64encode(f"robot:{PASSWORD}".encode()).decode()
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-encoding"] == "gzip"
    assert [event["properties"]["distinct_id"] for event in request.json] == ["u0", "u1"]
    assert TOKEN.encode() not in request.body


async def test_import_with_the_project_token(server: RecordingServer, tools: Tools) -> None:
    """Without a service account the project's token is the user, with a blank password and no project_id."""
    await sent(server, tools, tracks(1))
    assert server.last.query == {"strict": "1"}
    assert server.last.headers["authorization"] == "Basic " + b64encode(f"{TOKEN}:".encode()).decode()


async def test_profiles_carry_their_token(server: RecordingServer, tools: Tools) -> None:
    """/engage gets plain JSON without credentials or gzip (it takes none); each record names the project."""
    await sent(server, tools, identifies(1), **ACCOUNT)
    (request,) = server.requests
    assert request.path == "/engage"
    assert request.query == {"strict": "1", "verbose": "1"}
    assert {"authorization", "content-encoding"} & request.headers.keys() == set()
    assert request.json == [{"$token": TOKEN, "$distinct_id": "u0", "$ip": "0", "$set": {}}]


async def test_groups_take_two_hundred(server: RecordingServer, tools: Tools) -> None:
    """Groups are sent 200 at a time, with our own address ignored; memberships follow at once."""
    count = 450
    calls = calls_batch(
        CallKind.GROUP, {"user_id": [f"u{k}" for k in range(count)], "group_id": [f"g{k}" for k in range(count)]}
    )
    assert (await sent(server, tools, calls)).verdict is Verdict.ACCEPTED
    assert [(request.path, len(request.json)) for request in server.requests] == [
        ("/groups", 200),
        ("/groups", 200),
        ("/groups", 50),
        ("/engage", 450),
    ]
    assert server.requests[0].query == {"strict": "1", "verbose": "1", "ip": "0"}
    assert [record["$group_id"] for request in server.requests[:3] for record in request.json] == [
        f"g{k}" for k in range(count)
    ]


async def test_profiles_need_the_token(server: RecordingServer, tools: Tools) -> None:
    """With a service account alone events pass; profiles stop the delivery with the setting that is missing."""
    assert (await sent(server, tools, tracks(1), **ACCOUNT, project_token=None)).verdict is Verdict.ACCEPTED
    reply = await sent(server, tools, identifies(1), **ACCOUNT, project_token=None)
    assert (reply.verdict, reply.code) == (Verdict.DENIED, "project_token_missing")
    assert "project_token" in reply.reason
    assert len(server.requests) == 1


class Overheard:
    """An `Http` that only notes the addresses."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    async def request(self, method: str, url: str, **_: Any) -> HttpReply:
        self.urls.append(url)
        return HttpReply(200, {}, b"{}")


@pytest.mark.parametrize("region", HOSTS)
async def test_regions(region: str, tools: Tools) -> None:
    """Each region has its host; ``url`` stands above it."""
    http = Overheard()
    for url in (None, "https://proxy.example/mixpanel/"):
        destination = mixpanel(url, Tools(http, StillClock(), tools.home, tools.base), region=region)
        await destination.send(batch_of(destination, tracks(1)))
    host = {"us": "api.mixpanel.com", "eu": "api-eu.mixpanel.com", "in": "api-in.mixpanel.com"}[region]
    assert http.urls == [f"https://{host}/import?strict=1", "https://proxy.example/mixpanel/import?strict=1"]


# -------------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("key", ["insert_id", "$insert_id"])
async def test_failed_records(key: str, server: RecordingServer, tools: Tools) -> None:
    """A 400 that names records refuses those, with Mixpanel's words, and the others are delivered."""
    record = {key: "message-0002", "field": "properties.time", "message": "'properties.time' is invalid"}
    other = {"index": 0, key: "message-0000", "field": "properties.size", "message": "too large"}
    again = {"index": 2, key: "message-0002", "field": "event", "message": "also this"}
    body = {"code": 400, "num_records_imported": 2, "failed_records": [{"index": 2, **record}, other, again]}
    server.answer(Answer(400, body=body))
    reply = await sent(server, tools, tracks(4))
    assert reply.verdict is Verdict.ACCEPTED
    assert {index: (f.code, f.message, f.column) for index, f in reply.failed.items()} == {
        2: ("mixpanel_rejected", "Mixpanel refused the record: 'properties.time' is invalid", "time"),
        0: ("mixpanel_rejected", "Mixpanel refused the record: properties.size: too large", "size"),
    }


async def test_failed_records_are_counted_among_those_sent(server: RecordingServer, tools: Tools) -> None:
    """Indices count the records of the request: calls that an endpoint did not hear of are skipped over."""
    body = {"code": 400, "num_records_imported": 1, "failed_records": [{"index": 1, "field": "", "message": "bad"}]}
    server.answer(Answer(400, body=body), path="/import")
    calls = calls_batch(CallKind.TRACK, {"user_id": ["a", "b", "c"], "name": ["Bought", "User Deleted", "Bought"]})
    reply = await sent(server, tools, calls)
    assert (reply.verdict, list(reply.failed)) == (Verdict.ACCEPTED, [2])
    assert [request.path for request in server.requests] == ["/import", "/engage"]


@pytest.mark.parametrize(
    "body",
    [
        {"code": 400, "error": "bad request"},
        {"code": 400, "failed_records": []},
        {"num_records_imported": 3, "failed_records": [{"index": 4, "message": "there is no such record"}]},
        {"num_records_imported": 3, "failed_records": [{"insert_id": "message-0000", "message": "no index"}]},
        {"code": 400, "failed_records": "all"},
        {"code": 400, "num_records_imported": 1, "failed_records": [{"index": 0, "message": "one of several"}]},
        {"code": 400, "failed_records": [{"index": 0, "message": "the others are not counted"}]},
        "Bad Request",
    ],
)
async def test_a_400_that_does_not_tell_is_split(body: Any, server: RecordingServer, tools: Tools) -> None:
    """Where the bad records are not named, or not all of them, the batch is refused as a whole, to be split."""
    server.answer(Answer(400, body=body))
    reply = await sent(server, tools, tracks(4))
    assert (reply.verdict, dict(reply.failed)) == (Verdict.REFUSED, {})
    assert "HTTP 400" in reply.reason


@pytest.mark.parametrize("body", ["1", b"1", {"status": 1, "error": None}, {"code": 200, "status": "OK"}, {}, ""])
async def test_a_good_200(body: Any, server: RecordingServer, tools: Tools) -> None:
    """Each form in which Mixpanel says that all went well."""
    server.always(Answer(body=body))
    assert await sent(server, tools, identifies(2)) == Reply()


@pytest.mark.parametrize(
    "body", ["0", {"status": 0, "error": "record 1: bad"}, {"status": "error"}, {"status": 1, "error": "bad"}]
)
async def test_a_200_that_is_a_failure(body: Any, server: RecordingServer, tools: Tools) -> None:
    """Profile updates are answered with 200 also when they failed: the body decides, and the batch is split."""
    server.always(Answer(body=body))
    reply = await sent(server, tools, identifies(2))
    assert (reply.verdict, reply.code) == (Verdict.REFUSED, "mixpanel_rejected")


@pytest.mark.parametrize(("sent_records", "verdict"), [(1, Verdict.ACCEPTED), (3, Verdict.REFUSED)])
async def test_a_200_that_names_records(
    sent_records: int, verdict: Verdict, server: RecordingServer, tools: Tools
) -> None:
    """A profile update alone is refused by name; among others, of which nothing is said, it is split off first."""
    records = [{"index": 0, "field": "$distinct_id", "message": "$distinct_id: missing"}]
    server.always(Answer(body={"status": 0, "error": "some data points failed", "failed_records": records}))
    reply = await sent(server, tools, identifies(sent_records))
    assert reply.verdict is verdict
    if verdict is Verdict.ACCEPTED:
        assert reply.failed[0].message == "Mixpanel refused the record: $distinct_id: missing"


async def test_somebody_else_answers(server: RecordingServer, tools: Tools) -> None:
    """A 200 that is no JSON does not come from Mixpanel: nothing counts as delivered."""
    server.always(Answer(body="<html>Welcome to the hotel's network</html>"))
    reply = await sent(server, tools, tracks(2))
    assert (reply.verdict, reply.code) == (Verdict.DENIED, "unexpected_answer")


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_patience(status: int, server: RecordingServer, tools: Tools) -> None:
    """Told to wait, we do: as long as Retry-After says, and two seconds where it says nothing."""
    server.answer(Answer(status), Answer(status, headers={"retry-after": "1"}))
    assert [(await sent(server, tools, tracks(1))).after for _ in range(2)] == [2.0, 1.0]


async def test_too_large(server: RecordingServer, tools: Tools) -> None:
    """A 413 refuses the batch, which the engine then splits."""
    server.answer(Answer(413, body={"code": 413, "error": "request exceeds max limit of 2097152 bytes"}))
    assert (await sent(server, tools, tracks(2))).verdict is Verdict.REFUSED


async def test_one_refusal_of_two_refuses_the_call(server: RecordingServer, tools: Tools) -> None:
    """A call that two endpoints hear of is refused when either refuses it; the others are delivered."""
    records = [{"index": 1, "field": "properties.$device_id", "message": "bad"}]
    server.answer(Answer(400, body={"num_records_imported": 1, "failed_records": records}), path="/import")
    calls = calls_batch(
        CallKind.IDENTIFY, {"user_id": ["a", "b", "c"], "anonymous_id": ["x", None, "z"], "body": ["{}"] * 3}
    )
    reply = await sent(server, tools, calls)
    assert (reply.verdict, list(reply.failed)) == (Verdict.ACCEPTED, [2])
    assert [len(request.json) for request in server.requests] == [2, 3]


async def test_the_second_endpoint_fails(server: RecordingServer, tools: Tools) -> None:
    """When the second endpoint is out of order the batch is tried again, at both: neither minds."""
    server.answer(Answer(503), path="/engage")
    destination = mixpanel(server.url, tools)
    batch = batch_of(destination, sample_calls(CallKind.IDENTIFY, 2))
    assert [(await destination.send(batch)).verdict for _ in range(2)] == [Verdict.RETRY, Verdict.ACCEPTED]
    assert [request.path for request in server.requests] == ["/import", "/engage"] * 2


# ---------------------------------------------------------------------------------------------------------- check


async def test_check_imports_nothing(server: RecordingServer, tools: Tools) -> None:
    """`check` posts an empty list with each of the credentials; being refused for its emptiness is fine."""
    server.always(Answer(400, body={"code": 400, "error": "request must not be empty"}))
    check = await mixpanel(server.url, tools, **ACCOUNT).check()
    assert check.ok
    assert [(request.path, request.json, dict(request.query)) for request in server.requests] == [
        ("/import", [], {"strict": "1", "project_id": "117"}),
        ("/import", [], {"strict": "1"}),
    ]
    assert dict(check.facts) == {
        "address": server.url,
        "service account in project 117": "accepted",
        "project token": "accepted",
    }


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([Answer(401, body={"error": "Invalid credentials"})], "service account in project 117 (HTTP 401"),
        ([Answer(), Answer(401)], "project token (HTTP 401"),
        ([Answer(404)], "HTTP 404"),
        ([Answer(503)], "HTTP 503"),
        ([Answer(307, headers={"location": "https://elsewhere.example/"})], "HTTP 307"),
    ],
)
async def test_check_names_what_is_wrong(
    answers: list[Answer], words: str, server: RecordingServer, tools: Tools
) -> None:
    """Wrong credentials are named; an answer that proves nothing is a problem too."""
    server.answer(*answers)
    (problem,) = (await mixpanel(server.url, tools, **ACCOUNT).check()).problems
    assert words in problem


# ----------------------------------------------------------------------------------------------------------- SPEC


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"project_token": Secret("t")}, []),
        (ACCOUNT, []),
        ({}, ["project_token"]),
        ({"project_token": Secret("t"), "project_id": 117}, ["service_account_user", "service_account_secret"]),
        ({"service_account_user": "robot", "service_account_secret": Secret("s")}, ["project_id"]),
    ],
)
def test_credentials_are_complete(given: dict[str, Any], fields: list[str]) -> None:
    """A token or a whole service account is needed; half a service account is an error, with each missing field."""
    assert SPEC.validate is not None
    assert [name for name, _ in SPEC.validate(settings(SPEC, **given))] == fields


def test_limits_follow_the_settings(tools: Tools) -> None:
    """Bytes, requests in flight and their rate are settings; 2000 calls and a megabyte each are Mixpanel's."""
    destination = mixpanel(None, tools, import_bytes=9_000_000, in_flight=20, rate=5.0)
    limits = destination.limits
    assert (limits.calls, limits.bytes, limits.call_bytes) == (2_000, 9_000_000, 1_000_000)
    assert (limits.in_flight, limits.rate, limits.ordered) == (20, 5.0, False)
