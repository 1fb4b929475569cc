"""What Mixpanel's answers mean, also where the status alone does not tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from headrace import answers
from headrace.model import Failure, Secret
from headrace.ports import HttpReply, Reply, Verdict

Credentials = tuple[Secret, Secret]  # of Basic authentication: a service account, or a token without a password

PATIENCE = 2.0  # seconds until the next try, where Mixpanel names no time: the least it asks for


def understood(reply: HttpReply, sent: int, now: datetime) -> Reply:
    """The verdict on a request of ``sent`` records; failures by index in the request.

    A refused batch may name its bad records and count the others as stored: those need no second try. Profile updates
    are answered with 200 even when they failed.
    """
    answer = _json(reply.body)
    success = 200 <= reply.status < 300
    if success or reply.status == 400:
        records = answer.get("failed_records") if isinstance(answer, dict) else None
        if isinstance(records, list) and records:
            return _partly(reply, records, answer, sent)
    if success and answer is _STRANGE:
        reason = f"HTTP {reply.status} with an answer that is not Mixpanel's: {reply.text(200)}. Correct url or region"
        return Reply(Verdict.DENIED, code="unexpected_answer", reason=reason)
    if success and _failed(answer):
        return _refused(reply)
    verdict = answers.judge(reply, now)
    if verdict.verdict is Verdict.RETRY and verdict.after is None:
        return replace(verdict, after=PATIENCE)
    return verdict


def _partly(reply: HttpReply, records: list[Any], answer: dict[str, Any], sent: int) -> Reply:
    failed: dict[int, Failure] = {}
    for record in records:
        index = record.get("index") if isinstance(record, dict) else None
        if not isinstance(index, int) or not 0 <= index < sent:
            return _refused(reply)
        failed.setdefault(index, _failure(record))
    if _count(answer.get("num_records_imported")) + len(failed) < sent:
        return _refused(reply)  # of the others it is not said that they were stored
    return Reply(failed=failed)


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _failure(record: dict[str, Any]) -> Failure:
    field = str(record.get("field") or "")
    message = str(record.get("message") or "no reason given")
    text = message if not field or field in message else f"{field}: {message}"
    return Failure("mixpanel_rejected", f"Mixpanel refused the record: {_line(text)}", field.split(".", 1)[-1] or None)


def _line(text: str) -> str:
    """On one line, printable, short enough."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))[:500]


def _refused(reply: HttpReply) -> Reply:
    return Reply(Verdict.REFUSED, code="mixpanel_rejected", reason=f"HTTP {reply.status}: {reply.text()}")


_STRANGE = object()


def _json(body: bytes) -> Any:
    """The body as JSON; an empty one says nothing, and any other text is `_STRANGE`."""
    if not body.strip():
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _STRANGE


def _failed(answer: Any) -> bool:
    """Whether an answer of 200 reports a failure: ``0``, or a status or an error that says so."""
    if isinstance(answer, dict):
        return bool(answer.get("error")) or answer.get("status") in (0, "0", "error")
    return answer in (0, "0")


def credentials_problem(reply: HttpReply, name: str) -> str | None:
    """What is wrong with credentials, by the answer to an empty import: it is refused for being empty, or taken."""
    if reply.status in (200, 400):
        return None
    words = f"HTTP {reply.status}: {reply.text(200)}".rstrip(": .")
    if reply.status in (401, 403):
        return f"Mixpanel does not accept the {name} ({words}). Correct it, its role (Admin or Owner) or the region."
    return f"Mixpanel did not answer as it should ({words}). Correct url or region, or try again later."


def veiled(reply: HttpReply, credentials: Iterable[Credentials]) -> HttpReply:
    """The answer without our secrets, in case that it repeats the request."""
    secrets = []
    for user, password in credentials:
        secrets += [answers.basic(user.reveal(), password.reveal()), (password or user).reveal()]
    return answers.discreet(reply, *secrets)
