"""The outbox: each notice reaches its channel once, after failures too, and says what it should to each kind."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from headrace.alerting import Channel, Trouble
from headrace.model import RunState, Secret
from headrace.net.guard import GuardedHttp
from headrace.net.http import AiohttpClient
from headrace.service import Mail
from headrace.testing.http_server import Answer, RecordingServer, redirect
from headrace.upkeep.alarms import Alarms
from headrace.upkeep.messages import Messenger, trial
from headrace.upkeep.notices import GIVE_UP_AFTER, Notices
from tests.upkeep.mail_server import Inbox, mail_server
from tests.upkeep.watching import MINUTE, NOON, World, project

F, S = RunState.FAILED, RunState.SUCCEEDED
FILE = "headrace.yaml:12"


class Office:
    """A world, its alarms and its outbox."""

    def __init__(self, world: World, http: AiohttpClient, guarded: GuardedHttp, inbox: Inbox) -> None:
        self.world, self.inbox = world, inbox
        self.alarms = Alarms(world.store, world.clock, lambda: world.project)
        self.messenger = Messenger(http, guarded, world.clock, lambda: world.project, mail_tls=inbox.tls)
        self.notices = Notices(world.store, world.clock, lambda: world.project, self.messenger)

    def configure(self, *channels: Channel, **service: Any) -> None:
        mail = Mail("127.0.0.1", "Headrace <headrace@example.com>", self.inbox.port)
        self.world.project = project(channels, **{"mail": mail, **service})

    async def fail(self) -> None:
        """The sync fails, and the channels are owed a notice."""
        await self.world.run(F)
        assert await self.alarms.look()

    async def problems(self) -> list[str]:
        return [notice.problem for notice in await self.world.store.notices()]


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@pytest.fixture(scope="module")
def postman() -> Iterator[Inbox]:
    with mail_server("starttls") as inbox:
        yield inbox


@pytest.fixture
async def office(world: World, postman: Inbox) -> AsyncIterator[Office]:
    postman.letters.clear()
    http, guarded = AiohttpClient(), GuardedHttp(lambda: world.project.service.egress_allow)
    yield Office(world, http, guarded, postman)
    await http.close()
    await guarded.close()


def slack(server: RecordingServer, origin: str = FILE) -> Channel:
    url = Secret(f"{server.url}/services/T0/hunter2")
    return Channel("slack", "slack", {"url": url}, frozenset(Trouble), origin=origin)


def webhook(server: RecordingServer, secret: str = "", origin: str = FILE) -> Channel:
    settings = {"url": f"{server.url}/alerts", "signing_secret": Secret(secret) if secret else None}
    return Channel("hook", "webhook", settings, frozenset(Trouble), origin=origin)


def email(*to: str) -> Channel:
    return Channel("mail", "email", {"to": list(to) or ["ada@example.com"]}, frozenset(Trouble))


async def test_every_kind_of_channel_is_told(office: Office, server: RecordingServer) -> None:
    """E-mail, Slack and webhook each get the failure and the recovery, once, with a link to the run."""
    office.configure(email("ada@example.com", "bob@example.com"), slack(server), webhook(server),
                     public_url="https://headrace.example.com/")  # fmt: skip
    await office.fail()
    assert await office.notices.send_due() == 3
    assert await office.notices.send_due() == 0
    await office.world.run(S)
    await office.alarms.look()
    assert await office.notices.send_due() == 3

    failed, recovered = office.inbox.letters
    assert failed["to"] == "ada@example.com, bob@example.com"
    assert (failed["subject"], recovered["subject"]) == (
        "[Headrace] The sync people failed",
        "[Headrace] The sync people has recovered",
    )
    assert failed["message-id"] != recovered["message-id"]
    assert failed.get_content().splitlines() == [
        "The sync people failed",
        "Run run-0001 failed: 0 rows read.",
        "crm: 0 delivered.",
        "Reason: The destination 'crm' did not answer. [destination_down]",
        "",
        "https://headrace.example.com/runs/run-0001",
    ]
    posted = [request.json for request in server.requests if request.path == "/alerts"]
    assert [(one["sync"], one["trouble"], one["recovered"], one["run"]) for one in posted] == [
        ("people", "failed", False, "run-0001"),
        ("people", "failed", True, "run-0002"),
    ]
    assert posted[0]["link"] == "https://headrace.example.com/runs/run-0001"
    assert posted[0]["text"].startswith("The sync people failed\nRun run-0001")
    talk = [request.json for request in server.requests if request.path.startswith("/services")]
    assert talk[0]["text"] == "The sync people failed"
    assert talk[0]["blocks"][0]["text"] == {"type": "plain_text", "text": posted[0]["text"], "emoji": False}
    assert talk[0]["blocks"][1]["text"]["text"] == "<https://headrace.example.com/runs/run-0001|Open the run>"


async def test_a_webhook_is_signed(office: Office, server: RecordingServer) -> None:
    """A webhook's body is signed as that of the destination is: HMAC-SHA-256 over time and body; and has a key."""
    office.configure(webhook(server, "shared"))
    await office.fail()
    await office.notices.send_due()
    stamp = server.last.headers["x-headrace-timestamp"]
    assert stamp == str(int(office.world.clock.now().timestamp()))
    expected = hmac.new(b"shared", stamp.encode() + b"." + server.last.raw, hashlib.sha256).hexdigest()
    assert server.last.headers["x-headrace-signature"] == f"v1={expected}"
    assert server.last.headers["idempotency-key"] == server.last.json["id"] == "notice-1"


async def test_a_failing_mail_server(office: Office) -> None:
    """Mail that is refused is tried again, after growing waits, and delivered once."""
    office.configure(email())
    await office.fail()
    office.inbox.refuse = "451 try again later"
    waits = []
    for _ in range(5):
        assert await office.notices.send_due() == 0
        (notice,) = await office.world.store.notices()
        assert notice.next_try is not None
        waits.append((notice.next_try - office.world.clock.now()).total_seconds())
        office.world.clock.time = notice.next_try - timedelta(seconds=1)
        assert await office.notices.send_due() == 0
        assert (await office.world.store.notices())[0].tries == notice.tries
        office.world.clock.time = notice.next_try
    assert waits == [30, 60, 120, 240, 480]
    assert "451 try again later" in (await office.problems())[0]
    office.inbox.refuse = ""
    assert await office.notices.send_due() == 1
    assert await office.notices.send_due() == 0
    assert len(office.inbox.letters) == 1
    (sent,) = await office.world.store.notices()
    assert (sent.tries, sent.problem, sent.next_try) == (6, "", None)


async def test_it_is_given_up_after_a_day(office: Office, server: RecordingServer) -> None:
    """A notice that nobody takes for a day is given up, and says why."""
    server.always(Answer(500, body="broken"))
    office.configure(webhook(server))
    await office.fail()
    tries = 0
    while (notice := (await office.world.store.notices())[0]).next_try is not None:
        office.world.clock.time = max(notice.next_try, office.world.clock.time)
        await office.notices.send_due()
        tries += 1
    assert 10 < tries < 30
    assert tries == len(server.requests)
    assert GIVE_UP_AFTER / 2 < office.world.clock.now() - NOON < GIVE_UP_AFTER + MINUTE
    assert (notice.sent_at, "HTTP 500: broken" in notice.problem) == (None, True)


async def test_two_processes_send_once(office: Office, server: RecordingServer) -> None:
    """Of two outboxes over one store one sends."""
    office.configure(webhook(server), slack(server))
    await office.fail()
    other = Notices(office.world.store, office.world.clock, lambda: office.world.project, office.messenger)
    sent = await asyncio.gather(office.notices.send_due(), other.send_due())
    assert sum(sent) == 2
    assert sorted(request.path for request in server.requests) == ["/alerts", "/services/T0/hunter2"]


async def test_killed_between_claim_and_sending(office: Office, server: RecordingServer) -> None:
    """A notice whose sender died is sent by the next, when its next try comes."""
    office.configure(webhook(server))
    await office.fail()
    (notice,) = await office.world.store.notices()
    assert await office.world.store.claim_notice(notice, office.world.clock.now() + MINUTE)
    assert await office.notices.send_due() == 0
    office.world.clock.time += MINUTE
    assert await office.notices.send_due() == 1


async def test_a_failing_channel_holds_no_other_up(office: Office, server: RecordingServer) -> None:
    """What one channel refuses does not keep another from being told; its own notices wait for its next try."""
    server.always(Answer(503), path="/alerts")
    office.configure(webhook(server), slack(server))
    for state in (F, S, F):
        await office.world.run(state)
        await office.alarms.look()
    assert await office.notices.send_due() == 3
    assert [request.path for request in server.requests].count("/alerts") == 1


async def test_a_channel_that_is_gone(office: Office, server: RecordingServer) -> None:
    """What is owed to a channel that is not configured any more is given up."""
    office.configure(webhook(server))
    await office.fail()
    office.configure()
    assert await office.notices.send_due() == 0
    assert await office.problems() == ["The channel 'hook' is not configured any more."]
    assert await office.world.store.owed_notices(NOON + 9 * GIVE_UP_AFTER) == []


@pytest.mark.parametrize("origin", ["", "store:3"])
async def test_addresses_from_the_page_are_guarded(office: Office, server: RecordingServer, origin: str) -> None:
    """A channel that was made in the page does not reach inside, unless that is allowed; one from a file does."""
    office.configure(webhook(server, origin=origin), slack(server, origin=origin))
    await office.fail()
    assert await office.notices.send_due() == 0
    assert all(problem.endswith("[egress_refused]") for problem in await office.problems())
    assert server.requests == []
    office.configure(webhook(server, origin=origin), slack(server, origin=origin), egress_allow=("127.0.0.0/8",))
    office.world.clock.time += MINUTE
    assert await office.notices.send_due() == 2


async def test_no_mail_server(office: Office) -> None:
    """Without a mail server e-mail says what is missing, and is sent once there is one."""
    office.configure(email(), mail=None)
    await office.fail()
    assert await office.notices.send_due() == 0
    assert "service.mail" in (await office.problems())[0]
    office.configure(email())
    office.world.clock.time += MINUTE
    assert await office.notices.send_due() == 1


async def test_a_refused_recipient_is_remarked(office: Office) -> None:
    """Where one of two recipients is refused, the notice is sent, and says so."""
    office.inbox.unknown = {"bob@example.com"}
    office.configure(email("ada@example.com", "bob@example.com"))
    await office.fail()
    assert await office.notices.send_due() == 1
    office.inbox.unknown = set()
    assert "refused bob@example.com" in (await office.problems())[0]


@pytest.mark.parametrize("status", [200, 204, 301, 404, 410, 500])
async def test_what_a_channel_answers(office: Office, server: RecordingServer, status: int) -> None:
    """Only 2xx means taken. What is told of another answer does not hold the channel's address, which is a secret."""
    words = f"no hook at {server.url}/services/T0/hunter2"
    server.always(redirect("/x", status) if status == 301 else Answer(status, body=words))
    office.configure(slack(server))
    await office.fail()
    assert await office.notices.send_due() == (1 if status < 300 else 0)
    (problem,) = await office.problems()
    assert ("HTTP" in problem) == (status >= 300)
    assert "hunter2" not in problem


async def test_hostile_words_stay_words(office: Office, server: RecordingServer) -> None:
    """What a destination says goes into a notice, and is markup in no channel."""
    hostile = "<!channel> *x* <https://evil.example|click> & \r\nBcc: eve@example.com\x1b[2J"
    office.configure(email(), slack(server))
    told = trial(hostile, office.world.clock.now())
    await office.messenger.bring(office.world.project.alerts["slack"], told)
    await office.messenger.bring(office.world.project.alerts["mail"], told)
    assert "&lt;!channel&gt;" in server.last.json["text"]
    assert "<" not in server.last.json["text"]
    assert {block["text"]["type"] for block in server.last.json["blocks"]} == {"plain_text"}
    (letter,) = office.inbox.letters
    assert "bcc" not in letter
    assert "\x1b" not in letter.get_content()


async def test_without_channels(office: Office) -> None:
    """A project without channels owes and sends nothing."""
    office.configure()
    await office.world.run(F)
    assert await office.alarms.look() == 0
    assert await office.notices.send_due() == 0
