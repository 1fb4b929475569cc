"""What an HTTP answer means for a batch."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headrace.answers import basic, discreet, judge, retry_after
from headrace.ports import HttpReply, Reply, Verdict

NOW = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("12", 12.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("-3", 0.0),
        ("86400", 300.0),
        ("inf", 300.0),
        ("Mon, 23 Nov 2026 19:01:30 GMT", 90.0),
        ("Mon, 23 Nov 2026 19:01:30 -0000", 90.0),  # a date without a zone is UTC
        ("Mon, 23 Nov 2026 20:01:30 +0100", 90.0),
        ("Mon, 23 Nov 2026 18:59:00 GMT", 0.0),
        ("Tue, 24 Nov 2026 19:00:00 GMT", 300.0),
        ("Mon, 99 Nov 2026 19:00:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    """Seconds or a date, never negative, never over five minutes; None for what nobody can read."""
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *[(status, Verdict.ACCEPTED) for status in (200, 201, 202, 204, 299)],
        *[(status, Verdict.RETRY) for status in (408, 425, 429, 500, 501, 502, 503, 504, 522, 524, 599)],
        *[(status, Verdict.DENIED) for status in (301, 302, 307, 308, 401, 403, 404, 405, 410)],
        *[(status, Verdict.REFUSED) for status in (400, 402, 409, 413, 415, 422)],
    ],
)
def test_judge(status: int, verdict: Verdict) -> None:
    """The status alone decides: in, later, wrong door, or a bad call; all but the first with a code."""
    reply = judge(HttpReply(status, {}, b"some words"), NOW)
    assert reply.verdict is verdict
    assert reply.code == ("" if verdict is Verdict.ACCEPTED else f"http_{status}")
    assert not reply.failed


def test_judge_tells_how_long_to_wait() -> None:
    """A retryable answer carries its ``Retry-After``; none carries no wait."""
    assert judge(HttpReply(429, {"retry-after": "7"}, b""), NOW).after == 7
    assert judge(HttpReply(503, {}, b""), NOW).after is None


def test_judge_repeats_the_words() -> None:
    """The destination's words are the reason, on one line; an empty body leaves the status."""
    assert judge(HttpReply(400, {}, b"no\nsuch\x00 field"), NOW).reason == "HTTP 400: no such� field"
    assert judge(HttpReply(400, {}, b""), NOW) == Reply(Verdict.REFUSED, code="http_400", reason="HTTP 400")


def test_judge_names_where_a_redirect_leads() -> None:
    """A redirect is not followed: the reason names the address to set."""
    reason = judge(HttpReply(308, {"location": "https://eu.example.com/"}, b""), NOW).reason
    assert "https://eu.example.com/" in reason
    assert "set url" in reason


@pytest.mark.parametrize("body", ["a s/k+1 b", "a s%2fk%2B1 b", "a s%2Fk+1 b", "a s/k%2b1 b"])
def test_discreet_strikes_secrets_out(body: str) -> None:
    """A secret that an answer repeats is struck out, plain or escaped, in the body and in every header."""
    reply = discreet(HttpReply(400, {"location": body, "server": "nginx"}, body.encode()), "", "s/k+1")
    assert reply == HttpReply(400, {"location": "a ••• b", "server": "nginx"}, "a ••• b".encode())


def test_discreet_knows_basic_credentials() -> None:
    """What Basic authentication sent can be struck out too."""
    header = basic("key", "word")
    assert header == "a2V5OndvcmQ="
    assert discreet(HttpReply(401, {}, f"got {header}".encode()), header).text() == "got •••"
