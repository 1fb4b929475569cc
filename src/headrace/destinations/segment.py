"""Segment, and what speaks its tracking API (RudderStack): ``POST {url}/batch``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from headrace import answers
from headrace.calls.batch import CallsBatch, iso
from headrace.calls.encode import pipelines_json
from headrace.connector import Field, Spec
from headrace.errors import Unreachable
from headrace.model import Check, Failure, Secret
from headrace.ports import Batch, Encoded, HttpReply, Limits, Reply, Tools

BASES = {"us": "https://api.segment.io/v1", "eu": "https://events.eu1.segmentapis.com/v1"}
MESSAGE_ID_LIMIT = 100  # characters; an id must be shorter
CHECK_TIMEOUT = 15.0  # seconds


class Segment:
    """A Segment source of type HTTP API. It answers 200 to all it can parse, so refusals are seen in Segment only."""

    limits = Limits(calls=2_500, bytes=500_000, call_bytes=32_768, in_flight=16, rate=1_000.0)

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self._url = (settings["url"] or BASES[settings["region"]]).rstrip("/") + "/batch"
        self._write_key: Secret = settings["write_key"]
        self._tools = tools

    async def check(self) -> Check:
        """An empty batch reaches the system and changes nothing."""
        try:
            answer = await self._post((b'{"batch":[]}',), timeout=CHECK_TIMEOUT)
        except Unreachable as error:
            return Check(problems=(error.message,), passing=True)
        if answer.status in answers.DENIED:
            return Check(problems=(f"The write key was refused: HTTP {answer.status}. Check write_key and region.",))
        if 300 <= answer.status < 400 or answer.status == 404:
            return Check(problems=(f"There is no tracking API at url: HTTP {answer.status}. Check url.",))
        if answer.status >= 500:
            return Check(problems=(f"The system is failing: HTTP {answer.status}. Try again later.",), passing=True)
        return Check(facts={"write key": "Segment takes every key; whether this one is right shows in its debugger"})

    def encode(self, calls: CallsBatch) -> Encoded:
        ids = calls.columns.column("message_id")
        too_long = pc.indices_nonzero(pc.greater_equal(pc.utf8_length(ids), MESSAGE_ID_LIMIT))
        invalid = {position: _id_too_long(ids[position].as_py()) for position in too_long.to_pylist()}
        return Encoded({"batch": pipelines_json(calls, ending=",")}, invalid, ending=b",")

    async def send(self, batch: Batch) -> Reply:
        now = self._tools.clock.now()
        answer = await self._post((b'{"batch":[', batch.joined("batch"), b'],"sentAt":"%b"}' % iso(now).encode()))
        key = self._write_key.reveal()
        return answers.judge(answers.discreet(answer, key, answers.basic(key, "")), now)

    async def close(self) -> None:
        """Nothing of its own is open."""

    async def _post(self, body: tuple[bytes | memoryview, ...], timeout: float = 60.0) -> HttpReply:
        return await self._tools.http.request(
            "POST",
            self._url,
            body=body,
            headers={"Content-Type": "application/json"},
            auth=(self._write_key, Secret("")),
            gzip=True,
            timeout=timeout,
        )


def _id_too_long(message_id: str) -> Failure:
    limit = MESSAGE_ID_LIMIT - 1
    message = f"messageId has {len(message_id)} characters; Segment takes at most {limit}. Shorten it in the query."
    return Failure("message_id_too_long", message, column="messageId")


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    if re.search(r"\s", settings["write_key"].reveal()):
        return [("write_key", "It has a blank or a line break in it. Write the key alone.")]
    return []


SPEC = Spec(
    type="segment",
    title="Segment",
    summary="Calls for Segment's HTTP tracking API, or for another system that speaks it.",
    fields=(
        Field("write_key", "secret", "The write key of the source in Segment.", required=True),
        Field("region", "choice", "Where the workspace lives.", default="us", choices=("us", "eu")),
        Field("url", "url", "Base address, instead of the region's.", example="https://events.example.com/v1"),
    ),
    destination=Segment,
    validate=_validate,
    guide="how-to/deliver-to-segment.md",
    over_http=True,
)
