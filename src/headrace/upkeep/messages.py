"""What an alert looks like in each kind of channel, and how it gets there."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from headrace import answers
from headrace.alerting import Channel, Notice
from headrace.egress import trusted
from headrace.errors import HeadraceError
from headrace.model import Secret
from headrace.net.mail import Letter, MailFailed, send
from headrace.ports import Clock, Http, HttpReply
from headrace.project import Project
from headrace.signing import signed

TIMEOUT = 20.0  # seconds that a channel may take to answer
SLACK_LONGEST = 2_900  # characters of a block


class NotTold(HeadraceError):
    """The channel did not take the message."""

    code = "channel_refused"


@dataclass(frozen=True, slots=True)
class Message:
    """What is told. ``facts`` are for programs; ``link`` leads to the run, where the service has a public address."""

    id: str
    text: str  # the first line is the headline
    at: datetime
    facts: Mapping[str, Any]
    link: str = ""

    @property
    def headline(self) -> str:
        return self.text.partition("\n")[0]


def message(notice: Notice, public_url: str) -> Message:
    """The message of a notice."""
    link = f"{public_url.rstrip('/')}/runs/{notice.run}" if public_url and notice.run else ""
    facts = {"trouble": notice.trouble.value, "recovered": notice.recovered, "sync": notice.sync, "run": notice.run}
    return Message(f"notice-{notice.id}", notice.text, notice.at, facts, link)


def trial(channel: str, now: datetime) -> Message:
    """A message that shows whether a channel works."""
    text = f"A test of the alert channel {channel}\nIf you read this, alerts of Headrace reach you here."
    return Message(f"test-{int(now.timestamp() * 1000)}", text, now, {"trouble": "test", "recovered": False})


class Messenger:
    """Brings messages to channels. Addresses from files go through ``http``, all others through ``guarded``.

    ``mail_tls`` is the context for the mail server (default: the system's authorities).
    """

    def __init__(
        self,
        http: Http,
        guarded: Http,
        clock: Clock,
        project: Callable[[], Project],
        *,
        mail_tls: ssl.SSLContext | None = None,
    ) -> None:
        self._http, self._guarded, self._clock, self._project = http, guarded, clock, project
        self._mail_tls = mail_tls

    async def bring(self, channel: Channel, told: Message) -> str:
        """Bring a message once; returns what was not perfect, or nothing. Raises `HeadraceError` with the problem."""
        match channel.type:
            case "email":
                return await self._by_mail(channel, told)
            case "slack":
                await self._post(channel, orjson.dumps(_slack(told)), {})
            case _:
                body = orjson.dumps(_plain(told))
                secret: Secret | None = channel.settings.get("signing_secret")
                proof = signed(secret, self._clock.now(), [body]) if secret else {}
                await self._post(channel, body, {"Idempotency-Key": told.id, **proof})
        return ""

    async def _by_mail(self, channel: Channel, told: Message) -> str:
        settings = self._project().service.mail
        if settings is None:
            raise MailFailed("No mail server is configured. An owner sets one in the settings: service.mail.")
        text = f"{told.text}\n\n{told.link}" if told.link else told.text
        name = f"headrace.{told.id}.{channel.name}.{int(told.at.timestamp())}"
        letter = Letter(name, channel.settings["to"], f"[Headrace] {told.headline}", text, told.at)
        return " ".join(await send(settings, letter, tls=self._mail_tls))

    async def _post(self, channel: Channel, body: bytes, headers: Mapping[str, str]) -> None:
        http, url = self._http if trusted(channel.origin) else self._guarded, channel.settings["url"]
        address = url.reveal() if isinstance(url, Secret) else url
        sent = {"Content-Type": "application/json", **headers}
        answer = await http.request("POST", address, body=[body], headers=sent, timeout=TIMEOUT)
        if not 200 <= answer.status < 300:
            raise NotTold(_refusal(channel, answers.discreet(answer, address)))


def _refusal(channel: Channel, answer: HttpReply) -> str:
    words = answer.text(200)
    told = f"HTTP {answer.status}" + (f": {words}" if words else "")
    hint = " Redirects are not followed: set url to where it leads." if 300 <= answer.status < 400 else ""
    return f"The channel {channel.name!r} did not take the message: {told}. Check its url.{hint}"


def _plain(told: Message) -> dict[str, Any]:
    return {"id": told.id, "at": told.at.isoformat(), "text": told.text, **told.facts, "link": told.link or None}


def _slack(told: Message) -> dict[str, Any]:
    """``text`` is for notifications. What Slack takes for markup is told as it is: a name may not call everybody."""
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "plain_text", "text": told.text[:SLACK_LONGEST], "emoji": False}}
    ]
    if told.link:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"<{_escaped(told.link)}|Open the run>"}})
    return {"text": _escaped(told.headline), "blocks": blocks}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
