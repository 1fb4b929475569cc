"""What every store must do with alerts; a part of `headrace.testing.store_contract.StoreContract`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from headrace.alerting import AlertState, Notice, Trouble
from headrace.model import NewRun, Run, RunState
from headrace.store_port import Store
from headrace.testing.store_samples import LATER, NOON, WHY, ended, new_run

STATE = AlertState("mail", "people", Trouble.FAILED, True, NOON, "run-1")
MINUTE = timedelta(minutes=1)


class AlertContract:
    """The verbs of alerts. The class that inherits it gives the fixture ``store``."""

    # ----------------------------------------------------------------------------------------------------------- runs

    async def test_news_are_what_ended_and_what_lives(self, store: Store) -> None:
        """News name the runs that ended at or after a moment, and the live ones that began by themselves."""
        await ended(store, RunState.PARTIAL)
        await store.create_run(_new("run-2", "orders", at=LATER, trigger="schedule"))
        await store.create_run(_new("run-3", "carts", at=LATER, trigger="manual"))
        news = await store.run_news(LATER)
        assert news.ended == {"run-1": "people"}
        assert news.live == {"orders": LATER}
        assert (await store.run_news(LATER + MINUTE)).ended == {}
        assert (await store.run_news(None)).ended == {}

    async def test_a_history_holds_verdicts_alone(self, store: Store) -> None:
        """A history has the newest runs that succeeded, were partial or failed, with their counts; no skipped or
        cancelled ones, and none that sent rows again."""
        await ended(store, RunState.FAILED, _new("run-1", at=NOON))
        await ended(store, RunState.PARTIAL, _new("run-2", at=NOON + MINUTE))
        await ended(store, RunState.CANCELLED, _new("run-3", at=NOON + 2 * MINUTE))
        await store.record_skip(_new("run-4", at=NOON + 3 * MINUTE), "It still ran.")
        await ended(store, RunState.PARTIAL, replace(_new("run-5", at=NOON + 4 * MINUTE), kind="resend"))
        histories = await store.histories(["people", "nobody"])
        assert [run.id for run in histories["people"].runs] == ["run-2", "run-1"]
        assert histories["people"].runs[0].extracted == 15
        assert histories["people"].runs[0].counts["crm"].invalid == 2
        assert histories["nobody"].runs == []
        assert histories["nobody"].owed is None

    async def test_a_run_is_owed_since_the_first_that_did_not_end_well(self, store: Store) -> None:
        """Owed is the first run that came up by itself after the newest good one had ended, whatever became of it."""
        after = LATER + MINUTE  # `ended` ends its runs at LATER

        async def owed() -> object:
            return (await store.histories(["people"]))["people"].owed

        await ended(store, RunState.PARTIAL, _new("run-1", trigger="schedule"))
        assert await owed() is None
        await store.record_skip(_new("run-2", at=LATER - MINUTE, trigger="schedule"), "It came up while run-1 ran.")
        assert await owed() is None
        await store.record_skip(_new("run-3", at=after, trigger="schedule"), "It still ran.")
        assert await owed() == after
        await _failed(store, _new("run-4", at=after + MINUTE, trigger="schedule"))
        assert await owed() == after
        await ended(store, RunState.PARTIAL, replace(_new("run-5", at=after + 2 * MINUTE), kind="resend"))
        assert await owed() == after

    # --------------------------------------------------------------------------------------------------------- states

    async def test_a_state_is_turned_once(self, store: Store) -> None:
        """Of several that turn the same state one wins, and one notice is owed."""
        done = await asyncio.gather(*(store.turn_alert(STATE, f"by {n}", LATER) for n in range(5)))
        assert sum(done) == 1
        assert await store.alert_states() == [STATE]
        (notice,) = await store.notices()
        assert (notice.text, notice.at, notice.next_try) == (f"by {done.index(True)}", LATER, LATER)
        assert (notice.channel, notice.sync, notice.trouble, notice.run) == ("mail", "people", Trouble.FAILED, "run-1")
        assert not notice.recovered
        assert notice.sent_at is None

    async def test_a_state_turns_there_and_back(self, store: Store) -> None:
        """Open, closed, open again: each turn owes a notice; to close what is not open owes none."""
        closed = replace(STATE, open=False, since=NOON + MINUTE, run="run-2")
        assert not await store.turn_alert(closed, "never heard", LATER)
        assert await store.turn_alert(STATE, "failed", LATER)
        assert await store.alert_states(only_open=True) == [STATE]
        assert await store.turn_alert(closed, "recovered", LATER)
        assert await store.alert_states(only_open=True) == []
        assert await store.alert_states() == [closed]
        assert await store.turn_alert(replace(STATE, since=NOON + 2 * MINUTE), "failed again", LATER)
        assert [(n.text, n.recovered) for n in await store.notices()] == [
            ("failed again", False),
            ("recovered", True),
            ("failed", False),
        ]

    async def test_older_knowledge_turns_nothing(self, store: Store) -> None:
        """A process that has not seen the newest run cannot undo what one that has seen it told."""
        await store.turn_alert(STATE, "failed", LATER)
        await store.turn_alert(replace(STATE, open=False, since=NOON + 2 * MINUTE), "recovered", LATER)
        assert not await store.turn_alert(replace(STATE, since=NOON + MINUTE), "failed", LATER)
        assert await store.alert_states(only_open=True) == []

    async def test_states_are_apart(self, store: Store) -> None:
        """Another channel, sync or trouble is another state."""
        for other in (
            STATE,
            replace(STATE, channel="b"),
            replace(STATE, sync="b"),
            replace(STATE, trouble=Trouble.LATE),
        ):
            assert await store.turn_alert(other, "", LATER)
        assert len(await store.alert_states(only_open=True)) == 4

    async def test_a_forgotten_state(self, store: Store) -> None:
        """Forgetting owes nobody a notice, and the state begins anew; it is no error where there is none."""
        await store.turn_alert(STATE, "failed", LATER)
        for _ in range(2):
            await store.forget_alert(STATE)
        assert await store.alert_states() == []
        assert len(await store.notices()) == 1
        assert await store.turn_alert(STATE, "failed", LATER)

    # -------------------------------------------------------------------------------------------------------- notices

    async def test_a_notice_is_claimed_once_per_try(self, store: Store) -> None:
        """Of several that claim a try one gets it; the next try comes at its time."""
        notice = await _owed(store)
        assert await store.owed_notices(LATER - MINUTE) == []
        done = await asyncio.gather(*(store.claim_notice(notice, LATER + MINUTE) for _ in range(5)))
        assert sum(done) == 1
        assert await store.owed_notices(LATER) == []
        (again,) = await store.owed_notices(LATER + MINUTE)
        assert (again.tries, again.next_try) == (1, LATER + MINUTE)
        assert await store.claim_notice(again, LATER + 2 * MINUTE)

    async def test_a_sent_notice_is_owed_no_more(self, store: Store) -> None:
        """Sent, with a remark: it stays in the history and cannot be claimed any more."""
        notice = await _owed(store)
        await store.claim_notice(notice, LATER + MINUTE)
        await store.notice_sent(notice.id, LATER, "bob was refused")
        assert await store.owed_notices(LATER + 9 * MINUTE) == []
        (sent,) = await store.notices()
        assert (sent.sent_at, sent.next_try, sent.problem) == (LATER, None, "bob was refused")
        assert not await store.claim_notice(sent, LATER)

    async def test_a_notice_that_failed(self, store: Store) -> None:
        """A failed one keeps its reason and its next try, until it is given up."""
        notice = await _owed(store)
        await store.claim_notice(notice, LATER + MINUTE)
        await store.notice_failed(notice.id, "It is\0down.", again=True)
        (owed,) = await store.owed_notices(LATER + MINUTE)
        assert (owed.problem, owed.tries) == ("It is\ufffddown.", 1)
        await store.notice_failed(notice.id, "Enough.", again=False)
        assert await store.owed_notices(LATER + 9 * MINUTE) == []
        (given_up,) = await store.notices()
        assert (given_up.sent_at, given_up.next_try, given_up.problem) == (None, None, "Enough.")

    async def test_notices_page_by_page(self, store: Store) -> None:
        """The newest first, a page at a time; old ones are forgotten unless they are still owed."""
        for n in range(5):
            await store.turn_alert(replace(STATE, sync=f"s{n}"), f"text {n}", LATER + n * MINUTE)
        first = await store.notices(2)
        assert [notice.text for notice in first] == ["text 4", "text 3"]
        assert [notice.text for notice in await store.notices(9, before=first[-1].id)] == ["text 2", "text 1", "text 0"]
        (oldest,) = [notice for notice in await store.notices() if notice.text == "text 0"]
        await store.notice_sent(oldest.id, LATER)
        assert await store.forget_notices(LATER + 2 * MINUTE) == 1
        assert [notice.text for notice in await store.notices()] == ["text 4", "text 3", "text 2", "text 1"]


def _new(run_id: str, sync: str = "people", at: datetime = NOON, trigger: str = "schedule") -> NewRun:
    return replace(new_run(run_id, sync), created_at=at, trigger=trigger)


async def _failed(store: Store, new: NewRun) -> Run:
    run = await store.create_run(new)
    return await store.finish(run.id, await store.take(run.id, LATER), RunState.FAILED, new.created_at, WHY)


async def _owed(store: Store) -> Notice:
    assert await store.turn_alert(STATE, "failed", LATER)
    (notice,) = await store.owed_notices(LATER)
    return notice
