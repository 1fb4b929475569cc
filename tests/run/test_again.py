"""Rows that a destination refused are read and sent again by the next runs, with fresh values, and never doubled."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import pyarrow as pa
import pytest

from headrace.calls.batch import CallsBatch
from headrace.errors import DestinationDenied
from headrace.model import CallKind, Run, RunState
from headrace.run import again
from headrace.run.again import keys
from headrace.store import SqlStore
from headrace.testing.fakes import FakeSource, World
from headrace.testing.simulation import simulate
from tests.run.resends import Choosy, resend, told
from tests.run.worlds import opened, simulated


@dataclass(slots=True)
class Shop(FakeSource):
    """A table that is read from a moment on, as ``select {{last_sync_time}}`` says."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    part: int = 2

    def put(self, *users: str, **values: Any) -> None:
        """Write rows now."""
        now = int(self.clock.now().timestamp())
        for user in users:
            self.rows[user] = {"userId": user, "plan": "a", **self.rows.get(user, {}), "updated_at": now, **values}

    async def read(self, sql: str) -> AsyncGenerator[pa.RecordBatch, None]:
        self.queries.append(sql)
        since = int(sql.removeprefix("select "))
        schema = pa.schema([(name, self.kind(name)) for name in next(iter(self.rows.values()))])
        found = [row for row in self.rows.values() if row["updated_at"] > since]
        batches = pa.Table.from_pylist(found, schema).to_batches(self.part)
        for batch in batches or [pa.RecordBatch.from_pylist([], schema)]:
            yield batch

    def kind(self, name: str) -> pa.DataType:
        return pa.int64() if name in ("updated_at", "timestamp") else pa.string()


def selling(world: World, *users: str, retry: bool = True, **values: Any) -> Shop:
    """Let the world's sync read from a shop, and try again what is refused."""
    shop = world.source = Shop(world.clock, pa.table({}))
    world.sync = replace(world.sync, query="select {{last_sync_time}}", retry_failed=retry)
    shop.put(*users, **values)
    return shop


async def next_run(world: World) -> Run:
    await asyncio.sleep(60)
    return await world.run()


@simulated
async def test_fresh_values_are_sent_once() -> None:
    """The next run sends refused rows with the values they have then, to who refused them; the others have them."""
    crm, mail = Choosy({"u2", "u4"}), Choosy()
    async with opened({"crm": crm, "mail": mail}, part_rows=2) as world:
        shop = selling(world, *(f"u{n}" for n in range(1, 6)))
        await world.run()
        await asyncio.sleep(60)
        shop.rows["u2"]["plan"] = "mended"
        shop.put("u6")
        cursor, crm.refused = (await world.house.store.sync_state("people")).cursor, {"u4"}
        second = await next_run(world)
        seen = (await world.house.store.sync_state("people")).cursor
        crm.refused = set()
        third, fourth = await next_run(world), await next_run(world)
    assert (second.state, told(second.counts["crm"])) == (RunState.PARTIAL, (2, 0, 0, 1))
    assert told(second.counts["mail"]) == (1, 2, 0, 0)
    assert second.warnings == ("2 rows that failed before were read again.",)
    assert (told(third.counts["crm"]), told(third.counts["mail"])) == ((1, 0, 0, 0), (0, 1, 0, 0))
    assert (third.warnings, fourth.extracted) == (("1 row that failed before was read again.",), 0)
    assert seen > cursor, "last_sync_time is what the run's own query saw"
    assert crm.users == mail.users == [f"u{n}" for n in range(1, 7)]
    assert [call.body["traits"]["plan"] for call in crm.taken if call.user == "u2"] == ["mended"]
    assert len(shop.queries) == 1 + 2 + 2 + 1, "the second read costs only where there is something to retry"


@simulated
async def test_a_row_that_the_query_gives_anyway_is_not_read_twice() -> None:
    """A refused row that has changed since comes with the run's own query, once, and goes everywhere."""
    crm, mail = Choosy({"u2"}), Choosy()
    async with opened({"crm": crm, "mail": mail}) as world:
        shop = selling(world, "u1", "u2", "u3")
        await world.run()
        await asyncio.sleep(60)
        shop.put("u2", plan="new")
        crm.refused = set()
        second, third = await next_run(world), await next_run(world)
    assert (second.extracted, second.warnings, third.extracted) == (1, (), 0)
    assert (crm.users, mail.users) == (["u1", "u2", "u3"], ["u1", "u2", "u2", "u3"])
    assert len(shop.queries) == 3


@simulated
async def test_it_is_a_setting() -> None:
    """Without retry_failed, what was refused is not read again."""
    crm = Choosy({"u2"})
    async with opened({"crm": crm}) as world:
        shop = selling(world, "u1", "u2", retry=False)
        await world.run()
        crm.refused = set()
        assert (await next_run(world)).extracted == 0
        assert await world.house.store.retries("people") == []
    assert (crm.users, len(shop.queries)) == (["u1"], 2)


@pytest.mark.parametrize("deleted", [False, True])
@simulated
async def test_a_row_is_given_up_after_five_tries(deleted: bool) -> None:
    """What is refused again, or not found any more, is tried five times."""
    crm = Choosy({"u2"})
    async with opened({"crm": crm}) as world:
        shop = selling(world, "u1", "u2")
        await world.run()
        if deleted:
            del shop.rows["u2"]
        counts = [(await next_run(world)).extracted for _ in range(7)]
        assert await world.house.store.retries("people") == []
    assert counts == ([0] * 7 if deleted else [1] * 5 + [0] * 2)
    assert len(shop.queries) == 1 + 5 * 2 + 2


@simulated
async def test_a_row_is_given_up_after_two_weeks() -> None:
    """A sync that runs rarely does not try for ever."""
    crm = Choosy({"u2"})
    async with opened({"crm": crm}) as world:
        selling(world, "u1", "u2")
        await world.run()
        await asyncio.sleep(again.LONGEST.total_seconds() + 1)
        assert (await world.run()).extracted == 0
        assert await world.house.store.retries("people") == []


@simulated
async def test_a_resend_delivers_what_would_be_tried_again() -> None:
    """What a person has resent is not sent a second time by the next run."""
    crm = Choosy({"u2", "u3"})
    async with opened({"crm": crm}) as world:
        selling(world, "u1", "u2", "u3")
        first = await world.run()
        crm.refused = {"u3"}
        await resend(world, first, "crm")
        left = await world.house.store.retries("people")
        crm.refused = set()
        run = await next_run(world)
    assert [retry.tries for retry in left] == [0], "what somebody tried by hand is no try of ours"
    assert (run.extracted, Counter(crm.users)) == (1, {"u1": 1, "u2": 1, "u3": 1})


@simulated
async def test_a_failed_run_loses_and_doubles_nothing() -> None:
    """A run that ends badly keeps what it did not get to; what it delivered is not sent again."""
    crm, mail = Choosy({"u2", "u3"}), Choosy()
    async with opened({"crm": crm, "mail": mail}) as world:
        selling(world, "u1", "u2", "u3")
        await world.run()
        crm.refused, mail.refused = set(), set()
        plain, crm.script = crm.script, raising
        failed = await next_run(world)
        crm.script = plain
        ended = await next_run(world)
    assert (failed.state, ended.state) == (RunState.FAILED, RunState.SUCCEEDED)
    assert crm.users == mail.users == ["u1", "u2", "u3"]


def raising(_: object) -> NoReturn:
    raise DestinationDenied("No.")


@simulated
async def test_too_many_to_remember(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many rows, the run advises to send everything once."""
    monkeypatch.setattr(again, "MOST", 3)
    users = [f"u{n}" for n in range(5)]
    crm = Choosy(users)
    async with opened({"crm": crm}) as world:
        selling(world, *users)
        run = await world.run()
        assert len(await world.house.store.retries("people")) == 3
    assert len(run.warnings) == 1
    assert "headrace run --full people" in run.warnings[0]


@simulated
async def test_events_that_cannot_be_told_apart_are_left_to_people() -> None:
    """Events are known by messageId, or by person, name and time; where two share all that, none is retried."""
    crm = Choosy({"u1", "u2", "u3"})
    async with opened({"crm": crm}) as world:
        shop = selling(world)
        world.sync = replace(world.sync, call=CallKind.TRACK)
        rows = [("u1", 100), ("u2", 100), ("u2", 100), ("u3", None), ("u4", 100)]
        for number, (user, moment) in enumerate(rows):
            shop.put(f"row {number}", userId=user, event="Bought", timestamp=moment)
        first = await world.run()
        crm.refused = set()
        second = await next_run(world)
    assert len(first.warnings) == 1
    assert first.warnings[0].startswith("2 refused rows cannot be told from others")
    assert second.extracted == 1
    assert crm.users == ["u1", "u4"]


# ---------------------------------------------------------------------------------------------------- kill -9 anywhere


class Killed(Exception):
    """The process is gone."""


class Mortal:
    """A store of a process that dies at the n-th verb; a dead one does nothing any more."""

    def __init__(self, store: SqlStore, at: int) -> None:
        self._store, self._left = store, at

    def __getattr__(self, name: str) -> Any:
        async def mortal(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self.dead:
                raise Killed
            return await getattr(self._store, name)(*args, **kwargs)

        return mortal

    @property
    def dead(self) -> bool:
        return self._left <= 0


async def killed_once(at: int) -> bool:
    """Four runs, with a kill at the n-th verb of all; what must hold then. False where they had fewer verbs."""
    store = SqlStore("sqlite:///:memory:")
    await store.open()
    mortal: Any = Mortal(store, at)
    crm, mail = Choosy({"u2", "u4"}), Choosy({"u4"})
    to = {"crm": crm, "mail": mail}
    world = World(mortal, pa.table({}), to, part_rows=3)
    shop = selling(world, *(f"u{n}" for n in range(1, 6)))
    durable = {"stage": world.stage, "errors": world.errors, "seen": world.seen, "part_rows": 3}
    for refuse_crm, refuse_mail in (({"u2", "u4"}, {"u4"}), ({"u4"}, set[str]()), *[(set[str](), set[str]())] * 2):
        crm.refused, mail.refused = refuse_crm, refuse_mail
        try:
            run = await next_run(world)
        except Killed:
            reborn = World(store, pa.table({}), to, **durable)
            reborn.source, reborn.sync, world = shop, world.sync, reborn
            run = await next_run(world)  # goes on with the one that was killed, if it lives
        assert all(counts.total == run.extracted and not counts.pending for counts in run.counts.values())
        shop.rows["u2"]["plan"] = "mended"
    for destination in to.values():
        ids: dict[str, set[str]] = defaultdict(set)
        for call in destination.taken:
            ids[call.user].add(call.id)
        assert {user: len(given) for user, given in ids.items()} == dict.fromkeys((f"u{n}" for n in range(1, 6)), 1)
    assert {call.body["traits"]["plan"] for call in crm.taken if call.user == "u2"} == {"mended"}
    await store.close()
    return bool(mortal.dead)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(4))
def test_a_kill_anywhere_loses_and_doubles_nothing(first: int) -> None:
    """Whatever the moment of a kill: each refused row is delivered later, under one messageId, with fresh values."""
    at = 1 + first
    while simulate(killed_once(at)):
        at += 4
    assert at > 40


def test_names_do_not_hang_on_other_columns() -> None:
    """A row keeps its name whatever other rows of its part have, and however its values change."""

    def calls(**columns: Any) -> CallsBatch:
        texts = {name: pa.array(values, pa.large_string()) for name, values in columns.items()}
        return CallsBatch(CallKind.IDENTIFY, pa.RecordBatch.from_pydict(texts))

    derived = ["20260101-000000-000000-1", "20260101-000000-000000-2"]
    one = keys(calls(message_id=derived[:1], user_id=["a"], body=["{}"]))
    two = keys(calls(message_id=derived, user_id=["a", None], anonymous_id=[None, "b"], body=['{"c":1}', "{}"]))
    assert one[0] == two[0]
    assert re.fullmatch("w[0-9a-f]{32}", two[0])
    own = keys(calls(message_id=["m1", "m1", derived[0]], user_id=["a", "b", None])).to_list()
    assert own[0] == own[1]
    assert own[0].startswith("m")
    assert own[2] is None
