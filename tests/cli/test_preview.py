"""`headrace preview`: rows, and beside each the call it becomes."""

from __future__ import annotations

from headrace.testing.http_server import RecordingServer
from tests.cli.conftest import Headrace


def test_json_has_columns_rows_calls_and_reasons(headrace: Headrace) -> None:
    """What scripts and editors depend on."""
    ended = headrace("preview", "people", "--json")
    assert ended.code == 0
    fact = ended.json
    assert [column["name"] for column in fact["columns"]] == ["userId", "name"]
    assert all(set(column) == {"name", "type"} and column["type"] for column in fact["columns"])
    first, _, third = fact["rows"]
    assert first["row"] == 1
    assert first["values"] == {"userId": "u1", "name": "Ann"}
    assert (first["call"]["type"], first["call"]["userId"], first["call"]["traits"]) == (
        "identify",
        "u1",
        {"name": "Ann"},
    )
    assert first["errors"] == []
    assert third["call"] is None
    (error,) = third["errors"]
    assert set(error) == {"code", "column", "message"}
    assert error["code"] == "missing_identifier"


def test_words_show_values_call_and_reason(headrace: Headrace) -> None:
    """People see the row, the call, and why a row becomes none."""
    out = headrace("preview", "people").out
    assert "userId: u1" in out
    assert '"traits": {' in out
    assert "missing_identifier" in out


def test_nothing_is_sent_and_no_state_moves(headrace: Headrace, crm: RecordingServer) -> None:
    """No request, no file, no run, and the next run still sends everything."""
    assert headrace("preview", "crm_people").code == 0
    assert headrace("preview", "people").code == 0
    assert crm.requests == []
    assert not (headrace.folder / "out").exists()
    assert not (headrace.folder / "workspace.sqlite").exists()
    assert headrace("runs", "--json").json == {"runs": []}
    assert headrace.run("people")["extracted"] == 3


def test_limit_and_last_sync_time_are_the_users(headrace: Headrace) -> None:
    """``-n`` limits rows; ``--last-sync-time`` previews a later run."""
    assert len(headrace("preview", "people", "-n", "2", "--json").json["rows"]) == 2
    assert headrace("preview", "people", "--last-sync-time", "100", "--json").json["rows"] == []
    assert "returns no rows" in headrace("preview", "people", "--last-sync-time", "100").out


def test_after_a_run_it_still_previews_everything(headrace: Headrace) -> None:
    """The preview begins at 0, whatever has been sent."""
    headrace.run("people")
    assert len(headrace("preview", "people", "--json").json["rows"]) == 3


def test_bad_sql_names_the_place_in_the_users_query(headrace: Headrace) -> None:
    """Line and column count within the query as it stands in the YAML block."""
    ended = headrace("preview", "typo")
    assert ended.code == 1
    assert "nmae" in ended.err
    assert "line 2, column 8" in ended.err
    assert "Traceback" not in ended.err


def test_a_misspelt_sync_lists_the_known_ones(headrace: Headrace) -> None:
    """Exit 2 with the names that would have worked."""
    ended = headrace("preview", "peopel")
    assert ended.code == 2
    assert "'peopel'" in ended.err
    assert "crm_people, orders, people, typo" in ended.err
