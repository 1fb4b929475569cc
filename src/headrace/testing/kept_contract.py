"""What every store must do with the calls of Data In. Subclass `KeptContract`, and give it a fixture ``store``."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from headrace.datain import Answer, CallFilter, KeptCall
from headrace.store import kept
from headrace.store_port import Store
from headrace.testing.store_samples import LATER, NOON


def call(row: int = 1, **fields: Any) -> KeptCall:
    """A call of the sync ``people``, delivered to one destination and refused by the other."""
    answers = {
        "crm": Answer(
            "delivered", request="POST https://crm.example/v1/batch", status=200, text='{"ok":true}', at=NOON
        ),
        "mail": Answer("rejected", "Too long: 5 of 4.", "POST https://mail.example/v1", 400, "No\nway", LATER),
    }
    whole = KeptCall(
        0, NOON, "shop", "people", "run-1", row, "identify", f"u{row}", "", f"m{row}",
        {"type": "identify", "userId": f"u{row}", "traits": {"ü": [1, 2.5, None, "x"]}}, {"id": row, "ü": None},
        answers=answers,
    )  # fmt: skip
    return replace(whole, **fields)


def rows(calls: list[KeptCall]) -> list[int]:
    return [call.row for call in calls]


class KeptContract:
    """The verbs of `headrace.datain.CallStore`."""

    async def test_a_kept_call_reads_back(self, store: Store) -> None:
        """All that was given is there again, with an id; of a row that became no call, too."""
        bare = call(2, kind="", call=None, reason="It has no id.", answers={"crm": Answer("invalid", "It has no id.")})
        await store.keep_calls([call(), bare])
        second, first = await store.kept_calls(CallFilter())
        assert 0 < first.id < second.id == await store.newest_kept()
        assert [replace(first, id=0), replace(second, id=0)] == [call(), bare]
        assert await store.kept_call(first.id) == first
        assert await store.kept_call(second.id + 1) is None

    async def test_nothing_is_kept_at_first(self, store: Store) -> None:
        """An empty store says so, and keeping nothing changes nothing."""
        await store.keep_calls([])
        assert await store.kept_calls(CallFilter()) == await store.kept_since(0) == []
        assert await store.newest_kept() == 0

    async def test_text_that_databases_cannot_hold(self, store: Store) -> None:
        """NUL, lone surrogates and numbers beyond JSON are kept as something that can be shown; the rest survives."""
        odd = {"a": "\0", "b": "\ud800", "c": float("inf"), "d": 10**40, "e": "ok"}
        await store.keep_calls([call(values=odd, user="\0\ud800", reason="\0")])
        (found,) = await store.kept_calls(CallFilter())
        assert (found.values["c"], found.values["d"], found.values["e"]) == ("Infinity", 10**40, "ok")
        for text in (found.values["b"], found.user, found.reason):
            assert text.encode().decode() == text

    async def test_keeping_a_run_again_replaces_it(self, store: Store) -> None:
        """The end of a run that is done twice leaves its calls once; those of others and of no run stay."""
        await store.keep_calls([call(1), call(2)])
        await store.keep_calls([call(7, run="run-2"), call(8, run=None)])
        await store.keep_calls([call(1), call(3)])
        assert sorted(rows(await store.kept_calls(CallFilter()))) == [1, 3, 7, 8]

    async def test_only_the_newest_of_a_source_stay(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """However often a sync runs, its source keeps so many calls; other sources are not touched."""
        monkeypatch.setattr(kept, "PER_SOURCE", 3)
        await store.keep_calls([call(1, source="web", run=None), call(2, run=None), call(3, run=None)])
        await store.keep_calls([call(row, run="run-2") for row in (4, 5)])
        assert sorted(rows(await store.kept_calls(CallFilter()))) == [1, 3, 4, 5]

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (CallFilter(), [4, 3, 2, 1]),
            (CallFilter(source="shop"), [3, 2, 1]),
            (CallFilter(sync="orders"), [2]),
            (CallFilter(run="run-2"), [3]),
            (CallFilter(kind="track"), [3, 2]),
            (CallFilter(outcome="rejected"), [3, 2, 1]),
            (CallFilter(outcome="invalid"), [4]),
            (CallFilter(outcome="pending"), []),
            (CallFilter(text="ÄNN"), [2]),
            (CallFilter(text="50%_"), [3]),
            (CallFilter(text="%"), [3]),
            (CallFilter(text="_"), [3]),
            (CallFilter(text="M4"), [4]),
            (CallFilter(text="\\"), [4]),
            (CallFilter(source="shop", kind="track", text="n"), [2]),
            (CallFilter(source="web", kind="track"), []),
        ],
    )
    async def test_filters(self, store: Store, wanted: CallFilter, found: list[int]) -> None:
        """Each filter, in any combination, finds what `CallFilter.takes` takes; a text means itself, in any case."""
        calls = [
            call(1),
            call(2, sync="orders", kind="track", user="änn@example.com"),
            call(3, run="run-2", kind="track", name="50%_Off"),
            call(4, source="web", run=None, user="back\\slash", answers={"crm": Answer("invalid")}),
        ]
        await store.keep_calls(calls)
        kept_calls = await store.kept_calls(wanted)
        assert rows(kept_calls) == found
        assert [one.row for one in reversed(calls) if wanted.takes(one)] == found

    async def test_pages(self, store: Store) -> None:
        """Page by page, newest first, each call comes once."""
        await store.keep_calls([call(row) for row in range(1, 8)])
        seen: list[int] = []
        before = None
        while page := await store.kept_calls(CallFilter(source="shop"), before, limit=3):
            assert len(page) <= 3
            seen += rows(page)
            before = page[-1].id
        assert seen == [7, 6, 5, 4, 3, 2, 1]

    async def test_following_along(self, store: Store) -> None:
        """Behind an id come the newer ones, the oldest first; ids are not given twice, also after forgetting."""
        await store.keep_calls([call(row) for row in (1, 2, 3)])
        last = await store.newest_kept()
        assert await store.kept_since(last) == []
        await store.forget_calls(LATER)
        assert await store.newest_kept() == 0
        await store.keep_calls([call(row) for row in (4, 5, 6)])
        assert rows(await store.kept_since(last, limit=2)) == [4, 5]

    async def test_whoever_follows_misses_none(self, store: Store) -> None:
        """Of many that keep at once, ids become visible in their order: who asks for those behind gets every one."""
        seen: list[int] = []

        async def follow() -> None:
            last = 0
            while len(seen) < 60:
                for found in await store.kept_since(last):
                    seen.append(found.row)
                    last = found.id

        keeping = [store.keep_calls([call(3 * n + k, run=f"run-{n}") for k in range(3)]) for n in range(20)]
        await asyncio.wait_for(asyncio.gather(follow(), *keeping), 30)
        assert sorted(seen) == list(range(60))

    async def test_forgetting(self, store: Store) -> None:
        """Calls from before a moment go, and are counted."""
        await store.keep_calls([call(1), call(2, at=NOON + timedelta(hours=1)), call(3)])
        assert await store.forget_calls(NOON) == 0
        assert await store.forget_calls(LATER) == 2
        assert rows(await store.kept_calls(CallFilter())) == [2]
