"""Live events over one WebSocket with topics: `/api/v1/events`. What is said on it: docs/reference/events.md."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter
from pydantic import Field, TypeAdapter, ValidationError
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket, WebSocketDisconnect

from headrace.api.calls import Outcome
from headrace.api.deps import Caller, identified
from headrace.api.errors import ApiError, Forbidden
from headrace.api.schemas import Shape
from headrace.datain import CallFilter
from headrace.errors import HeadraceError
from headrace.model import CallKind
from headrace.people import Action, can

router = APIRouter(prefix="/api/v1", tags=["events"])

MOST_TOPICS = 200  # that one client may follow
CHECK_EVERY = 60.0  # seconds after which it is asked again whether the client may still listen
SIGNED_OUT, FORBIDDEN, RESTARTING, TROUBLE = 4401, 4403, 1012, 1013  # close codes


class CallsWanted(Shape):
    """`CallFilter`, as a client sends it."""

    source: str = ""
    sync: str = ""
    run: str = ""
    kind: CallKind | Literal[""] = ""
    outcome: Outcome | Literal[""] = ""
    text: Annotated[str, Field(max_length=200)] = ""

    def filter(self) -> CallFilter:
        return CallFilter(self.source, self.sync, self.run, self.kind, self.outcome, self.text)


Topic = Annotated[str, Field(pattern=r"^(runs|syncs|calls|alerts|status|run/[0-9a-z-]{1,40})$")]


class Subscription(Shape):
    topic: Topic
    filter: CallsWanted = CallsWanted()


class Said(Shape):
    """What a client may say; any of these, alone or together."""

    subscribe: Annotated[tuple[Subscription, ...], Field(max_length=100)] = ()
    unsubscribe: Annotated[tuple[Topic, ...], Field(max_length=100)] = ()
    ping: int | Annotated[str, Field(max_length=100)] | None = None


_said = TypeAdapter(Said)


class Follower(Protocol):
    """One client of the hub, with a queue of its own."""

    def follow(self, topic: str, wanted: CallFilter) -> None: ...

    def unfollow(self, topic: str) -> None: ...

    def tell(self, message: str) -> None:
        """Queue a message of our own behind those that wait."""
        ...

    async def next(self) -> str | None:
        """The next message; None when the service stops."""
        ...

    def close(self) -> None: ...


class Events(Protocol):
    """What `headrace.serve.hub` gives; found as ``app.state.hub``."""

    def follower(self) -> Follower: ...


@router.websocket("/events")
async def events(websocket: WebSocket) -> None:
    await websocket.accept()  # also of those who may not listen: only so can they be told why
    try:
        caller = await _listener(websocket)
        hub: Events = websocket.app.state.hub
        await _Conversation(websocket, caller, hub.follower()).hold()
        await _close(websocket, RESTARTING, "stopping")
    except HeadraceError as error:
        await _close(websocket, _close_code(error), error.code)
    except WebSocketDisconnect:
        pass


class _Conversation:
    """One client: what it says is heeded, what it follows is sent, and now and then it is asked who it is."""

    def __init__(self, websocket: WebSocket, caller: Caller, follower: Follower) -> None:
        self._websocket, self._caller, self._follower = websocket, caller, follower
        self._topics: set[str] = set()

    async def hold(self) -> None:
        """Until the service stops. Raises `WebSocketDisconnect`, and `ApiError` when it may not listen any more."""
        work = [asyncio.ensure_future(part()) for part in (self._hear, self._send, self._check)]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._follower.close()
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        for task in done:
            task.result()

    async def _hear(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1006))
            try:
                self._heed(_said.validate_json(message.get("text") or message.get("bytes") or b""))
            except ValidationError as error:
                self._tell_error("bad_message", _sentence(error))
            except HeadraceError as error:
                self._tell_error(error.code, error.message)

    def _heed(self, said: Said) -> None:
        if said.ping is not None:
            self._tell({"pong": said.ping})
        for topic in said.unsubscribe:
            self._topics.discard(topic)
            self._follower.unfollow(topic)
        for wanted in said.subscribe:
            if len(self._topics | {wanted.topic}) > MOST_TOPICS:
                message = f"One client follows at most {MOST_TOPICS} topics. Follow `runs` for all runs."
                raise ApiError(message, code="too_many_topics")
            if wanted.topic == "calls" and not can(self._caller.actor, Action.PREVIEW):
                raise Forbidden(Action.PREVIEW, self._caller.actor)
            self._topics.add(wanted.topic)
            self._follower.follow(wanted.topic, wanted.filter.filter())

    async def _send(self) -> None:
        while (message := await self._follower.next()) is not None:
            await self._websocket.send_text(message)

    async def _check(self) -> None:
        while True:
            await self._caller.app.clock.sleep(CHECK_EVERY)
            try:
                self._caller = await _listener(self._websocket)
            except ApiError:
                raise
            except HeadraceError:  # of the store; it will be asked again
                continue
            if not can(self._caller.actor, Action.PREVIEW):
                self._follower.unfollow("calls")

    def _tell(self, message: dict[str, Any]) -> None:
        self._follower.tell(json.dumps(message))

    def _tell_error(self, code: str, message: str) -> None:
        self._tell({"error": {"code": code, "message": message, "findings": []}})


async def _listener(websocket: WebSocket) -> Caller:
    """Who listens. Raises `ApiError` where nobody is signed in, or may not."""
    anew = HTTPConnection({**websocket.scope, "state": {}})  # what was found out for one request is not asked again
    caller = await identified(anew)
    if not can(caller.actor, Action.VIEW):
        raise Forbidden(Action.VIEW, caller.actor)
    return caller


def _close_code(error: HeadraceError) -> int:
    if isinstance(error, ApiError):
        return FORBIDDEN if isinstance(error, Forbidden) else SIGNED_OUT
    return TROUBLE


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    with contextlib.suppress(WebSocketDisconnect):  # it went first
        await websocket.close(code, reason)


def _sentence(error: ValidationError) -> str:
    """What is wrong with a message, by the first thing found."""
    found = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, found["loc"])) or "the message"
    return f"The message is not understood: {where}: {found['msg']}. See docs/reference/events.md."
