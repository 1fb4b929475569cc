"""A backup: the whole store and the files it speaks of, in one archive, made while the service works.

    headrace.json     what made it, and when
    store.jsonl       the store as of one moment, see `headrace.store.dump`
    state/stage …     staged parts, failed rows, received ids, journals, workspaces

The key of the kept secrets is not in it: who finds the archive has no secret. Keep the key apart.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headrace import __version__
from headrace.aio import in_thread
from headrace.errors import HeadraceError
from headrace.model import RunState
from headrace.ports import Clock
from headrace.stage import durable
from headrace.store import dump
from headrace.store.sql_store import SqlStore

FOLDERS = ("stage", "errors", "seen", "journal")
_FORMAT = 1
_TRIES = 5
_OURS = ("headrace.json", "store.jsonl", "state")


@dataclass(frozen=True, slots=True)
class Summary:
    """What an archive holds."""

    rows: int
    files: int
    bytes: int  # of the archive
    made_at: str


async def back_up(store: SqlStore, home: Path, target: Path, clock: Clock) -> Summary:
    """Write an archive to ``target``, which must not exist yet. Raises `HeadraceError`."""
    made_at = clock.now().isoformat(timespec="seconds")
    try:
        with tempfile.TemporaryDirectory(prefix="backup-", dir=home) as folder:
            aside = Path(folder)
            rows = await _snapshot(store, home, aside)
            about = {"format": _FORMAT, "version": __version__, "made_at": made_at, "rows": rows}
            (aside / "headrace.json").write_text(json.dumps(about))
            files, size = await in_thread(_pack, aside, target)
    except OSError as error:
        raise durable.failed(target, error) from error
    return Summary(rows, files, size, made_at)


async def restore(store: SqlStore, home: Path, archive: Path) -> Summary:
    """Fill an empty store and an empty state folder from an archive. Raises `HeadraceError`."""
    await in_thread(_require_empty, home)
    await store.require_empty()  # before any file is put in place
    try:
        with tempfile.TemporaryDirectory(prefix="restore-", dir=home) as folder:
            aside = Path(folder)
            await in_thread(_unpack, archive, aside)
            about = json.loads((aside / "headrace.json").read_text())
            files = await in_thread(_put_in_place, aside / "state", home)
            rows = await store.load(aside / "store.jsonl")
            size = await in_thread(lambda: archive.stat().st_size)
    except (tarfile.TarError, ValueError, KeyError, EOFError) as error:
        raise dump.damaged() from error
    except FileNotFoundError as error:
        raise dump.damaged() from error
    except OSError as error:
        raise durable.failed(home, error) from error
    return Summary(rows, files, size, about["made_at"])


async def _snapshot(store: SqlStore, home: Path, aside: Path) -> int:
    """The store, and every file that it speaks of.

    Files are linked before and after the store is read: one that came in between is caught by the second pass, one
    that went by the first. What came and went in between is found missing, and all is tried again.
    """
    for _ in range(_TRIES):
        await in_thread(_link_all, home, aside / "state")
        rows = await store.dump(aside / "store.jsonl")
        await in_thread(_link_all, home, aside / "state")
        if not await in_thread(_missing, aside):
            await in_thread(_copy_databases, home, aside / "state")
            return rows
    raise HeadraceError("The service changes too fast to take a backup. Try again.", code="backup_busy")


def _link_all(home: Path, state: Path) -> None:
    """Give every file a second name: it stays, whatever becomes of the first."""
    for name in FOLDERS:
        for path in (home / name).rglob("*"):
            second = state / path.relative_to(home)
            if path.suffix == ".tmp" or second.exists() or not path.is_file():
                continue
            second.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # it went just now
                _link(path, second)


def _link(path: Path, second: Path) -> None:
    try:
        os.link(path, second)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copyfile(path, second)


def _missing(aside: Path) -> bool:
    """Whether a run that delivers lacks one of its parts, or a journal its file."""
    delivering: set[str] = set()
    journals = {path.stem for path in (aside / "state" / "journal").rglob("*")}
    for table, row in dump.rows(aside / "store.jsonl", "runs", "parts", "journals"):
        if table == "runs" and row["state"] == RunState.DELIVERING:
            delivering.add(row["id"])
        elif (table == "journals" and row["name"] not in journals) or (
            table == "parts"
            and row["run"] in delivering
            and row["calls"]
            and not (aside / "state" / "stage" / row["run"] / f"{row['seq']:06d}.arrow").exists()
        ):
            return True
    return False


def _copy_databases(home: Path, state: Path) -> None:
    """Workspaces are databases of their own: copied as of one moment each."""
    for path in home.glob("*.sqlite"):
        if path.name != "store.sqlite":
            with (
                contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
                contextlib.closing(sqlite3.connect(state / path.name)) as copy,
            ):
                source.backup(copy)


def _pack(aside: Path, target: Path) -> tuple[int, int]:
    """Make the archive; returns how many files it holds, and its bytes."""
    if target.exists():
        raise HeadraceError(f"There is a file {str(target)!r} already. Choose another name.", code="file_exists")
    partial = target.with_name(target.name + ".tmp")
    files = 0
    try:
        with open(partial, "wb") as file:
            os.fchmod(file.fileno(), 0o600)  # it holds rows of data
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as archive:
                for path in _files(aside):
                    archive.add(path, str(path.relative_to(aside)), recursive=False)
                    files += 1
            file.flush()
            durable.sync_and_name(file.fileno(), partial, target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    return files, target.stat().st_size


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _require_empty(home: Path) -> None:
    full = [name for name in FOLDERS if (home / name).is_dir() and any((home / name).iterdir())]
    if full:
        raise HeadraceError(
            f"The state folder {str(home)!r} is not empty: it has {', '.join(full)}. Restore into a new one: set "
            "HEADRACE_HOME.",
            code="not_empty",
        )


def _unpack(archive: Path, aside: Path) -> None:
    if not archive.is_file():
        raise HeadraceError(f"There is no file {str(archive)!r}.", code="no_backup")
    with tarfile.open(archive, "r:gz") as packed:
        for member in packed:
            parts = Path(member.name).parts
            content = packed.extractfile(member) if member.isfile() else None
            if content is None or parts[0] not in _OURS or ".." in parts:
                raise dump.damaged()
            place = aside.joinpath(*parts)
            place.parent.mkdir(parents=True, exist_ok=True)
            with open(place, "wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)


def _put_in_place(state: Path, home: Path) -> int:
    files = 0
    for path in _files(state):
        place = home / path.relative_to(state)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
        files += 1
    return files
