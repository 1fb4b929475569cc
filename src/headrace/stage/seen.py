"""Which messageIds were received: one sort-merge over files, so that memory does not grow with the ids.

An id is 128 bits of XXH3 over its text. Every file holds ids sorted, in 256 buckets by their first byte, behind a
header of 256 counts; looking for duplicates goes bucket by bucket over all files that matter.

    ids/<run>/<seq>            the ids of a staged part, with their position in it      (`Noted`)
    <destination>/<run>.live   ids that a live run will deliver, with part and position (`Claimed`)
    <destination>/<run>.<last>.seen   ids that were received, with the second it happened  (`Received`)

``<last>`` is the second of the last receipt: a file can be forgotten without being read.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash as plh
import pyarrow as pa

from headrace.aio import in_thread
from headrace.model import Delivery, Settled
from headrace.stage import durable

Noted = np.dtype([("hi", "<u8"), ("lo", "<u8"), ("pos", "<u4")])
Claimed = np.dtype([("hi", "<u8"), ("lo", "<u8"), ("seq", "<u4"), ("pos", "<u4")])
Received = np.dtype([("hi", "<u8"), ("lo", "<u8"), ("at", "<u4")])
Rows = npt.NDArray[np.void]

_BUCKETS = 256
_HEADER = _BUCKETS * 8
_SMALL = 20_000  # ids


class LocalSeenIds:
    """Seen ids under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._one_thread = threading.Lock()

    async def note(self, run_id: str, seq: int, message_ids: pa.LargeStringArray) -> None:
        await in_thread(self._note, self._noted(run_id, seq), message_ids)

    async def claim(self, run_id: str, destination: str, seqs: Sequence[int], since: int) -> Mapping[int, list[int]]:
        return await in_thread(self._claim, run_id, destination, list(seqs), since)

    async def remember(self, run_id: str, deliveries: Sequence[Delivery]) -> None:
        await in_thread(self._remember, run_id, list(deliveries))

    async def forget(self, before: int) -> None:
        """Give the space of ids back that were received up to a moment (Unix seconds): no window reaches there."""
        await in_thread(self._forget, before)

    def runs(self) -> list[str]:
        """Runs that hold claims: those that live, and those that a crash kept from turning them into received ids."""
        return sorted({live.stem for live in self._folder.glob("*/*.live")})

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        """Two runs that claim at once, be it in two processes, must see each other."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._one_thread, open(self._folder / ".lock", "wb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise durable.failed(self._folder / ".lock", error) from error

    def _noted(self, run_id: str, seq: int) -> Path:
        return self._folder / "ids" / run_id / f"{seq:06d}"

    def _note(self, path: Path, message_ids: pa.LargeStringArray) -> None:
        hashes = _hash(message_ids)
        rows = np.empty(len(hashes), Noted)
        rows["hi"], rows["lo"], rows["pos"] = hashes[:, 0], hashes[:, 1], np.arange(len(hashes))
        rows = rows[np.lexsort((rows["lo"], rows["hi"]))]
        durable.write(path, [_counts(rows).tobytes(), rows.tobytes()])

    def _claim(self, run_id: str, destination: str, seqs: list[int], since: int) -> dict[int, list[int]]:
        with self._one_at_a_time():
            here = self._folder / destination
            here.mkdir(parents=True, exist_ok=True)
            noted = [(seq, _File(self._noted(run_id, seq), Noted)) for seq in seqs]
            others = [_File(p, Claimed) for p in sorted(here.glob("*.live")) if p.stem != run_id]
            received = [_File(p, Received) for p in sorted(here.glob("*.seen")) if _last(p) > since]
            duplicates: dict[int, list[npt.NDArray[np.uint32]]] = {}
            with _Writer(here / f"{run_id}.tmp") as claims:
                for bucket in range(_BUCKETS):
                    mine = _mine(noted, bucket)
                    before = [_keys(f.bucket(bucket)) for f in others]
                    for file in received:
                        rows = file.bucket(bucket)
                        before.append(_keys(rows[rows["at"] > since]))
                    repeated = _repeated(mine, before)
                    for seq in np.unique(mine["seq"][repeated]).tolist():
                        duplicates.setdefault(seq, []).append(mine["pos"][repeated & (mine["seq"] == seq)])
                    claims.add(mine[~repeated])
                claims.close(here / f"{run_id}.live")
        return {seq: np.sort(np.concatenate(found)).tolist() for seq, found in duplicates.items()}

    def _remember(self, run_id: str, deliveries: list[Delivery]) -> None:
        with self._one_at_a_time():
            durable.remove(self._folder / "ids" / run_id)
            for live in self._folder.glob(f"*/{run_id}.live"):
                mine = {d.seq: d for d in deliveries if d.destination == live.parent.name}
                _settle(live, mine)

    def _forget(self, before: int) -> None:
        with self._one_at_a_time():
            for path in self._folder.glob("*/*.seen"):
                if _last(path) <= before:
                    path.unlink()


class _File:
    """A bucketed file, read a bucket at a time; a small one is read once."""

    def __init__(self, path: Path, kind: np.dtype[np.void]) -> None:
        self._path, self._kind = path, kind
        counts = np.fromfile(path, np.int64, _BUCKETS)
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        small = self._starts[-1] <= _SMALL
        self._rows = np.fromfile(path, kind, offset=_HEADER) if small else None

    def bucket(self, number: int) -> Rows:
        start, stop = int(self._starts[number]), int(self._starts[number + 1])
        if self._rows is not None:
            return self._rows[start:stop]
        if start == stop:
            return np.empty(0, self._kind)
        return np.fromfile(self._path, self._kind, stop - start, offset=_HEADER + start * self._kind.itemsize)


class _Writer:
    """Writes a bucketed file bucket after bucket; it gets its name when it is whole."""

    def __init__(self, aside: Path) -> None:
        self._aside = aside
        self._counts: list[int] = []
        self._file = open(aside, "wb")  # noqa: SIM115  closed by __exit__
        self._file.write(bytes(_HEADER))

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, *_: object) -> None:
        """After an error leave nothing behind: the disk may be full. A file that has its name stays."""
        with suppress(OSError):  # it was told already
            self._file.close()
        self._aside.unlink(missing_ok=True)

    def add(self, rows: Rows) -> None:
        self._counts.append(len(rows))
        self._file.write(rows.tobytes())  # unlike tofile(), it says why it fails

    def close(self, path: Path) -> None:
        self._file.seek(0)
        self._file.write(np.array(self._counts, np.int64).tobytes())
        self._file.flush()
        durable.sync_and_name(self._file.fileno(), self._aside, path)


def _hash(texts: pa.LargeStringArray) -> npt.NDArray[np.uint64]:
    """128 bits of each text, as two columns of 64."""
    series = pl.Series("id", texts)
    hashed = series.to_frame().select(plh.col("id").nchash.xxh3_128(return_binary=True, byte_order="big"))
    data = hashed.to_series().to_arrow().cast(pa.large_binary()).buffers()[2]
    return np.frombuffer(data, ">u8", 2 * len(series)).reshape(-1, 2).astype(np.uint64)


def _counts(rows: Rows) -> npt.NDArray[np.int64]:
    first_byte = (rows["hi"] >> np.uint64(56)).astype(np.int64)
    return np.bincount(first_byte, minlength=_BUCKETS).astype(np.int64)


def _mine(noted: list[tuple[int, _File]], bucket: int) -> Rows:
    """One bucket of the run's ids over all its parts, in the order of parts and positions among equal ids."""
    pieces = []
    for seq, file in noted:
        rows = file.bucket(bucket)
        piece = np.empty(len(rows), Claimed)
        piece["hi"], piece["lo"], piece["seq"], piece["pos"] = rows["hi"], rows["lo"], seq, rows["pos"]
        pieces.append(piece)
    mine = np.concatenate(pieces) if pieces else np.empty(0, Claimed)
    return mine[np.lexsort((mine["pos"], mine["seq"], mine["lo"], mine["hi"]))]


def _keys(rows: Rows) -> npt.NDArray[np.uint64]:
    return np.stack([rows["hi"], rows["lo"]], axis=1)


def _repeated(mine: Rows, before: list[npt.NDArray[np.uint64]]) -> npt.NDArray[np.bool_]:
    """Which of the sorted ids came earlier: in the run itself, or among the ids before."""
    repeated = np.zeros(len(mine), bool)
    if not len(mine):
        return repeated
    repeated[1:] = (mine["hi"][1:] == mine["hi"][:-1]) & (mine["lo"][1:] == mine["lo"][:-1])
    for keys in before:
        repeated |= _among(mine, keys)
    return repeated


def _among(mine: Rows, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Which ids are among ``keys`` (sorted by their first 64 bits; those almost never repeat)."""
    found = np.zeros(len(mine), bool)
    if not len(keys):
        return found
    at = np.searchsorted(keys[:, 0], mine["hi"])
    open_ = np.ones(len(mine), bool)
    while open_.any():
        inside = open_ & (at < len(keys))
        clipped = np.minimum(at, len(keys) - 1)
        same_hi = inside & (keys[clipped, 0] == mine["hi"])
        found |= same_hi & (keys[clipped, 1] == mine["lo"])
        open_ = same_hi & ~found
        at = at + 1
    return found


def _settle(live: Path, deliveries: Mapping[int, Delivery]) -> None:
    """Rewrite a claim as received ids: those whose calls were delivered, each with its part's time."""
    claims = _File(live, Claimed)
    taken = {seq: _delivered(delivery) for seq, delivery in deliveries.items()}
    last = 0
    with _Writer(live.with_suffix(".tmp")) as writer:
        for bucket in range(_BUCKETS):
            rows = claims.bucket(bucket)
            received = np.zeros(len(rows), Received)
            received["hi"], received["lo"] = rows["hi"], rows["lo"]
            for seq in np.unique(rows["seq"]).tolist():
                here = rows["seq"] == seq
                received["at"][here] = taken[seq][rows["pos"][here]] if seq in taken else 0
            received = received[received["at"] > 0]
            last = max(last, int(received["at"].max(initial=0)))
            writer.add(received)
        writer.close(live.with_suffix(f".{last}.seen"))
    live.unlink()


def _delivered(delivery: Delivery) -> npt.NDArray[np.uint32]:
    """For each call of a part, the second it was received; 0 where it was not."""
    times = np.zeros(delivery.calls, np.uint32)
    if delivery.outcomes is not None and delivery.settled_at is not None:
        times[np.frombuffer(delivery.outcomes, np.uint8) == Settled.DELIVERED] = delivery.settled_at
    return times


def _last(seen: Path) -> int:
    """The second of the last receipt in a file."""
    return int(seen.suffixes[-2][1:])
