"""Which messageIds were received."""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import StageFull
from headrace.model import Delivery, Settled
from headrace.ports import SeenIds
from headrace.stage.seen import LocalSeenIds, _hash
from headrace.testing.fakes import MemorySeenIds

NOW = 1_795_449_600
Parts = Sequence[Sequence[str]]
Repeated = dict[int, list[int]]


async def stage(seen: SeenIds, run: str, parts: Parts, to: str = "crm", since: int = NOW - 100) -> Repeated:
    """Note and claim a run's parts; the duplicates by part."""
    for seq, ids in enumerate(parts):
        await seen.note(run, seq, pa.array(ids, pa.large_string()))
    found = await seen.claim(run, to, range(len(parts)), since)
    return {seq: list(positions) for seq, positions in found.items()}


async def settle(seen: SeenIds, run: str, outcomes: Sequence[bytes], at: int = NOW, to: str = "crm") -> None:
    """End a run whose parts came out so."""
    deliveries = [Delivery(seq, to, len(marks), marks, at) for seq, marks in enumerate(outcomes)]
    await seen.remember(run, deliveries)


def names(folder: Path) -> list[str]:
    """The names of all files under a folder."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def seen(tmp_path: Path) -> LocalSeenIds:
    return LocalSeenIds(tmp_path / "seen")


async def test_within_a_run(seen: LocalSeenIds) -> None:
    """Of equal ids in a run the first, by part and position, stays; every later one is a duplicate."""
    assert await stage(seen, "r1", [["a", "b", "a"], ["b", "c"], ["a", "c", "d"]]) == {0: [2], 1: [0], 2: [0, 1]}


async def test_across_runs(seen: LocalSeenIds) -> None:
    """What a destination received is a duplicate there in a later run, and nowhere else."""
    await stage(seen, "r1", [["a", "b"]])
    await settle(seen, "r1", [bytes([1, 1])])
    assert await stage(seen, "r2", [["b", "c"]]) == {0: [0]}
    assert await stage(seen, "r2", [["b", "c"]], to="mail") == {}


async def test_live_claims_count(seen: LocalSeenIds) -> None:
    """An id that another live run is about to deliver is a duplicate; when that run ends without it, no more."""
    await stage(seen, "r1", [["a", "b"]])
    assert await stage(seen, "r2", [["b", "c"]]) == {0: [0]}
    await settle(seen, "r1", [bytes([1, 4])])
    assert await stage(seen, "r3", [["a", "b", "c"]]) == {0: [0, 2]}


@pytest.mark.parametrize("outcome", [Settled.PENDING, Settled.DUPLICATE, Settled.INVALID, Settled.REJECTED])
async def test_only_delivered_is_remembered(seen: LocalSeenIds, outcome: int) -> None:
    """A call that was not delivered may come again: its claim is given up."""
    await stage(seen, "r1", [["a", "b"], ["c"]])
    await settle(seen, "r1", [bytes([1, outcome])])  # nothing is known of the second part
    assert await stage(seen, "r2", [["a", "b", "c"]]) == {0: [0]}


async def test_the_window(seen: LocalSeenIds) -> None:
    """An id counts when it was received after ``since``, to the second, each by its own part's time."""
    await stage(seen, "r1", [["a"], ["b"]])
    deliveries = [Delivery(0, "crm", 1, b"\1", NOW - 50), Delivery(1, "crm", 1, b"\1", NOW)]
    await seen.remember("r1", deliveries)
    assert await stage(seen, "r2", [["a", "b"]], since=NOW - 51) == {0: [0, 1]}
    assert await stage(seen, "r2", [["a", "b"]], since=NOW - 50) == {0: [1]}
    assert await stage(seen, "r2", [["a", "b"]], since=NOW) == {}


async def test_asking_again_gives_the_same_answer(seen: LocalSeenIds) -> None:
    """A run taken up again claims what it claimed, whatever others claimed in between."""
    parts = [["a", "b", "a"], ["c", "d"]]
    first = await stage(seen, "r1", parts)
    await stage(seen, "r2", [["d", "e"]])
    assert await seen.claim("r1", "crm", [0, 1], NOW - 100) == first == {0: [2]}


async def test_two_that_claim_at_once_see_each_other(tmp_path: Path) -> None:
    """Of two runs that claim the same ids at the same time, exactly one gets each."""
    one, other = LocalSeenIds(tmp_path), LocalSeenIds(tmp_path)
    ids = [f"m{n}" for n in range(500)]
    found = await asyncio.gather(stage(one, "r1", [ids]), stage(other, "r2", [ids]))
    assert sorted(map(len, found)) == [0, 1]


async def test_remembering_leaves_no_claim(seen: LocalSeenIds, tmp_path: Path) -> None:
    """A settled run holds nothing but its received ids; remembering again changes nothing."""
    await stage(seen, "r1", [["a"]])
    assert seen.runs() == ["r1"]
    for _ in range(2):
        await settle(seen, "r1", [b"\1"])
    assert seen.runs() == []
    assert names(tmp_path) == [".lock", f"r1.{NOW}.seen"]


async def test_forget_gives_space_back(seen: LocalSeenIds, tmp_path: Path) -> None:
    """Files whose last receipt lies before every window are removed, others stay."""
    for number, at in enumerate([NOW - 10, NOW]):
        await stage(seen, f"r{number}", [[f"m{number}"]])
        await settle(seen, f"r{number}", [b"\1"], at)
    await seen.forget(NOW - 10)
    assert names(tmp_path) == [".lock", f"r1.{NOW}.seen"]
    assert await stage(seen, "r9", [["m0", "m1"]]) == {0: [1]}


def test_ids_are_compared_by_128_bits() -> None:
    """Different texts, however alike, have different 128 bits, in both halves; equal texts equal ones."""
    texts = ["", "a", "A", "a ", "á", "a\u0301", "\x00", "\x00\x00", *(f"m{n}" for n in range(5000))]
    hashes = _hash(pa.array([*texts, *texts], pa.large_string()))
    assert (hashes[: len(texts)] == hashes[len(texts) :]).all()
    assert len({*hashes[:, 0].tolist()}) == len({*hashes[:, 1].tolist()}) == len(texts)
    sliced = pa.array(["x", *texts], pa.large_string()).slice(1)
    assert (_hash(sliced) == hashes[: len(texts)]).all()


async def test_the_second_half_decides(seen: LocalSeenIds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids that share their first 64 bits (forced here) are still told apart, and found, by the others."""
    honest = _hash

    def colliding(texts: pa.LargeStringArray):  # type: ignore[no-untyped-def]  # as `_hash`
        hashes = honest(texts)
        hashes[:, 0] = 7
        return hashes

    monkeypatch.setattr("headrace.stage.seen._hash", colliding)
    await stage(seen, "r1", [["a", "b", "c", "a"]])
    await settle(seen, "r1", [bytes([1, 1, 1, 2])])
    assert await stage(seen, "r2", [["c", "x", "a", "y", "b"]]) == {0: [0, 2, 4]}


async def test_many_ids_over_all_buckets(seen: LocalSeenIds) -> None:
    """Files too large to be held whole are read bucket by bucket, with the same result."""
    ids = [f"m{n}" for n in range(25_000)]
    assert await stage(seen, "r1", [ids, ids[::1000]]) == {1: list(range(25))}
    await settle(seen, "r1", [bytes([1, 4]) * 12_500, bytes(25)])
    found = await stage(seen, "r2", [ids[::-1]])
    assert found == {0: list(range(1, 25_000, 2))}


@pytest.mark.parametrize("step", ["note", "claim", "remember"])
async def test_a_full_disk(seen: LocalSeenIds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A full disk (simulated at fsync) is `StageFull`, leaves no half-written file, and the step works later."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if step == "remember":
        await stage(seen, "r1", [["a"]])
    elif step == "claim":
        await seen.note("r1", 0, pa.array(["a"], pa.large_string()))
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(StageFull):
            await (settle(seen, "r1", [b"\1"]) if step == "remember" else stage_last(seen, step))
    assert not [name for name in names(tmp_path) if name.endswith(".tmp")]
    if step != "remember":
        assert await stage(seen, "r1", [["a"]]) == {}
    await settle(seen, "r1", [b"\1"])
    assert await stage(seen, "r2", [["a"]]) == {0: [0]}


async def stage_last(seen: LocalSeenIds, step: str) -> None:
    """The one step of staging that is to fail."""
    if step == "claim":
        await seen.claim("r1", "crm", [0], NOW - 100)
    else:
        await seen.note("r1", 0, pa.array(["a"], pa.large_string()))


IDS = st.lists(st.sampled_from([f"m{n}" for n in range(12)]), min_size=1, max_size=6)


@given(
    st.lists(
        st.tuples(
            st.lists(IDS, min_size=1, max_size=3),
            st.sampled_from(["crm", "mail"]),
            st.booleans(),
            st.integers(0, 200),
            st.randoms(use_true_random=False),
        ),
        max_size=6,
    )
)
@settings(max_examples=15, deadline=None)
def test_as_a_plain_dict_would_have_it(history: list) -> None:  # type: ignore[type-arg]
    """Whatever runs claim, deliver, refuse or leave open: files and dicts find the same duplicates."""

    async def story(seen: SeenIds) -> list[Repeated]:
        found = []
        for number, (parts, to, ends, age, chance) in enumerate(history):
            state = chance.getstate()
            found.append(await stage(seen, f"r{number}", parts, to))
            if ends:
                outcomes = [bytes(chance.choice([0, 1, 1, 2, 4]) for _ in part) for part in parts]
                await settle(seen, f"r{number}", outcomes, NOW - age, to)
            chance.setstate(state)
        return found

    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(story(LocalSeenIds(Path(folder)))) == asyncio.run(story(MemorySeenIds()))
