"""`headrace syncs`: how each sync stands."""

from __future__ import annotations

from tests.cli.conftest import Headrace


def test_facts_of_each_sync(headrace: Headrace) -> None:
    """Each sync has its schedule in words, its switch, its cursor, its version and its newest run."""
    headrace.run("people")
    facts = {sync["name"]: sync for sync in headrace("syncs", "--json").json["syncs"]}
    assert sorted(facts) == ["crm_people", "orders", "people", "typo"]
    people = facts["people"]
    assert (people["enabled"], people["schedule"], people["next_due"], people["version"]) == (True, "manual", None, 1)
    assert people["last_run"]["state"] == "partial"
    assert people["last_sync_time"] == people["last_run"]["next_last_sync_time"] > 0
    assert facts["orders"]["last_run"] is None
    assert facts["typo"]["enabled"] is False


def test_words_for_people(headrace: Headrace) -> None:
    """A line per sync; what needs attention is told below."""
    headrace.run("typo")
    shown = headrace("syncs").out
    assert "manual (disabled)" in shown
    assert "never" in shown
    assert "typo: " in shown
    assert "nmae" in shown


def test_an_edit_is_a_new_version(headrace: Headrace) -> None:
    """A sync that was edited in its file has its next version."""
    headrace.run("orders")
    file = headrace.folder / "headrace.yaml"
    file.write_text(file.read_text().replace("3 AS total", "4 AS total"))
    facts = {sync["name"]: sync for sync in headrace("syncs", "--json").json["syncs"]}
    assert (facts["orders"]["version"], facts["people"]["version"]) == (2, 1)


def test_no_syncs(headrace: Headrace) -> None:
    """A project without syncs says what to do."""
    (headrace.folder / "headrace.yaml").write_text("sources: {shop: {type: duckdb, path: shop.duckdb}}\n")
    assert "There are no syncs yet" in headrace("syncs").out
