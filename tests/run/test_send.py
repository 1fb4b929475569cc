"""One batch, sent until its outcome is known."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import DestinationDenied, DestinationDown, Unreachable
from headrace.model import CallKind, Failure
from headrace.ports import Batch, Reply, Verdict
from headrace.retry import RetryPolicy
from headrace.run.job import Stopped
from headrace.run.lane import Lane
from headrace.run.send import Positions, Sender
from headrace.testing.fakes import FakeDestination, Script, Sent
from headrace.testing.samples import calls_batch
from headrace.testing.simulation import FakeClock, simulate
from tests.run.worlds import lone_job, simulated

POLICY = RetryPolicy(base=1, cap=16, give_up_after=100)


@dataclass(slots=True)
class Told:
    """What `Sender.send` told of its calls, by messageId."""

    delivered: list[str] = field(default_factory=list)
    refused: dict[str, Failure] = field(default_factory=dict)


def ids(count: int) -> list[str]:
    return [f"m{number}" for number in range(count)]


class Post:
    """A sender over a scripted destination, with what it told."""

    def __init__(self, script: Script, policy: RetryPolicy = POLICY, seed: int = 0) -> None:
        self.destination, self.told, self.job = FakeDestination(script), Told(), lone_job()
        clock = FakeClock(seed)
        self.lane = Lane(self.destination.limits, clock, 2)
        self.sender = Sender("crm", self.destination, self.lane, self.job, clock, policy)

    async def send(self, count: int) -> Told:
        calls = calls_batch(CallKind.IDENTIFY, {"message_id": ids(count), "user_id": ids(count)})

        def known(taken: Positions, refused: Mapping[int, Failure]) -> None:
            self.told.delivered += [f"m{position}" for position in taken]
            for position, failure in refused.items():
                assert f"m{position}" not in self.told.refused
                self.told.refused[f"m{position}"] = failure

        await self.sender.send(Batch(calls, self.destination.encode(calls), range(count), 0), known)
        return self.told

    @property
    def times(self) -> list[float]:
        return [sent.at for sent in self.destination.requests]


def answers(*replies: Reply | Exception, then: Reply | None = None) -> Script:
    """One answer after the other; at the end ``then`` for ever."""
    left = list(replies)

    def script(_: Sent) -> Reply:
        reply = left.pop(0) if left else then or Reply()
        if isinstance(reply, Exception):
            raise reply
        return reply

    return script


def refuses(bad: Sequence[str]) -> Callable[[Sent], Reply]:
    """A destination that refuses a whole batch for one of these calls and does not say which."""
    return lambda sent: (
        Reply(Verdict.REFUSED, code="http_400", reason="HTTP 400: no") if {*sent.ids} & {*bad} else Reply()
    )


@simulated
async def test_accepted_is_delivered() -> None:
    """An accepted batch is delivered whole, with one request."""
    post = Post(answers())
    assert await post.send(3) == Told(["m0", "m1", "m2"])
    assert len(post.times) == 1


@simulated
async def test_accepted_with_failures_is_delivered_without_them() -> None:
    """Calls that an accepting answer names are refused with its reason and not sent again; the others are in."""
    failure = Failure("bad_email", "No such address.")
    post = Post(answers(Reply(failed={1: failure})))
    assert await post.send(3) == Told(["m0", "m2"], {"m1": failure})
    assert post.destination.arrivals == Counter(ids(3))


@simulated
async def test_refused_by_name_sends_the_others_again() -> None:
    """REFUSED with named calls delivers nothing: the named ones are out, the others go once more."""
    failure = Failure("bad_email", "No such address.")
    post = Post(answers(Reply(Verdict.REFUSED, failed={0: failure, 2: failure})))
    assert await post.send(4) == Told(["m1", "m3"], {"m0": failure, "m2": failure})
    assert [sent.ids for sent in post.destination.requests] == [("m0", "m1", "m2", "m3"), ("m1", "m3")]


@simulated
async def test_refused_by_name_one_after_the_other() -> None:
    """A destination that names only the first bad call of 1,500 in each answer is asked until none is left."""
    failure = Failure("bad_email", "No such address.")
    post = Post(lambda sent: Reply(Verdict.REFUSED, failed={0: failure}) if len(sent.ids) > 1 else Reply())
    told = await post.send(1500)
    assert told.delivered == ["m1499"]
    assert len(told.refused) == 1499


@pytest.mark.parametrize("count", [1, 2, 3, 64, 1000])
@simulated
async def test_one_bad_call_costs_logarithmically_many_requests(count: int) -> None:
    """A bad call that is not named is found by halving: at most 2 × log2 n + 1 requests; the good arrive once."""
    post = Post(refuses([f"m{count // 3}"]))
    told = await post.send(count)
    assert told.refused == {
        f"m{count // 3}": Failure("http_400", "The destination 'crm' refused the call: HTTP 400: no")
    }
    assert Counter(told.delivered) == Counter({*ids(count)} - {f"m{count // 3}"})
    assert len(post.times) <= 2 * math.ceil(math.log2(count)) + 1


@given(st.integers(1, 60), st.sets(st.integers(0, 59), max_size=10))
@settings(max_examples=60, deadline=None)
def test_splitting_tells_every_call_exactly_once(count: int, bad: set[int]) -> None:
    """However many calls are bad, each call is told once: delivered if good, refused if bad, in row order."""

    async def story() -> Told:
        return await Post(refuses([f"m{number}" for number in bad])).send(count)

    told = simulate(story())
    assert told.delivered == [f"m{n}" for n in range(count) if n not in bad]
    assert list(told.refused) == [f"m{n}" for n in range(count) if n in bad]


@simulated
async def test_unreachable_is_sent_again_with_the_same_calls() -> None:
    """Where no answer came, the same calls with the same messageIds go again."""
    post = Post(answers(Unreachable("crm:443 did not answer."), Unreachable("crm:443 did not answer.")))
    assert (await post.send(5)).delivered == ids(5)
    assert [sent.ids for sent in post.destination.requests] == [tuple(ids(5))] * 3


@given(st.integers(1, 12), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_waits_grow_to_the_cap(tries: int, seed: int) -> None:
    """The n-th wait is at most base × 2^(n-1), never over the cap, and not the same for everyone."""
    policy = RetryPolicy(base=1, cap=16, give_up_after=1e9)

    async def story() -> list[float]:
        post = Post(answers(*[Reply(Verdict.RETRY)] * tries), policy, seed=seed)
        await post.send(1)
        return post.times

    waits = [after - before for before, after in pairwise(simulate(story()))]
    assert len(waits) == tries
    assert all(0 <= wait <= min(16, 2**n) for n, wait in enumerate(waits))
    assert any(wait != min(16, 2**n) for n, wait in enumerate(waits))


@simulated
async def test_retry_after_is_obeyed_by_all() -> None:
    """A wait that the destination asks for is at least that long, for every batch of the lane."""
    post = Post(answers(Reply(Verdict.RETRY, after=40)))
    first = asyncio.create_task(post.send(1))
    await asyncio.sleep(1)
    await asyncio.gather(first, post.send(1))
    assert post.times[0] == 0
    assert len(post.times) == 3
    assert all(at >= 40 for at in post.times[1:])


@simulated
async def test_giving_up() -> None:
    """After ``give_up_after`` seconds of trying, the destination is down; the message counts the tries."""
    post = Post(answers(then=Reply(Verdict.RETRY, reason="HTTP 503: busy")))
    with pytest.raises(DestinationDown, match="did not take a batch in ") as raised:
        await post.send(1)
    assert f"{len(post.times)} tries" in raised.value.message
    assert "HTTP 503: busy" in raised.value.message
    assert 100 - POLICY.cap <= post.times[-1] <= 100
    assert post.told == Told()


@simulated
async def test_a_wait_over_the_patience_is_not_begun() -> None:
    """Asked to wait longer than we would try at all, we give up at once instead of waiting in vain."""
    post = Post(answers(then=Reply(Verdict.RETRY, after=101)))
    with pytest.raises(DestinationDown):
        await post.send(1)
    assert post.times == [0]
    assert asyncio.get_running_loop().time() == 0


@simulated
async def test_denied_is_told_at_once() -> None:
    """Refused credentials are not tried again; code and reason come from the answer."""
    post = Post(answers(Reply(Verdict.DENIED, code="http_401", reason="HTTP 401: bad key")))
    with pytest.raises(DestinationDenied, match="'crm' refuses us: HTTP 401: bad key") as raised:
        await post.send(2)
    assert raised.value.code == "http_401"
    assert post.told == Told()
    assert len(post.times) == 1


@simulated
async def test_a_denial_halfway_keeps_what_is_known() -> None:
    """What was told before a denial stays told: the first half of a split batch is delivered."""
    refused, denied = Reply(Verdict.REFUSED, code="http_400"), Reply(Verdict.DENIED, code="http_401")
    post = Post(answers(refused, Reply(), denied))
    with pytest.raises(DestinationDenied):
        await post.send(4)
    assert post.told == Told(["m0", "m1"])


@simulated
async def test_a_stop_ends_a_wait() -> None:
    """A run that is to stop does not wait for its next try."""
    post = Post(answers(then=Reply(Verdict.RETRY, after=50)))
    sending = asyncio.create_task(post.send(1))
    await asyncio.sleep(2)
    post.job.stop.set()
    with pytest.raises(Stopped):
        await sending
    assert asyncio.get_running_loop().time() == 2


@simulated
async def test_waiting_is_shown_and_forgotten() -> None:
    """While a batch waits, the tally says why; once it is taken, no longer."""
    post = Post(answers(Reply(Verdict.RETRY, after=50, reason="HTTP 429: slow down")))
    sending = asyncio.create_task(post.send(1))
    await asyncio.sleep(2)
    assert "HTTP 429: slow down" in post.job.tally.waiting["crm"]
    await sending
    assert post.job.tally.waiting == {}
