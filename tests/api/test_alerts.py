"""Alerts over the API: channels, what is wrong now, what was told, and a test of a channel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from headrace.definitions import Kind
from headrace.model import RunState
from headrace.net.guard import GuardedHttp
from headrace.net.http import AiohttpClient
from headrace.testing.http_server import Answer
from headrace.upkeep.alarms import Alarms
from headrace.upkeep.messages import Messenger
from headrace.upkeep.notices import Notices
from tests.api.conftest import Service

CHANNELS = "/api/v1/alerts/channels"


@pytest.fixture
async def messenger(service: Service) -> AsyncIterator[Messenger]:
    """What the service brings messages with."""
    http = AiohttpClient()
    guarded = GuardedHttp(lambda: service.app.project.service.egress_allow)
    service.api.state.messenger = Messenger(http, guarded, service.app.clock, lambda: service.app.project)
    yield service.api.state.messenger
    await http.close()
    await guarded.close()


async def make(service: Service, name: str = "ops", **definition: object) -> None:
    body = {"name": name, "definition": {"type": "webhook", "url": f"{service.hook.url}/alerts", **definition}}
    answer = await service.owner.post(CHANNELS, json=body)
    assert answer.status == 201, answer.text


async def test_a_channel_is_made_edited_and_deleted(service: Service) -> None:
    """A channel goes the way of all definitions: ETags, kept secrets, and an entry in the audit log for each change."""
    owner = service.owner
    body = {"type": "slack", "url": "https://hooks.slack.com/services/T0/hunter2", "on": ["failed"]}
    made = await owner.post(CHANNELS, json={"name": "team", "definition": body})
    assert (made.status, made.headers["location"]) == (201, f"{CHANNELS}/team")
    assert made.json["definition"]["url"] == {"kept": True}
    got = await owner.get(f"{CHANNELS}/team")
    assert got.headers["etag"] == made.headers["etag"]
    edited = {"definition": {"type": "slack", "on": ["late"]}}
    assert (await owner.put(f"{CHANNELS}/team", json=edited)).status == 428
    changed = await owner.put(f"{CHANNELS}/team", json=edited, headers={"if-match": got.headers["etag"]})
    assert changed.json["definition"] == {"type": "slack", "url": {"kept": True}, "on": ["late"]}
    assert [item["name"] for item in (await owner.get(CHANNELS)).json["items"]] == ["team"]
    gone = await owner.delete(f"{CHANNELS}/team", headers={"if-match": changed.headers["etag"]})
    assert gone.status == 204
    assert (await owner.get(f"{CHANNELS}/team")).status == 404
    actions = [entry.change.action for entry in await service.app.store.audit()]
    assert actions == ["alert.delete", "alert.update", "alert.create"]
    assert "hunter2" not in made.text + got.text + changed.text


async def test_a_wrong_channel(service: Service) -> None:
    """All that is wrong with a channel is told at once."""
    body = {"name": "ops", "definition": {"type": "webhook", "on": ["sometimes"], "late_after": "a while"}}
    answer = await service.owner.post(CHANNELS, json=body)
    assert answer.status == 422
    codes = {finding["code"] for finding in answer.json["error"]["findings"]}
    assert codes == {"missing_key", "unknown_choice", "bad_duration"}


async def test_who_may(service: Service) -> None:
    """Whoever is signed in may look; only owners make, edit, delete and test channels."""
    viewer, editor = service.as_role("viewer"), service.as_role("editor")
    for path in ("", "/notices", "/channels"):
        assert (await viewer.get(f"/api/v1/alerts{path}")).status == 200
        assert (await service.nobody.get(f"/api/v1/alerts{path}")).status == 401
    body = {"name": "ops", "definition": {"type": "slack", "url": "https://x.example"}}
    assert (await editor.post(CHANNELS, json=body)).status == 403
    assert (await editor.put(f"{CHANNELS}/ops", json={"definition": {}}, headers={"if-match": '"1"'})).status == 403
    assert (await editor.delete(f"{CHANNELS}/ops", headers={"if-match": '"1"'})).status == 403
    assert (await editor.post(f"{CHANNELS}/ops/test")).status == 403


async def test_a_test_message(service: Service, messenger: Messenger) -> None:
    """A test says whether the channel works, and if not, exactly why."""
    await make(service)
    _allow_nothing(service)
    refused = (await service.owner.post(f"{CHANNELS}/ops/test")).json
    assert not refused["ok"]
    assert "leads to 127.0.0.1, this machine itself" in refused["problems"][0]
    assert service.hook.requests == []


async def test_a_test_message_that_arrives(service: Service, messenger: Messenger) -> None:
    """Where the channel's network is allowed, the message arrives; what the channel answers is told."""
    await _allow_loopback(service)
    await make(service)
    assert (await service.owner.post(f"{CHANNELS}/ops/test")).json["ok"]
    assert service.hook.last.json["text"].startswith("A test of the alert channel ops")
    service.hook.answer(Answer(404, body="no such hook"))
    told = (await service.owner.post(f"{CHANNELS}/ops/test")).json
    assert told["problems"] == ["The channel 'ops' did not take the message: HTTP 404: no such hook. Check its url."]


async def test_a_channel_that_is_not_there(service: Service) -> None:
    """Testing an unknown channel is told as such."""
    answer = await service.owner.post(f"{CHANNELS}/nowhere/test")
    assert (answer.status, answer.code) == (404, "unknown_alert")


async def test_what_is_wrong_and_what_was_told(service: Service, messenger: Messenger) -> None:
    """Open troubles and the history of notices, page by page, with why they did not arrive."""
    await make(service)
    _allow_nothing(service)
    app = service.app
    run = await app.begin("people")
    await app.store.finish(run.id, await app.store.take(run.id, app.clock.now()), RunState.FAILED, app.clock.now())
    await Alarms(app.store, app.clock, lambda: app.project).look()
    (alert,) = (await service.owner.get("/api/v1/alerts")).json["items"]
    assert (alert["channel"], alert["sync"], alert["trouble"], alert["run"]) == ("ops", "people", "failed", run.id)
    (owed,) = (await service.owner.get("/api/v1/alerts/notices")).json["items"]
    assert (owed["state"], owed["tries"], owed["problem"]) == ("owed", 0, "")
    await Notices(app.store, app.clock, lambda: app.project, messenger).send_due()
    (tried,) = (await service.owner.get("/api/v1/alerts/notices")).json["items"]
    assert (tried["state"], tried["tries"]) == ("owed", 1)
    assert "[egress_refused]" in tried["problem"]
    await app.store.notice_sent(tried["id"], app.clock.now())
    assert (await service.owner.get("/api/v1/alerts/notices")).json["items"][0]["state"] == "sent"
    await app.store.notice_failed(tried["id"], "enough", again=False)


async def test_notices_come_in_pages(service: Service) -> None:
    """A page ends with the cursor of the next; a cursor of another list is refused."""
    await make(service, "a")
    await make(service, "b")
    await make(service, "c")
    app = service.app
    run = await app.begin("people")
    await app.store.finish(run.id, await app.store.take(run.id, app.clock.now()), RunState.FAILED, app.clock.now())
    await Alarms(app.store, app.clock, lambda: app.project).look()
    first = (await service.owner.get("/api/v1/alerts/notices?limit=2")).json
    second = (await service.owner.get(f"/api/v1/alerts/notices?limit=2&cursor={first['next']}")).json
    assert [item["channel"] for item in first["items"] + second["items"]] == ["c", "b", "a"]
    assert second["next"] is None
    assert (await service.owner.get("/api/v1/alerts/notices?cursor=x")).code == "bad_cursor"


def _allow_nothing(service: Service) -> None:
    """As if the file of settings did not allow the network of the test's own servers."""
    project = service.app.project
    service.app.project = replace(project, service=replace(project.service, egress_allow=()))


async def _allow_loopback(service: Service) -> None:
    await service.app.workshop.update(Kind.SETTINGS, "service", {"egress_allow": ["127.0.0.0/8"]}, 0, by="user:test")
