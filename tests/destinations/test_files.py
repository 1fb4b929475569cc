"""Files as a destination: what they hold, what they are called, and that none is ever there in part."""

from __future__ import annotations

import errno
import gzip
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pyarrow.parquet as pq
import pytest

from headrace.aio import in_thread
from headrace.calls.batch import ENVELOPE, CallsBatch
from headrace.destinations.files import SPEC
from headrace.model import CallKind
from headrace.ports import Destination, Reply, Tools, Verdict
from headrace.testing.destination_contract import batch_of, settings
from headrace.testing.samples import awkward_calls, bare_calls, calls_batch, sample_calls

SHAPES = [("ndjson", None), ("ndjson", "gzip"), ("parquet", None), ("parquet", "none")]


@pytest.fixture
def folder(tools: Tools) -> Path:
    return tools.base / "out"


def files(tools: Tools, file_format: str = "ndjson", compression: str | None = None) -> Destination:
    assert SPEC.destination is not None
    return SPEC.destination(settings(SPEC, path="out", format=file_format, compression=compression), tools)


async def send(destination: Destination, calls: CallsBatch, positions: Sequence[int] | None = None) -> Reply:
    return await destination.send(batch_of(destination, calls, positions))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def only(folder: Path) -> Path:
    """The one file in a folder."""
    (path,) = folder.iterdir()
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert content.endswith(b"\n")
    return [orjson.loads(line) for line in content[:-1].split(b"\n")]


# ------------------------------------------------------------------------------------------------- what they hold


@pytest.mark.parametrize("kind", CallKind)
@pytest.mark.parametrize("compression", [None, "gzip"])
async def test_ndjson_holds_the_calls(tools: Tools, folder: Path, kind: CallKind, compression: str | None) -> None:
    """Each line is one call as the Pipelines API spells it, in order, whatever characters it holds."""
    for calls in (sample_calls(kind), bare_calls(kind), awkward_calls(kind)):
        assert await send(files(tools, compression=compression), calls) == Reply()
        path = only(folder)
        held = lines(path)
        for call in held:
            if kind is CallKind.GROUP:
                call["traits"].pop("object_type_id", None)
        assert held == list(calls.dicts())
        await in_thread(path.unlink)


async def test_ndjson_keeps_object_types(tools: Tools, folder: Path) -> None:
    """The type of a group's object stands in its traits, as Customer.io reads it."""
    await send(files(tools), sample_calls(CallKind.GROUP, 2))
    path = only(folder)
    assert [call["traits"].get("object_type_id") for call in lines(path)] == ["2", None]


async def test_a_call_stays_on_its_line(tools: Tools, folder: Path) -> None:
    """JSON that a source gives with line breaks between its tokens is one line all the same."""
    body = '{\n  "text": "two\\nlines",\r\n  "n": 12345678901234567890123\n}'
    await send(
        files(tools), calls_batch(CallKind.IDENTIFY, {"user_id": ["7"], "body": [body], "context": ['{\n"a":1}']})
    )
    path = only(folder)
    (call,) = lines(path)
    assert (call["traits"]["text"], call["context"]) == ("two\nlines", {"a": 1})
    assert b"12345678901234567890123" in path.read_bytes()


@pytest.mark.parametrize("compression", [None, "none"])
@pytest.mark.parametrize("kind", CallKind)
async def test_parquet_holds_the_columns(tools: Tools, folder: Path, kind: CallKind, compression: str | None) -> None:
    """Parquet files hold type and all columns of a calls batch, absent ones as nulls, the texts to the letter."""
    for calls in (sample_calls(kind), bare_calls(kind), awkward_calls(kind)):
        assert await send(files(tools, "parquet", compression), calls) == Reply()
        path = only(folder)
        table = pq.read_table(path)
        assert table.column_names == ["type", *ENVELOPE]
        assert table.column("type").to_pylist() == [kind.value] * len(calls)
        for name in ENVELOPE:
            column = calls.column(name)
            assert table.column(name).to_pylist() == ([None] * len(calls) if column is None else column.to_pylist())
        codec = pq.ParquetFile(path).metadata.row_group(0).column(0).compression
        assert codec == ("ZSTD" if compression is None else "UNCOMPRESSED")
        await in_thread(path.unlink)


async def test_parquet_files_read_as_one_table(tools: Tools, folder: Path) -> None:
    """Files of all kinds, with and without optional columns, have one schema."""
    for kind in CallKind:
        await send(files(tools, "parquet"), bare_calls(kind, 2))
        await send(files(tools, "parquet"), sample_calls(kind, 3))
    frame = pl.read_parquet(folder / "*.parquet")
    assert len(frame) == 5 * len(CallKind)


@pytest.mark.parametrize(("file_format", "compression"), SHAPES)
async def test_only_the_batch_is_written(tools: Tools, folder: Path, file_format: str, compression: str | None) -> None:
    """Calls at other positions are left out."""
    calls = sample_calls(CallKind.TRACK)
    await send(files(tools, file_format, compression), calls, [2, 3, 7])
    path = only(folder)
    held = (
        [call["userId"] for call in lines(path)]
        if file_format == "ndjson"
        else pq.read_table(path)["user_id"].to_pylist()
    )
    assert held == ["user-0002", "user-0003", "user-0007"]


# ------------------------------------------------------------------------------------------------- their names


@pytest.mark.parametrize(("file_format", "compression"), SHAPES)
async def test_sending_again_replaces_the_file(
    tools: Tools, folder: Path, file_format: str, compression: str | None
) -> None:
    """A batch sent again, by another instance, leaves one file with the same bytes."""
    held = []
    for _ in range(2):
        await send(files(tools, file_format, compression), sample_calls(CallKind.IDENTIFY), [2, 3])
        path = only(folder)
        held.append((path.name, path.read_bytes()))
    assert held[0] == held[1]


@pytest.mark.parametrize("file_format", ["ndjson", "parquet"])
async def test_other_calls_never_replace_a_file(tools: Tools, folder: Path, file_format: str) -> None:
    """The same messageIds at the same moment with another content, rows, kind or time make a file of their own."""
    columns = {"user_id": ["7", "8"], "body": ['{"n":1}', '{"n":2}']}
    others = [
        calls_batch(CallKind.IDENTIFY, columns),
        calls_batch(CallKind.IDENTIFY, {**columns, "body": ['{"n":1}', '{"n":3}']}),
        calls_batch(CallKind.IDENTIFY, {**columns, "row": [3, 4]}),
        calls_batch(CallKind.IDENTIFY, columns, as_of=1),
        calls_batch(CallKind.GROUP, {**columns, "group_id": ["a", "b"]}),
    ]
    for calls in others:
        await send(files(tools, file_format), calls)
    assert len(names(folder)) == len(others)


async def test_names_tell_kind_moment_and_rows(tools: Tools, folder: Path) -> None:
    """A name begins with type of call, moment of the query and rows, and ends in what the file is."""
    for file_format, compression in SHAPES:
        await send(files(tools, file_format, compression), sample_calls(CallKind.TRACK), [2, 3])
    stems = {name.split(".", 1)[0].rsplit("-", 1)[0] for name in names(folder)}
    assert stems == {"track-20261123T160000Z-3-4"}
    assert {name.split(".", 1)[1] for name in names(folder)} == {"ndjson", "ndjson.gz", "parquet"}


# -------------------------------------------------------------------------------------------------------- failures


FAILURES = {
    errno.ENOSPC: (Verdict.RETRY, "disk_full"),
    errno.EDQUOT: (Verdict.RETRY, "disk_full"),
    errno.EIO: (Verdict.RETRY, "disk_failing"),
    errno.EROFS: (Verdict.DENIED, "not_writable"),
    errno.EACCES: (Verdict.DENIED, "not_writable"),
}


@pytest.mark.parametrize("number", FAILURES)
async def test_a_failing_disk(tools: Tools, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Full and failing disks are retried, forbidden ones denied; the folder is named, and nothing is left behind."""

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        reply = await send(files(tools), sample_calls(CallKind.TRACK))
    assert (reply.verdict, reply.code) == FAILURES[number]
    assert str(folder) in reply.reason
    assert reply.reason.endswith(".")
    assert names(folder) == []
    assert await send(files(tools), sample_calls(CallKind.TRACK)) == Reply()


async def test_a_file_is_whole_or_not_there(tools: Tools, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file gets its name only after its content is on disk, and the folder is flushed after that."""
    seen: list[tuple[bool, list[str]]] = []

    def look(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        seen.append((is_folder, [name for name in names(folder) if not name.startswith(".")]))

    monkeypatch.setattr(os, "fsync", look)
    await send(files(tools), sample_calls(CallKind.TRACK))
    assert seen == [(False, []), (True, names(folder))]


async def test_a_folder_below_a_file(tools: Tools, folder: Path) -> None:
    """Where no folder can be made, check has a problem and send is denied."""
    await in_thread(folder.write_text, "")
    destination = files(tools)
    (problem,) = (await destination.check()).problems
    assert str(folder) in problem
    assert (await send(destination, sample_calls(CallKind.TRACK))).verdict is Verdict.DENIED


async def test_check_makes_nothing(tools: Tools, folder: Path) -> None:
    """A folder that can be made is well, its free space is told, and it is not made yet."""
    check = await files(tools).check()
    assert check.ok
    assert "free" in check.facts
    assert list(tools.base.iterdir()) == []


async def test_little_space_is_a_warning(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than a GiB does not stop a run, but is said."""
    monkeypatch.setattr("headrace.destinations.files.LOW_SPACE", 2**80)
    check = await files(tools).check()
    assert check.ok
    assert len(check.warnings) == 1


@pytest.mark.parametrize(
    ("file_format", "compression", "fits"),
    [
        ("ndjson", None, True),
        ("ndjson", "none", True),
        ("ndjson", "gzip", True),
        ("ndjson", "zstd", False),
        ("parquet", None, True),
        ("parquet", "none", True),
        ("parquet", "zstd", True),
        ("parquet", "gzip", False),
    ],
)
def test_compressions(file_format: str, compression: str | None, fits: bool) -> None:
    """Each format has its own compressions; another one is refused with those that fit."""
    assert SPEC.validate is not None
    wrong = SPEC.validate(settings(SPEC, path="out", format=file_format, compression=compression))
    assert [field for field, _ in wrong] == ([] if fits else ["compression"])
