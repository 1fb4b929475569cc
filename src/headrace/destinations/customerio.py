"""Customer.io by its Pipelines API: ``POST {url}/batch`` in strict mode, so that it says what it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow.compute as pc

from headrace import answers
from headrace.calls.batch import CallsBatch, iso
from headrace.calls.encode import pipelines_json
from headrace.connector import Field, Spec
from headrace.errors import Unreachable
from headrace.model import CallKind, Check, Failure, Secret
from headrace.ports import Batch, Encoded, HttpReply, Limits, Reply, Tools, Verdict

BASES = {"us": "https://cdp.customer.io/v1", "eu": "https://cdp-eu.customer.io/v1"}
EVENT_LIMIT = 100  # bytes of an event's name
CHECK_TIMEOUT = 15.0  # seconds
REGION_KEY = re.compile(r"(?:pk|sk)_(us|eu)_")  # newer keys name their region, and go as a bearer token
CODE = re.compile(r"[a-z][a-z0-9_]*")


class CustomerIo:
    """A Pipelines source of a Customer.io workspace."""

    limits = Limits(calls=2_500, bytes=500_000, call_bytes=32_768, in_flight=16, rate=1_000.0)

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self._key: Secret = settings["api_key"]
        named = REGION_KEY.match(self._key.reveal())
        self._bearer = named is not None
        region = named[1] if named else settings["region"]
        self._url = (settings["url"] or BASES[region]).rstrip("/") + "/batch"
        self._tools = tools

    async def check(self) -> Check:
        """An empty batch in strict mode proves host and key, and changes nothing."""
        try:
            answer = await self._post((b'{"batch":[]}',), timeout=CHECK_TIMEOUT)
        except Unreachable as error:
            return Check(problems=(error.message,), passing=True)
        status = answer.status
        if status in answers.DENIED:
            return Check(problems=(f"The key was refused: HTTP {status}. Check api_key and region.",))
        if 300 <= status < 400 or status == 404:
            return Check(problems=(f"There is no Pipelines API at url: HTTP {status}. Check url.",))
        if status >= 500:
            return Check(problems=(f"Customer.io is failing: HTTP {status}. Try again later.",), passing=True)
        return Check()

    def encode(self, calls: CallsBatch) -> Encoded:
        texts = pipelines_json(calls, ending=",", object_type=True)
        return Encoded({"batch": texts}, _long_events(calls), ending=b",")

    async def send(self, batch: Batch) -> Reply:
        now = self._tools.clock.now()
        body = (b'{"batch":[', batch.joined("batch"), b'],"sentAt":"%b"}' % iso(now).encode())
        answer = self._discreet(await self._post(body))
        reply, errors = answers.judge(answer, now), _errors(answer)
        if not errors or reply.verdict not in (Verdict.ACCEPTED, Verdict.REFUSED):
            return reply
        if reply.verdict is Verdict.ACCEPTED:
            failed = _failed(errors, len(batch))
            if failed is not None:
                return Reply(failed=failed)
        words = "; ".join(map(_words, errors))[:500]
        return Reply(Verdict.REFUSED, code=f"http_{answer.status}", reason=f"HTTP {answer.status}: {words}")

    async def close(self) -> None:
        """Nothing of its own is open."""

    def _discreet(self, answer: HttpReply) -> HttpReply:
        key = self._key.reveal()
        return answers.discreet(answer, key, answers.basic(key, ""))

    async def _post(self, body: tuple[bytes | memoryview, ...], timeout: float = 60.0) -> HttpReply:
        headers = {"Content-Type": "application/json", "X-Strict-Mode": "1"}
        if self._bearer:
            headers["Authorization"] = f"Bearer {self._key.reveal()}"
        auth = None if self._bearer else (self._key, Secret(""))
        return await self._tools.http.request(
            "POST", self._url, body=body, headers=headers, auth=auth, gzip=True, timeout=timeout
        )


def _long_events(calls: CallsBatch) -> dict[int, Failure]:
    names = calls.column("name")
    if calls.kind is not CallKind.TRACK or names is None:
        return {}
    sizes = pc.binary_length(names)
    too_long = pc.indices_nonzero(pc.greater(sizes, EVENT_LIMIT)).to_pylist()
    return {position: _event_too_long(sizes[position].as_py()) for position in too_long}


def _event_too_long(size: int) -> Failure:
    message = f"The event's name has {size} bytes; Customer.io takes {EVENT_LIMIT}. Shorten it in the query."
    return Failure("event_too_long", message, column="event")


def _errors(answer: HttpReply) -> list[Any]:
    """What an answer lists as wrong: ``errors`` (items or texts) or, as documented, the texts of ``meta.errors``."""
    try:
        said = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return []
    if not isinstance(said, dict):
        return []
    meta = said.get("meta")
    listed = said.get("errors") or (meta.get("errors") if isinstance(meta, dict) else None)
    return listed if isinstance(listed, list) else []


def _failed(errors: list[Any], size: int) -> dict[int, Failure] | None:
    """The calls that a success excepts, by ``batch_index``; None if an error does not say which call it means."""
    failed: dict[int, Failure] = {}
    for error in errors:
        index = error.get("batch_index") if isinstance(error, dict) else None
        if not isinstance(index, int) or not 0 <= index < size:
            return None
        code, field = error.get("reason"), error.get("field")
        stable = code if isinstance(code, str) and CODE.fullmatch(code) else "refused"
        failed[index] = Failure(stable, _words(error), column=field if isinstance(field, str) else None)
    return failed


def _words(error: Any) -> str:
    """One listed error as a sentence for people, printable and on one line."""
    text = str(error)
    if isinstance(error, dict):
        field, message = error.get("field"), error.get("message") or error.get("reason") or "no reason given"
        text = f"{field}: {message}" if field else str(message)
    return HttpReply(0, {}, text.encode("utf-8", "replace")).text()


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    if re.search(r"\s", settings["api_key"].reveal()):
        return [("api_key", "It has a blank or a line break in it. Write the key alone.")]
    return []


SPEC = Spec(
    type="customerio",
    title="Customer.io",
    summary="People, events, pages, screens and objects for a Customer.io workspace, by its Pipelines API.",
    fields=(
        Field("api_key", "secret", "The API key of the workspace's HTTP source.", required=True),
        Field(
            "region", "choice", "Where the workspace lives, unless the key says so.", default="us", choices=("us", "eu")
        ),
        Field("url", "url", "Base address, instead of the region's.", example="http://127.0.0.1:9999/v1"),
    ),
    destination=CustomerIo,
    validate=_validate,
    guide="how-to/deliver-to-customerio.md",
    over_http=True,
)
