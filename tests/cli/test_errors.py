"""`headrace errors`: every failed row with its reason and its values."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest

from headrace.testing.http_server import Answer, Recorded, RecordingServer
from tests.cli.conftest import Headrace

KEYS = ["row", "destination", "code", "column", "message", "values"]


@pytest.fixture
def run_id(headrace: Headrace) -> str:
    """A run whose third row has no identifier and a name that a spreadsheet would run."""
    return str(headrace.run("people")["id"])


def test_json_is_an_object_per_row(headrace: Headrace, run_id: str) -> None:
    """One line per failed row; a row that became no call failed for all destinations."""
    ended = headrace("errors", run_id, "--json")
    assert ended.code == 0
    (line,) = ended.out.splitlines()
    failed = json.loads(line)
    assert list(failed) == KEYS
    assert (failed["row"], failed["code"], failed["values"]) == (
        3,
        "missing_identifier",
        {"userId": None, "name": "=1+1"},
    )
    assert failed["message"]


def test_words(headrace: Headrace, run_id: str) -> None:
    """A summary by reason, then each row with its values."""
    out = headrace("errors", run_id).out
    assert "missing_identifier" in out
    assert "row 3 → all destinations" in out
    assert '"name": "=1+1"' in out


def test_csv_disarms_formulas(headrace: Headrace, run_id: str) -> None:
    """A column per column of the query; text that a spreadsheet would run is quoted."""
    target = headrace.folder / "failed.csv"
    ended = headrace("errors", run_id, "-o", str(target))
    assert (ended.code, ended.out) == (0, "")
    assert "Wrote 1 failed row to" in ended.err
    with target.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == ["row", "destination", "code", "column", "message", "userId", "name"]
    assert (row["row"], row["userId"], row["name"]) == ("3", "", "'=1+1")


@pytest.mark.parametrize("ending", [".jsonl", ".ndjson"])
def test_json_lines(headrace: Headrace, run_id: str, ending: str) -> None:
    """The file holds what ``--json`` prints, untouched."""
    target = headrace.folder / f"failed{ending}"
    assert headrace("errors", run_id, "-o", str(target)).code == 0
    assert target.read_text() == headrace("errors", run_id, "--json").out


def test_parquet(headrace: Headrace, run_id: str) -> None:
    """The same rows for tools that read Parquet; values are JSON text."""
    target = headrace.folder / "failed.parquet"
    assert headrace("errors", run_id, "-o", str(target)).code == 0
    (row,) = pq.read_table(target).to_pylist()
    assert set(row) >= set(KEYS)
    assert (row["row"], json.loads(row["values"])["name"]) == (3, "=1+1")


@pytest.mark.parametrize("name", ["failed.xlsx", "failed"])
def test_an_unknown_ending_is_exit_2(headrace: Headrace, run_id: str, name: str) -> None:
    """The sentence lists the endings; no file is made."""
    target = headrace.folder / name
    ended = headrace("errors", run_id, "-o", str(target))
    assert ended.code == 2
    assert ".csv, .jsonl, .ndjson or .parquet" in ended.err
    assert not target.exists()


def test_a_file_that_cannot_be_written_is_a_sentence(headrace: Headrace, run_id: str) -> None:
    """A folder that is not there."""
    ended = headrace("errors", run_id, "-o", str(headrace.folder / "absent" / "failed.csv"))
    assert ended.code == 2
    assert "cannot be written" in ended.err


def test_a_destinations_refusal_has_its_words(headrace: Headrace, crm: RecordingServer) -> None:
    """What the destination said of a call stands beside the row that it was."""

    def refuse_bad_names(request: Recorded) -> Answer:
        bad = [index for index, call in enumerate(request.json["batch"]) if call["traits"]["name"] == "=1+1"]
        return Answer(200, {"errors": [{"batch_index": i, "reason": "bad_name", "message": "no sums"} for i in bad]})

    crm.always(refuse_bad_names)
    run = headrace.run("crm_people")
    assert run["destinations"]["crm"] == {"delivered": 1, "duplicate": 0, "invalid": 0, "rejected": 1, "pending": 0}
    failed = json.loads(headrace("errors", run["id"], "--json").out)
    assert (failed["row"], failed["destination"], failed["code"]) == (2, "crm", "bad_name")
    assert "no sums" in failed["message"]


def test_a_run_without_failures(headrace: Headrace) -> None:
    """Nothing failed: words say so, JSON prints nothing, a file has no rows."""
    run = headrace.run("orders")["id"]
    assert "No row failed" in headrace("errors", run).out
    assert headrace("errors", run, "--json").out == ""
    target = headrace.folder / "none.csv"
    assert "Wrote 0 failed rows" in headrace("errors", run, "-o", str(target)).err


def test_an_unknown_run_is_exit_2(headrace: Headrace) -> None:
    """The sentence says where to find the ids."""
    ended = headrace("errors", "20200101-000000-aaaaaa")
    assert ended.code == 2
    assert "There is no run '20200101-000000-aaaaaa'" in ended.err
    assert "headrace runs" in ended.err
