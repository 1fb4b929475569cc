"""Parts and error files on the local disk: there whole, or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pyarrow as pa
import pytest

from headrace.calls import failures
from headrace.calls.batch import CallsBatch
from headrace.calls.failures import Failed
from headrace.errors import HeadraceError, StageFull
from headrace.model import CallKind, Failure
from headrace.stage import durable
from headrace.stage.errorfiles import LocalErrorFiles
from headrace.stage.local import LocalStage
from headrace.testing.samples import AS_OF, awkward_calls, bare_calls, sample_calls


def files(folder: Path) -> list[str]:
    """Every file under a folder, by its path there."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def bytes_of(path: Path) -> int:
    return path.stat().st_size


@pytest.mark.parametrize("kind", CallKind)
@pytest.mark.parametrize("make", [sample_calls, bare_calls, awkward_calls])
async def test_a_part_comes_back_as_it_was(tmp_path: Path, kind: CallKind, make: object) -> None:
    """Kind, columns, moment and placement of a part survive the disk; its bytes are told."""
    assert callable(make)
    made = make(kind)
    calls = CallsBatch(made.kind, made.columns, made.as_of, {"columns": [["userId", "string", ["userId"]]]})
    stage = LocalStage(tmp_path)
    size = await stage.write("r1", 7, calls)
    back = await stage.read("r1", 7)
    assert back.columns.equals(calls.columns)
    assert (back.kind, back.as_of, back.meta) == (kind, AS_OF, calls.meta)
    assert size == bytes_of(tmp_path / "r1" / "000007.arrow")
    assert files(tmp_path) == ["r1/000007.arrow"]


async def test_a_part_can_be_written_again(tmp_path: Path) -> None:
    """Extracting anew overwrites what an earlier attempt left."""
    stage = LocalStage(tmp_path)
    await stage.write("r1", 0, sample_calls(CallKind.TRACK, 50))
    await stage.write("r1", 0, sample_calls(CallKind.TRACK, 3))
    assert len(await stage.read("r1", 0)) == 3


async def test_discard_gives_one_runs_space_back(tmp_path: Path) -> None:
    """Discarding removes a run's parts and no other's; twice, or of nothing, is no error."""
    stage = LocalStage(tmp_path / "stage")
    assert stage.runs() == []
    for run in ("r1", "r2"):
        await stage.write(run, 0, bare_calls(CallKind.IDENTIFY))
    assert stage.runs() == ["r1", "r2"]
    await stage.discard("r1")
    await stage.discard("r1")
    await stage.discard("never")
    assert stage.runs() == ["r2"]
    assert len(await stage.read("r2", 0)) == 3


async def test_a_missing_part_says_so(tmp_path: Path) -> None:
    """A part that is gone is our own disk's trouble, in a sentence that names the file."""
    with pytest.raises(StageFull, match=r"000003\.arrow.*No such file.*--fresh"):
        await LocalStage(tmp_path).read("r1", 3)


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize("cause", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
async def test_a_failing_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, cause: int
) -> None:
    """A write that fails (simulated at the system call) leaves the old part whole and nothing half; it says why."""
    stage = LocalStage(tmp_path)
    await stage.write("r1", 0, bare_calls(CallKind.IDENTIFY))

    def fail(*_: object) -> int:
        raise OSError(cause, os.strerror(cause))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(StageFull) as raised:
        await stage.write("r1", 0, sample_calls(CallKind.IDENTIFY, 100))
    with pytest.raises(StageFull):
        await stage.write("r1", 1, sample_calls(CallKind.IDENTIFY, 100))
    monkeypatch.undo()
    assert files(tmp_path) == ["r1/000000.arrow"]
    assert len(await stage.read("r1", 0)) == 3
    full = cause != errno.EIO
    assert raised.value.code == ("stage_full" if full else "stage_failed")
    assert ("The disk is full" in raised.value.message) is full
    assert str(tmp_path / "r1") in raised.value.message
    assert raised.value.message.endswith("." if full else "folder.")


async def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    """Whatever the disk objects to, it is told as a `StageFull`, never as the system's own error."""
    (tmp_path / "stage").write_text("not a folder")
    with pytest.raises(StageFull, match="Our own disk refuses to work"):
        await LocalStage(tmp_path / "stage").write("r1", 0, bare_calls(CallKind.IDENTIFY))


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes a few bytes at a time (simulated) gets them all, in order."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    assert durable.write(tmp_path / "a" / "b", [b"0123456789", memoryview(b"abc"), b""]) == 13
    assert (tmp_path / "a" / "b").read_bytes() == b"0123456789abc"


def test_durable_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is fsynced before it gets its name, its folder after: a power cut leaves the old state or the new."""
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(descriptor: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def spy_replace(old: Path, new: Path) -> None:
        order.append("name")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    durable.write(tmp_path / "part", [b"x"])
    assert order == ["file", "name", "folder"]


def failed(row: int) -> pa.Table:
    return failures.table([Failed(row, "crm", Failure("odd", "It is odd."), '{"a": "Zoë"}', "m1", None)])


async def test_error_files_come_back_in_the_given_order(tmp_path: Path) -> None:
    """Error files are read as named, one table each, with every column; others are not touched."""
    kept = LocalErrorFiles(tmp_path)
    for row, name in enumerate(["rows-1", "calls-1", "calls-2"], 1):
        await kept.write("r1", name, failed(row))
    tables = list(kept.read("r1", ["calls-2", "rows-1"]))
    assert [table.to_pylist() for table in tables] == [failed(3).to_pylist(), failed(1).to_pylist()]
    assert tables[0].schema.equals(failures.SCHEMA)
    assert list(kept.read("r1", [])) == []


async def test_an_error_file_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk (simulated at fsync) while failures are written is `StageFull`, and leaves no file."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StageFull, match="The disk is full"):
        await LocalErrorFiles(tmp_path).write("r1", "calls-1", failed(1))
    assert files(tmp_path) == []


async def test_a_damaged_part_says_so(tmp_path: Path) -> None:
    """A part that was cut short names its file and the way out; it is no error of a library."""
    stage = LocalStage(tmp_path)
    await stage.write("r", 0, sample_calls(CallKind.IDENTIFY))
    file = tmp_path / "r" / "000000.arrow"
    os.truncate(file, 100)
    with pytest.raises(StageFull, match=r"damaged.*--fresh") as told:
        await stage.read("r", 0)
    assert told.value.code == "stage_failed"


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [(None, "errors_forgotten", "are not kept any more"), (b"PAR1 no more", "errors_unreadable", "gone or damaged")],
    ids=["gone", "damaged"],
)
def test_an_error_file_that_is_gone_or_damaged_says_so(
    tmp_path: Path, content: bytes | None, code: str, words: str
) -> None:
    """Failed rows that cannot be read name the run, and why."""
    if content is not None:
        (tmp_path / "r").mkdir()
        (tmp_path / "r" / "rows.parquet").write_bytes(content)
    with pytest.raises(HeadraceError, match=words) as told:
        list(LocalErrorFiles(tmp_path).read("r", ["rows"]))
    assert told.value.code == code
    assert "'r'" in told.value.message
