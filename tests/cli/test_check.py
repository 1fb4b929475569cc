"""`headrace check`: is the configuration well, and do the connections work?"""

from __future__ import annotations

import pytest

from headrace.app import App
from headrace.errors import HeadraceError
from headrace.ports import Source
from headrace.testing.http_server import Answer, RecordingServer, unused_url
from tests.cli.conftest import Headrace


def test_all_well(headrace: Headrace, crm: RecordingServer) -> None:
    """Exit 0, a line per connection, and how many syncs are ready."""
    ended = headrace("check")
    assert (ended.code, ended.err) == (0, "")
    for name in ("shop", "workspace", "export", "crm"):
        assert f"✓ {name} " in ended.out
    assert "All is well: the configuration and every connection." in ended.out


def test_json_tells_each_connection(headrace: Headrace, crm: RecordingServer) -> None:
    """Scripts read ``ok`` for all and for each."""
    ended = headrace("check", "--json")
    assert ended.code == 0
    assert ended.json["ok"] is True
    assert ended.json["sources"]["shop"]["ok"] is True
    assert ended.json["destinations"]["crm"] == {
        "type": "customerio", "ok": True, "problems": [], "warnings": [], "facts": {},
    }  # fmt: skip


def test_a_wrong_key_is_one_sentence_that_says_what_to_do(headrace: Headrace, crm: RecordingServer) -> None:
    """Exit 1; the others are checked all the same; the key is not shown."""
    crm.always(Answer(401, {"error": "no secret-key here"}))
    ended = headrace("check")
    assert ended.code == 1
    assert "✗ crm " in ended.out
    assert "✓ export " in ended.out
    assert "Check api_key" in ended.out
    assert "secret-key" not in ended.out + ended.err
    assert "All is well" not in ended.out


def test_an_address_without_the_api_names_url(headrace: Headrace, crm: RecordingServer) -> None:
    """404 means that url is wrong."""
    crm.always(Answer(404, "nope"))
    ended = headrace("check")
    assert ended.code == 1
    assert "Check url." in ended.out


def test_an_unreachable_destination_names_the_address(headrace: Headrace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens: exit 1 and the address that was tried."""
    address = unused_url()
    monkeypatch.setenv("CRM_URL", address)
    ended = headrace("check", "--json")
    assert ended.code == 1
    assert ended.json["ok"] is False
    (problem,) = ended.json["destinations"]["crm"]["problems"]
    assert address.removeprefix("http://") in problem


def test_a_missing_warehouse_names_the_file(headrace: Headrace, crm: RecordingServer) -> None:
    """A source that cannot be opened is a problem of that source, with its file."""
    (headrace.folder / "shop.duckdb").unlink()
    ended = headrace("check")
    assert ended.code == 1
    assert "✗ shop " in ended.out
    assert "shop.duckdb" in ended.out.replace("\n    ", "").replace("\n", "")


def test_every_finding_at_once(headrace: Headrace) -> None:
    """Exit 3; each error of the configuration with file, line and place."""
    headrace.edit("call: track", "call: trakc")
    headrace.edit("destinations: [crm]", "destinations: [nowhere]")
    ended = headrace("check")
    assert ended.code == 3
    assert ended.out == ""
    assert "2 errors" in ended.err
    assert "syncs.orders.call = 'trakc'" in ended.err
    assert "'nowhere'" in ended.err
    assert ended.err.count("headrace.yaml:") == 2


def test_a_folder_without_a_project_says_how_to_make_one(folder: Headrace) -> None:
    """The commonest mistake, the wrong folder, is one plain sentence."""
    ended = folder("check")
    assert ended.code == 3
    assert ended.err.startswith("headrace: There is no headrace.yaml in ")
    assert "headrace init" in ended.err


def test_an_absent_folder_is_a_sentence(folder: Headrace) -> None:
    """``-C`` to nowhere."""
    ended = folder("-C", str(folder.folder / "absent"), "check")
    assert ended.code in (2, 3)
    assert "absent" in ended.err
    assert "Traceback" not in ended.err


def test_doubts_about_the_file_are_shown(headrace: Headrace, crm: RecordingServer) -> None:
    """What is allowed in the configuration and yet may not be meant is told by its place, and is no failure."""
    headrace.edit("${CRM_KEY:-secret-key}", "written-out")
    ended = headrace("check", "--json")
    assert ended.code == 0
    assert any("headrace.yaml:" in warning and "[literal_secret]" in warning for warning in ended.json["warnings"])
    assert "written-out" not in ended.out


def test_a_connection_that_cannot_be_tried_keeps_no_other_from_being_checked(
    headrace: Headrace, crm: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a driver is missing: the sentence stands with its source, and the rest is checked."""

    def open_source(app: App, name: str) -> Source:
        raise HeadraceError('The driver is not installed. Run: pip install "headrace[shop]"', code="driver_missing")

    monkeypatch.setattr(App, "open_source", open_source)
    ended = headrace("check", "--json")
    assert ended.code == 1
    assert ended.json["ok"] is False
    assert ended.json["sources"]["shop"] == {
        "type": "duckdb", "ok": False, "warnings": [], "facts": {},
        "problems": ['The driver is not installed. Run: pip install "headrace[shop]"'],
    }  # fmt: skip
    assert ended.json["destinations"]["crm"]["ok"] is True


def test_check_of_some_connections(headrace: Headrace, crm: RecordingServer) -> None:
    """Only the named ones are tried, sources and destinations alike; an unknown name is told before any is."""
    crm.always(Answer(401, {"error": "no"}))
    ended = headrace("check", "shop", "export", "--json")
    assert ended.code == 0
    assert list(ended.json["sources"]) == ["shop"]
    assert list(ended.json["destinations"]) == ["export"]
    unknown = headrace("check", "shopp")
    assert unknown.code == 2
    assert unknown.out == ""
    assert "no source or destination 'shopp'" in unknown.err
    assert "shop" in unknown.err
