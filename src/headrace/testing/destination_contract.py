"""What `headrace.ports.Destination` promises, as tests that every HTTP destination inherits.

    class TestSegment(DestinationContract):
        secrets = ("write-key-of-the-test",)

        async def make(self, server):
            return SPEC.destination(settings(SPEC, url=server.url, write_key=Secret(self.secrets[0])), self.tools)

A destination that reads more out of an answer than its status says so in the class attributes.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
import pytest_asyncio

from headrace.calls.batch import CallsBatch
from headrace.connector import Spec
from headrace.errors import Unreachable
from headrace.model import CallKind, Check
from headrace.net.http import AiohttpClient
from headrace.ports import Batch, Destination, HttpReply, Reply, Tools, Verdict
from headrace.testing.http_server import Answer, Fault, Recorded, RecordingServer, half_answer
from headrace.testing.samples import awkward_calls, bare_calls, identity_column, sample_calls

NOW = datetime(2026, 11, 23, 16, 10, 44, 365_000, tzinfo=UTC)
PATIENCE = 0.3  # seconds that a request to a silent server is waited for, whatever the destination asks for

VERDICTS: Mapping[int, Verdict] = {
    **dict.fromkeys((200, 202, 204), Verdict.ACCEPTED),
    **dict.fromkeys((301, 401, 403, 404, 405, 410), Verdict.DENIED),
    **dict.fromkeys((400, 413, 422), Verdict.REFUSED),
    **dict.fromkeys((408, 425, 429, 500, 501, 502, 503, 504, 522, 524), Verdict.RETRY),
}
"""What each status means, unless a destination knows better: see `headrace.answers`."""

RETRY_AFTER: Mapping[str | None, float | None] = {
    None: None,
    "7": 7.0,
    "0.5": 0.5,
    format_datetime(NOW.replace(microsecond=0) + timedelta(seconds=60), usegmt=True): 59.635,
    format_datetime(NOW - timedelta(days=1), usegmt=True): 0.0,
    "-5": 0.0,
    "99999999": 300.0,
    "nan": None,
    "soon": None,
    "": None,
}
"""Header → seconds that the engine is told to wait, at `NOW`; None: as if there were no header."""


class StillClock:
    """A clock that stands at `NOW`; sleeping costs nothing."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0

    def random(self) -> float:
        return 0.5


class ImpatientHttp(AiohttpClient):
    """A client that waits ``patience`` seconds at the longest, so that a silent server costs a test little."""

    patience = 30.0

    async def request(self, method: str, url: str, *, timeout: float = 60.0, **rest: Any) -> HttpReply:
        return await super().request(method, url, timeout=min(timeout, self.patience), **rest)


def settings(spec: Spec, **given: Any) -> dict[str, Any]:
    """Settings as a connector gets them: a value per declared field, defaults filled in."""
    unknown = set(given) - {field.name for field in spec.fields}
    assert not unknown, f"{spec.type} has no field {sorted(unknown)}"
    return {field.name: given.get(field.name, field.default) for field in spec.fields}


def batch_of(destination: Destination, calls: CallsBatch, positions: Sequence[int] | None = None) -> Batch:
    """All calls of a calls batch, or some of them, as one batch."""
    chosen = range(len(calls)) if positions is None else positions
    return Batch(calls, destination.encode(calls), chosen, 0)


class DestinationContract:
    """Subclass it, say how the destination is made, and its tests run. ``self.tools`` is ready in `make`."""

    kinds: ClassVar[Sequence[CallKind]] = tuple(CallKind)
    """The types of call that the destination takes."""
    json: ClassVar[bool] = True
    """Each fragment is a JSON value."""
    secrets: ClassVar[Sequence[str]] = ()
    """What must never appear in a message: the secrets that `make` configures, in plain text."""
    accepted: ClassVar[Answer] = Answer()
    """What the system says to a batch that it takes."""
    verdicts: ClassVar[Mapping[int, Verdict]] = {}
    """Statuses that mean something else than in `VERDICTS`."""
    check_ok: ClassVar[Answer] = Answer()
    """What the system says to the request of `check` when all is well."""
    check_denied: ClassVar[Answer | None] = Answer(401)
    """What it says to wrong credentials; None where it cannot tell."""

    tools: Tools
    http: ImpatientHttp
    server: RecordingServer

    async def make(self, server: RecordingServer) -> Destination:
        """A destination that delivers to ``server``."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------------- set-up

    @pytest_asyncio.fixture(autouse=True)
    async def _ready(self, tmp_path: Path) -> AsyncIterator[None]:
        self.http = ImpatientHttp()
        self.tools = Tools(self.http, StillClock(), tmp_path, tmp_path)
        with RecordingServer() as self.server:
            self.server.always(self.accepted)
            yield
            await self.http.close()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Destination]:
        """The destination under test, closed at the end."""
        destination = await self.make(self.server)
        try:
            yield destination
        finally:
            await destination.close()

    async def send(self, calls: CallsBatch, positions: Sequence[int] | None = None) -> Reply:
        """The reply to one batch by a destination of its own."""
        async with self.opened() as destination:
            return await destination.send(batch_of(destination, calls, positions))

    async def checked(self) -> Check:
        async with self.opened() as destination:
            return await destination.check()

    def ordinary(self) -> CallsBatch:
        return sample_calls(self.kinds[0])

    # --------------------------------------------------------------------------------------------------- encode

    async def test_limits_leave_room(self) -> None:
        """The largest call fits into a batch, and at least one call and one request are allowed."""
        async with self.opened() as destination:
            limits = destination.limits
        assert limits.call_bytes + limits.overhead <= limits.bytes
        assert limits.calls >= 1
        assert limits.in_flight >= 1
        assert limits.rate is None or limits.rate > 0

    async def test_one_fragment_per_call(self) -> None:
        """Every lane has one text per call, every call is in some lane, and ordinary calls are valid."""
        async with self.opened() as destination:
            for kind in self.kinds:
                for calls in (sample_calls(kind), bare_calls(kind), awkward_calls(kind), sample_calls(kind, 0)):
                    encoded = destination.encode(calls)
                    assert {len(lane) for lane in encoded.lanes.values()} == {len(calls)}
                    assert not encoded.invalid
                    for texts in zip(*(lane.to_pylist() for lane in encoded.lanes.values()), strict=True):
                        assert any(text is not None for text in texts)

    async def test_fragments_are_in_order(self) -> None:
        """The fragment of a call speaks of that call and of no other."""
        async with self.opened() as destination:
            for kind in self.kinds:
                calls = sample_calls(kind, 3)
                identities = calls.columns.column(identity_column(kind)).to_pylist()
                for position, texts in enumerate(_texts(destination, calls)):
                    assert all(
                        (identity in "".join(texts)) == (other == position) for other, identity in enumerate(identities)
                    )

    async def test_awkward_text_survives(self) -> None:
        """Quotes, control characters, line separators and every plane of Unicode arrive as they were."""
        if not self.json:
            pytest.skip("its fragments are not JSON")
        async with self.opened() as destination:
            for kind in self.kinds:
                calls = awkward_calls(kind)
                identities = calls.columns.column(identity_column(kind)).to_pylist()
                for identity, texts in zip(identities, _texts(destination, calls), strict=True):
                    assert any(identity in _strings(orjson.loads(text)) for text in texts)

    async def test_encode_depends_on_the_calls_alone(self) -> None:
        """The same calls give the same bytes: again, from another instance, and in another company."""
        async with self.opened() as one, self.opened() as other:
            for kind in self.kinds:
                calls = sample_calls(kind)
                texts = _texts(one, calls)
                assert texts == _texts(one, calls) == _texts(other, calls)
                assert [texts[2], texts[7]] == _texts(one, calls.take([2, 7]))

    # ----------------------------------------------------------------------------------------------------- send

    async def test_every_kind_is_accepted(self) -> None:
        """A batch of each kind is sent, and taken as delivered when the system says so."""
        async with self.opened() as destination:
            for kind in self.kinds:
                reply = await destination.send(batch_of(destination, sample_calls(kind, 1)))
                assert (reply.verdict, dict(reply.failed)) == (Verdict.ACCEPTED, {})
        assert len(self.server.requests) >= len(self.kinds)

    async def test_only_the_batch_is_sent(self) -> None:
        """A batch sends the calls at its positions and no others, within the overhead it declares."""
        calls = self.ordinary()
        identities = calls.columns.column(identity_column(calls.kind)).to_pylist()
        async with self.opened() as destination:
            chosen = [3, 4, 8][: destination.limits.calls]
            batch = batch_of(destination, calls, chosen)
            assert (await destination.send(batch)).verdict is Verdict.ACCEPTED
            room = destination.limits.overhead + len(chosen)
            room += sum(len(text) for lane in batch.encoded.lanes for text in batch.fragments(lane))
        sent = "\n".join(request.body.decode() for request in self.server.requests)
        assert [name for name in identities if name in sent] == [identities[position] for position in chosen]
        assert all(len(request.body) <= room for request in self.server.requests)

    async def test_sending_again_says_the_same(self) -> None:
        """A batch that is sent again has the same body, so that the system can know the calls by their ids."""
        await self.send(self.ordinary(), [0])
        first = [(request.path, request.body) for request in self.server.requests]
        self.server.clear()
        await self.send(self.ordinary(), [0])
        assert [(request.path, request.body) for request in self.server.requests] == first

    async def test_in_flight_requests_do_not_disturb_one_another(self) -> None:
        """As many batches as ``in_flight`` allows can be sent at the same time by one instance."""
        calls = self.ordinary()
        async with self.opened() as destination:
            batch = batch_of(destination, calls, [0])
            replies = await asyncio.gather(*(destination.send(batch) for _ in range(destination.limits.in_flight)))
        assert {reply.verdict for reply in replies} == {Verdict.ACCEPTED}

    # -------------------------------------------------------------------------------------------------- answers

    @pytest.mark.parametrize("status", VERDICTS)
    async def test_status(self, status: int) -> None:
        """Each status has its verdict; whatever is not accepted has a code and a reason that names the status."""
        expected = {**VERDICTS, **self.verdicts}[status]
        body = self.accepted.body if status < 300 else {"error": "words of the system"}
        self.server.always(Answer(status, body=body, headers={"location": "https://elsewhere.example/"}))
        reply = await self.send(self.ordinary(), [0])
        assert reply.verdict is expected
        assert reply.after is None or expected is Verdict.RETRY
        if expected is not Verdict.ACCEPTED:
            assert reply.code
            assert str(status) in reply.reason

    @pytest.mark.parametrize("header", RETRY_AFTER)
    @pytest.mark.parametrize("status", [429, 503])
    async def test_retry_after(self, status: int, header: str | None) -> None:
        """``Retry-After`` is read as seconds or as a date, kept between 0 and 300, and ignored where unreadable."""
        self.server.answer(Answer(status))
        unasked = (await self.send(self.ordinary(), [0])).after  # a wait of the destination's own, or None
        self.server.always(Answer(status, headers={} if header is None else {"retry-after": header}))
        reply = await self.send(self.ordinary(), [0])
        assert reply.verdict is Verdict.RETRY
        expected = RETRY_AFTER[header]
        assert reply.after == (unasked if expected is None else pytest.approx(expected, abs=0.001))

    @pytest.mark.parametrize("body", ["", "<html>\n<h1>Bad\x1b[31m gateway</h1>\u2028", b"\xff\xfe\x00", b"[" * 9999])
    async def test_strange_bodies(self, body: str | bytes) -> None:
        """HTML, nothing, bytes that are no text: the status decides, and the reason is one short printable line."""
        for status in (400, 502):
            self.server.always(Answer(status, body=body))
            reply = await self.send(self.ordinary(), [0])
            assert reply.verdict is {**VERDICTS, **self.verdicts}[status]
            assert reply.reason.isprintable()
            assert len(reply.reason) < 1000

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(fault=Fault.RESET_BEFORE),
            Answer(fault=Fault.RESET_AFTER),
            Answer(fault=Fault.BLACK_HOLE),
            Answer(fault=Fault.TRICKLE),
            half_answer(),
            Answer(raw=b"SSH-2.0-OpenSSH_9.6\r\n"),
        ],
        ids=["reset before", "reset after", "black hole", "trickle", "half answer", "not HTTP"],
    )
    async def test_no_answer(self, answer: Answer) -> None:
        """Where no whole answer came, `Unreachable` is raised: the engine will send the batch again."""
        self.server.always(answer)
        self.http.patience = PATIENCE
        with pytest.raises(Unreachable) as caught:
            await self.send(self.ordinary(), [0])
        self.assert_no_secret(caught.value.message)

    async def test_nobody_listens(self) -> None:
        """A closed port raises `Unreachable` with a sentence that names host and port."""
        async with self.opened() as destination:
            self.server.stop()
            with pytest.raises(Unreachable) as caught:
                await destination.send(batch_of(destination, self.ordinary(), [0]))
        assert f"127.0.0.1:{self.server.port}" in caught.value.message
        self.assert_no_secret(caught.value.message)

    @pytest.mark.parametrize("status", [301, 400, 401, 429, 500])
    async def test_an_echo_betrays_no_secret(self, status: int) -> None:
        """A system that repeats our own request in its refusal, or the key alone, brings no secret into a message."""
        self.server.always(lambda request: _echo(request, status, self.secrets))
        reply = await self.send(self.ordinary(), [0])
        self.assert_no_secret(f"{reply!r} {reply.reason} {dict(reply.failed)}")
        self.assert_no_secret(repr(await self.checked()))

    # ---------------------------------------------------------------------------------------------------- check

    async def test_check_is_content(self) -> None:
        """With the right credentials `check` finds no problem."""
        self.server.always(self.check_ok)
        assert (await self.checked()).problems == ()
        assert self.server.requests

    async def test_check_finds_wrong_credentials(self) -> None:
        """With credentials that the system refuses `check` says so."""
        if self.check_denied is None:
            pytest.skip("the system does not tell")
        self.server.always(self.check_denied)
        self.assert_one_problem(await self.checked())

    async def test_check_finds_a_closed_port(self) -> None:
        """Where nobody listens `check` says so and raises nothing."""
        async with self.opened() as destination:
            self.server.stop()
            self.assert_one_problem(await destination.check())

    async def test_check_finds_silence(self) -> None:
        """A system that never answers is a problem, found within the timeout."""
        self.server.always(Answer(fault=Fault.BLACK_HOLE))
        self.http.patience = PATIENCE
        self.assert_one_problem(await self.checked())

    async def test_repr_shows_no_secret(self) -> None:
        """Neither the instance nor what it holds prints a secret."""
        async with self.opened() as destination:
            self.assert_no_secret(f"{destination!r} {destination} {getattr(destination, '__dict__', {})}")

    def assert_no_secret(self, text: str) -> None:
        """None stands in the text, neither plain nor in the base64 of Basic authentication."""
        for word in re.findall(r"[\w+/]{8,}={0,2}", text):
            with suppress(ValueError):
                text += b64decode(word).decode("utf-8", "replace")
        assert [secret for secret in self.secrets if secret in text] == []

    def assert_one_problem(self, check: Check) -> None:
        """One problem, as a sentence for people, without a secret."""
        (problem,) = check.problems
        assert problem.isprintable()
        assert problem.endswith(".")
        self.assert_no_secret(problem)


def _texts(destination: Destination, calls: CallsBatch) -> list[list[str]]:
    """What each call says, over all lanes."""
    encoded = destination.encode(calls)
    lanes, ending = [lane.to_pylist() for lane in encoded.lanes.values()], encoded.ending.decode()
    return [[text.removesuffix(ending) for text in texts if text is not None] for texts in zip(*lanes, strict=True)]


def _strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, child in value.items():
            yield name
            yield from _strings(child)
    elif isinstance(value, list):
        for child in value:
            yield from _strings(child)


def _echo(request: Recorded, status: int, secrets: Sequence[str]) -> Answer:
    """The secrets and the whole request as text, as debugging endpoints answer."""
    lines = [*secrets, f"{request.method} {request.target}", *map(" ".join, request.headers.items())]
    body = f"{' '.join(lines)} {request.body[:200].decode()}"
    return Answer(status, body=body, headers={"location": request.target})
