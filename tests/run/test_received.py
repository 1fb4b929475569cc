"""Runs of received calls: journals become parts, once, in their order; and who makes such runs, and when."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from headrace.model import Check, MapOptions, Run, RunState
from headrace.ports import Reply, Verdict
from headrace.run.receiver import Receiver
from headrace.testing.fakes import FakeDestination
from headrace.testing.simulation import BEGIN
from tests.run.receiving import Receiving, bad, call, raw
from tests.run.worlds import opened, simulated


@simulated
async def test_what_was_received_is_delivered_once() -> None:
    """A run takes all journals behind the last one delivered; its number is the cursor; then there is nothing to do."""
    crm, mail = FakeDestination(), FakeDestination()
    async with opened({"crm": crm, "mail": mail}) as world:
        receiving = Receiving.of(world)
        for number in range(3):
            await receiving.files.add(call(f"m{number}-{n}") for n in range(20))
        [run] = await receiving.run()
        assert (run.state, run.kind, run.trigger, run.call) == (RunState.SUCCEEDED, "received", "received", None)
        assert (run.extracted, run.as_of, await receiving.cursor()) == (60, 3, 3)
        for destination in (crm, mail):
            assert set(destination.arrivals.values()) == {1}
            assert len(destination.arrivals) == 60
        assert await receiving.run() == []
        await receiving.files.add([call("next")])
        [run] = await receiving.run()
        assert (run.extracted, run.cursor, await receiving.cursor()) == (1, 3, 4)


@simulated
async def test_who_goes_before_what() -> None:
    """Calls of one kind make a part, and identify, alias and group calls go before the others of their window."""
    async with opened({"crm": FakeDestination()}, part_rows=8) as world:
        receiving = Receiving.of(world)
        kinds = ["track", "page", "identify", "group", "screen", "alias", "track", "identify"]
        await receiving.files.add(call(f"m{n}", kind) for n, kind in enumerate([*kinds, "identify", "track"]))
        [run] = await receiving.receiver.tick()
        seen: list[tuple[str, list[str], list[int]]] = []

        async def look(run_id: str, seq: int, calls: Any) -> int:
            columns = calls.columns
            seen.append((calls.kind, columns.column("message_id").to_pylist(), columns.column("row").to_pylist()))
            return await real(run_id, seq, calls)

        real, world.stage.write = world.stage.write, look  # type: ignore[method-assign]
        await receiving.carry(run)
        assert seen == [
            ("identify", ["m2", "m7"], [1, 2]), ("alias", ["m5"], [3]), ("group", ["m3"], [4]), ("page", ["m1"], [5]),
            ("screen", ["m4"], [6]), ("track", ["m0", "m6"], [7, 8]), ("identify", ["m8"], [9]),
            ("track", ["m9"], [10]),
        ]  # fmt: skip


@simulated
async def test_what_is_no_call_is_listed() -> None:
    """Invalid calls are rows of the run, each in its error file with the reason and what came; the others go on."""
    crm = FakeDestination()
    async with opened({"crm": crm}) as world:
        receiving = Receiving.of(world)
        await receiving.files.add([call("a"), bad(), call("b")])
        [run] = await receiving.run()
        assert (run.state, run.extracted, run.unmapped) == (RunState.PARTIAL, 3, 1)
        assert (run.counts["crm"].delivered, run.counts["crm"].invalid) == (2, 1)
        [row] = await world.failures(run)
        assert (row["code"], row["column"], row["destination"], row["row"]) == ("missing_event", "event", None, 3)
        assert json.loads(row["values"]) == {"userId": "u1"}
        assert await receiving.cursor() == 1


@simulated
async def test_each_sync_decides_about_addresses() -> None:
    """An identify call with nothing but an e-mail address is delivered where the sync allows it, else listed."""
    for allowed, state in ((True, RunState.SUCCEEDED), (False, RunState.PARTIAL)):
        async with opened({"crm": FakeDestination()}) as world:
            receiving = Receiving.of(world, options=MapOptions(email_identity=allowed))
            await receiving.files.add([call("a", "identify", user_id=None, body=raw({"email": "ada@example.com"}))])
            [run] = await receiving.run()
            assert run.state is state
            codes = [row["code"] for row in await world.failures(run)]
            assert codes == ([] if allowed else ["missing_identifier"])


@simulated
async def test_the_same_id_is_delivered_once_in_twelve_hours() -> None:
    """An id that comes again, in the same journal or a later one, is known as a duplicate until its time is over."""
    crm = FakeDestination()
    async with opened({"crm": crm}) as world:
        receiving = Receiving.of(world)
        await receiving.files.add([call("a"), call("b"), call("a")])
        [run] = await receiving.run()
        assert (run.state, run.counts["crm"].duplicate) == (RunState.SUCCEEDED, 1)
        await world.clock.sleep(12 * 3600 - 60)
        await receiving.files.add([call("a")])
        [run] = await receiving.run()
        assert run.counts["crm"].duplicate == 1
        await world.clock.sleep(120)
        await receiving.files.add([call("a")])
        [run] = await receiving.run()
        assert run.counts["crm"].delivered == 1
        assert crm.arrivals == {"a": 2, "b": 1}


@simulated
async def test_a_failed_run_is_followed_by_one_with_the_same_journals() -> None:
    """The cursor stays; the next run waits a while, longer with each failure, and sends only what did not arrive."""
    crm, down = FakeDestination(), FakeDestination(lambda _: Reply(Verdict.DENIED, reason="no"))
    async with opened({"crm": crm, "down": down}) as world:
        receiving = Receiving.of(world)
        await receiving.files.add(call(f"m{n}") for n in range(5))
        for rest in (10, 20, 40):
            [run] = await receiving.run()
            assert (run.state, await receiving.cursor()) == (RunState.FAILED, 0)
            await world.clock.sleep(rest - 1)
            assert await receiving.run() == []
            await world.clock.sleep(2)
        down.script = lambda _: Reply()
        [run] = await receiving.run()
        assert (run.state, await receiving.cursor()) == (RunState.SUCCEEDED, 1)
        assert run.counts["crm"].duplicate == 5
        assert set(crm.arrivals.values()) == {1}
        await receiving.files.add([call("next")])
        assert len(await receiving.run()) == 1, "after a run that succeeded nothing waits"


@simulated
async def test_a_run_takes_no_more_than_it_may() -> None:
    """Where more journals wait than one run takes, the next run takes the others; a large one goes by itself."""
    async with opened({"crm": FakeDestination()}) as world:
        receiving = Receiving.of(world)
        receiving.with_syncs(replace(receiving.sync, limits=replace(receiving.sync.limits, records=25)))
        for number, count in enumerate((10, 10, 10, 40, 1)):
            await receiving.files.add(call(f"m{number}-{n}") for n in range(count))
        runs = [(await receiving.run())[0] for _ in range(4)]
        assert [(run.extracted, run.as_of) for run in runs] == [(20, 2), (10, 3), (40, 4), (1, 5)]


@simulated
async def test_a_journal_that_cannot_be_read_fails_the_run() -> None:
    """One that is gone or damaged ends the run with the reason, and nothing of it is sent or skipped."""
    crm = FakeDestination()
    async with opened({"crm": crm}) as world:
        receiving = Receiving.of(world)
        journal = await receiving.files.add([call("a")])
        receiving.files.lines[journal.name] = b'{"at":"x"}\n'
        [run] = await receiving.run()
        assert (run.state, run.problem and run.problem.code) == (RunState.FAILED, "stage_failed")
        assert "damaged" in (run.problem.message if run.problem else "")
        assert not crm.requests
        assert await receiving.cursor() == 0


# ------------------------------------------------------------------------------------------------------- who, and when


@simulated
async def test_each_sync_has_its_own_cursor() -> None:
    """Syncs of one source are independent; a disabled one gets what it missed when it is enabled again."""
    crm, mail = FakeDestination(), FakeDestination()
    async with opened({"crm": crm, "mail": mail}) as world:
        receiving = Receiving.of(world)
        one = replace(receiving.sync, name="one", destinations=("crm",))
        two = replace(receiving.sync, name="two", destinations=("mail",), enabled=False)
        other = replace(receiving.sync, name="other", source="shop")
        receiving.with_syncs(one, two, other)
        for number in range(3):
            await receiving.files.add([call(f"m{number}")])
            assert [run.sync for run in await receiving.run()] == ["one"]
        assert not mail.requests
        await world.house.store.set_enabled("two", enabled=True)
        [run] = await receiving.run()
        assert (run.sync, run.extracted) == ("two", 3)
        await world.house.store.set_enabled("one", enabled=False)
        await receiving.files.add([call("m3")])
        assert [run.sync for run in await receiving.run()] == ["two"]


@simulated
async def test_one_run_at_a_time() -> None:
    """While a run of a sync lives no other is made, whoever asks."""
    async with opened({"crm": FakeDestination()}) as world:
        receiving = Receiving.of(world)
        await receiving.files.add([call("a")])
        [run] = await receiving.receiver.tick()
        assert await receiving.receiver.tick() == []
        await receiving.files.add([call("b")])
        assert (await receiving.carry(run)).extracted == 2
        assert await receiving.receiver.tick() == []


@simulated
async def test_a_run_that_ends_while_we_look() -> None:
    """What a run delivered that ended while the next one was being decided on is not delivered again."""
    crm = FakeDestination()
    async with opened({"crm": crm}) as world:
        receiving = Receiving.of(world, deduplicate_for=0)
        await receiving.files.add([call("a")])
        [run] = await receiving.receiver.tick()
        store = world.house.store

        class Slow:
            """The store, whose answer to who lives comes as the run ends."""

            def __getattr__(self, name: str) -> Any:
                return getattr(store, name)

            async def live_run(self, sync: str) -> Run | None:
                await receiving.carry(run)
                return await store.live_run(sync)

        late = Receiver(Slow(), receiving.files, world.clock, lambda: receiving.project, receiving.new_run)
        assert await late.tick() == []
        assert set(crm.arrivals.values()) == {1}


@simulated
async def test_a_cursor_that_is_a_time() -> None:
    """A sync that read a database before has a moment as its cursor: it begins with the first journal."""
    async with opened({"crm": FakeDestination()}) as world:
        receiving = Receiving.of(world)
        await world.house.store.set_cursor("calls", int(BEGIN.timestamp()))
        await receiving.files.add([call("a")])
        [run] = await receiving.run()
        assert (run.extracted, run.as_of) == (1, 1)


@simulated
async def test_a_run_without_journals() -> None:
    """A run that finds nothing succeeds and leaves the cursor where it is."""
    async with opened({"crm": FakeDestination()}) as world:
        receiving = Receiving.of(world)
        new = receiving.new_run(receiving.sync, "manual", cursor=7, kind="received")
        run = await receiving.carry(await world.house.store.create_run(new))
        assert (run.state, run.extracted, run.as_of) == (RunState.SUCCEEDED, 0, 7)


@simulated
async def test_a_destination_that_is_not_ready() -> None:
    """Nothing is staged while a destination's check fails, and the cursor stays."""
    crm = FakeDestination()
    crm.ready = Check(problems=("No.",))
    async with opened({"crm": crm}) as world:
        receiving = Receiving.of(world)
        await receiving.files.add([call("a")])
        [run] = await receiving.run()
        assert (run.state, await receiving.cursor()) == (RunState.FAILED, 0)


# -------------------------------------------------------------------------------------------------------------- tidying
