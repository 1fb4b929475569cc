"""Alerts: the channels that are told, what they were told, and what is wrong now."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from headrace.alerting import Notice, Trouble
from headrace.api import definitions
from headrace.api.definitions import Defined, Edit, New, Version, tag, told
from headrace.api.deps import Connector, Viewer
from headrace.api.document import problems
from headrace.api.errors import Unknown
from headrace.api.idempotency import OnceRoute
from headrace.api.paging import Cursor, Limit, decode, encode, page_of
from headrace.api.schemas import CheckShown, Moment, Page, Shape
from headrace.definitions import Kind
from headrace.errors import HeadraceError
from headrace.model import Check
from headrace.upkeep.messages import Messenger, trial

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], route_class=OnceRoute)


class ChannelShown(Defined):
    """An alert channel."""


class AlertShown(Shape):
    """A trouble that is there now, as a channel was told."""

    channel: str
    sync: str
    trouble: Trouble
    since: Moment
    run: str | None = Field(description="The run that showed it; null where none did.")


class NoticeShown(Shape):
    """A message to a channel."""

    id: int
    channel: str
    sync: str
    trouble: Trouble
    recovered: bool
    run: str | None
    text: str
    at: Moment
    state: Literal["owed", "sent", "given_up"]
    tries: int
    next_try: Moment | None
    sent_at: Moment | None
    problem: str = Field(description="Why the last try failed; of a sent one, which recipient was refused.")

    @classmethod
    def of(cls, notice: Notice) -> NoticeShown:
        state = "sent" if notice.sent_at else "owed" if notice.next_try else "given_up"
        values = {name: getattr(notice, name) for name in cls.model_fields if name != "state"}
        return cls.model_validate(values | {"state": state})


@router.get("", operation_id="list_alerts", summary="What is wrong now, the newest first")
async def list_alerts(caller: Viewer) -> Page[AlertShown]:
    states = await caller.app.store.alert_states(only_open=True)
    items = [
        AlertShown(channel=one.channel, sync=one.sync, trouble=one.trouble, since=one.since, run=one.run)
        for one in states
    ]
    return Page(items=items)


@router.get("/notices", operation_id="list_notices", summary="Messages to channels, the newest first")
async def list_notices(caller: Viewer, limit: Limit = 50, cursor: Cursor = None) -> Page[NoticeShown]:
    after = decode(cursor, int)
    found = await caller.app.store.notices(limit + 1, before=after[0] if after else None)
    more = encode(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[NoticeShown.of(notice) for notice in found[:limit]], next=more)


@router.get("/channels", operation_id="list_channels", summary="Alert channels, by name")
async def list_channels(caller: Viewer, limit: Limit = 50, cursor: Cursor = None) -> Page[ChannelShown]:
    items, more = page_of(await caller.app.workshop.listed(Kind.ALERT), lambda one: one.name, cursor, limit)
    return Page(items=[ChannelShown(**told(caller, one)) for one in items], next=more)


@router.get("/channels/{name}", operation_id="get_channel", summary="One alert channel, without its secrets")
async def get_channel(name: str, caller: Viewer, response: Response) -> ChannelShown:
    found = await caller.app.workshop.shown(Kind.ALERT, name)
    tag(response, found)
    return ChannelShown(**told(caller, found))


@router.post(
    "/channels", operation_id="create_channel", summary="Make an alert channel", status_code=201,
    responses=problems(409),
)  # fmt: skip
async def create_channel(body: New, caller: Connector, response: Response) -> ChannelShown:
    made = await definitions.create(caller, Kind.ALERT, body, response)
    response.headers["location"] = f"{router.prefix}/channels/{made.name}"
    return ChannelShown(**told(caller, made))


@router.put(
    "/channels/{name}",
    operation_id="update_channel",
    summary="Edit an alert channel",
    responses=problems(409, 412, 428),
)
async def update_channel(
    name: str, body: Edit, version: Version, caller: Connector, response: Response
) -> ChannelShown:
    return ChannelShown(**told(caller, await definitions.update(caller, Kind.ALERT, name, body, version, response)))


@router.delete(
    "/channels/{name}", operation_id="delete_channel", summary="Delete an alert channel", status_code=204,
    responses=problems(409, 412, 428),
)  # fmt: skip
async def delete_channel(name: str, version: Version, caller: Connector) -> None:
    await definitions.delete(caller, Kind.ALERT, name, version)


@router.post(
    "/channels/{name}/test",
    operation_id="test_channel",
    summary="Send a test message to a channel, and say how it went",
)
async def test_channel(name: str, caller: Connector, request: Request) -> CheckShown:
    channel = caller.app.project.alerts.get(name)
    if channel is None:
        raise Unknown(
            f"There is no alert channel {name!r} that can be used. List them with GET /api/v1/alerts/channels.",
            code="unknown_alert",
        )
    messenger: Messenger = request.app.state.messenger  # the service's own
    try:
        remark = await messenger.bring(channel, trial(name, caller.app.clock.now()))
    except HeadraceError as error:
        return CheckShown.of(Check(problems=(error.message,)))
    return CheckShown.of(Check(warnings=(remark,) if remark else ()))
