"""What the store defines means what the same keys mean in a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from headrace.config import KEPT, SYNC_FIELDS, body_of, load_with_warnings
from headrace.config.bodies import node_of
from headrace.config.nodes import Map, parse
from headrace.connector import Field
from headrace.definitions import Definition, Kind
from headrace.errors import ConfigError
from headrace.model import Secret
from headrace.project import Project
from headrace.sources.http import SPEC as HTTP
from tests.rules.connectors import FIELDS, SPECS, project

ALL = {**SPECS, ("source", "http"): HTTP}
BOUNDED = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SOURCE = {"type": "postgresql", "host": "h", "database": "d"}
SYNC: dict[str, Any] = {"source": "shop", "call": "track", "query": "SELECT 1", "destinations": ["log"]}


def definition(kind: Kind, name: str, body: dict[str, Any]) -> Definition:
    return Definition(kind, name, 3, body, datetime(2026, 1, 1, tzinfo=UTC), "user:ada")


def from_store(folder: Path, bodies: dict[str, dict[str, Any]], env: dict[str, str] | None = None) -> Project:
    stored = [definition(kind, name, body) for kind in Kind for name, body in bodies.get(kind.section, {}).items()]
    return load_with_warnings(folder, env or {}, ALL, stored, need_files=False)[0]


def from_file(folder: Path, bodies: dict[str, dict[str, Any]]) -> Project | set[tuple[str, str]]:
    """The project; else where what is wrong."""
    try:
        text = yaml.safe_dump(bodies, allow_unicode=True, sort_keys=False)
        return load_with_warnings(project(folder, text), {}, ALL)[0]
    except ConfigError as error:
        return {(finding.where, finding.code) for finding in error.findings}


# What YAML takes in a text; whether a variable may stand there is another rule's matter.
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="$\x85\u2028\u2029\ufeff"), max_size=12
)
numbers = st.integers(-(10**20), 10**20) | st.floats(-1e9, 1e9).map(lambda number: round(number, 3))
plain = st.none() | st.booleans() | numbers | texts
trees = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
LIKELY = {
    "schedule": st.sampled_from(["manual", "every hour", "0 6 * * *", "after people"]),
    "start": st.sampled_from(["2026-12-01", "2026-12-01T06:00:00+02:00"]),
    "lookback": st.sampled_from(["5 minutes", 60, "0"]),
    "deduplicate_for": st.sampled_from(["1 day", 0]),
    "timezone": st.sampled_from(["UTC", "Europe/Warsaw"]),
    "null_columns": st.dictionaries(texts, st.sampled_from(["send", "omit"]), max_size=2),
    "limits": st.dictionaries(st.sampled_from(["records", "columns"]), st.integers(1, 10**9)),
}


def likely(field: Field) -> st.SearchStrategy[Any]:
    """Values that the field may well take; now and then any at all."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "boolean": st.booleans() | st.sampled_from(["yes", "off"]),
        "integer": st.integers(1, 65535),
        "number": st.integers(0, 9) | st.floats(0, 1e6),
        "choice": st.sampled_from(field.choices or ("",)),
        "map": st.dictionaries(texts, trees, max_size=3),
    }
    good = LIKELY.get(field.name, kinds.get(field.kind, texts))
    return st.integers(0, 19).flatmap(lambda chance: trees if chance == 0 else good)


# Of paths the store may name fewer: test_confine.py.
OPTIONAL = [field for field in FIELDS if field.name not in ("host", "database") and field.kind != "path"]
sources = st.fixed_dictionaries(
    {"type": st.just("postgresql"), "host": texts, "database": texts},
    optional={field.name: likely(field) for field in OPTIONAL},
)
syncs = st.fixed_dictionaries(
    {key: st.just(value) for key, value in SYNC.items()},
    optional={field.name: likely(field) for field in SYNC_FIELDS if field.name not in (*SYNC, "query_file")},
)


@BOUNDED
@given(source=sources, sync=syncs)
def test_a_body_means_what_the_file_means(tmp_path: Path, source: dict[str, Any], sync: dict[str, Any]) -> None:
    """Saved as a body and loaded, any values give the project, or the findings, that they give as YAML."""
    rest: dict[str, Any] = {"destinations": {"log": {"type": "workspace"}}}
    bodies = {**rest, "sources": {"shop": source}, "syncs": {"people": sync}}
    of_file = from_file(tmp_path, bodies)
    event("sound" if isinstance(of_file, Project) else "wrong")
    (tmp_path / "headrace.yaml").unlink()
    of_store = from_store(tmp_path, bodies)
    if isinstance(of_file, Project):
        assert of_store.broken == {}
        for section in ("sources", "destinations", "syncs"):
            bare = [
                {name: replace(one, origin="") for name, one in getattr(made, section).items()}
                for made in (of_file, of_store)
            ]
            assert bare[0] == bare[1]
        assert of_store.syncs["people"].origin == "store:3"
    else:
        told = {(finding.where, finding.code) for found in of_store.broken.values() for finding in found}
        assert {one for one in told if one[1] != "broken_reference"} == of_file


@BOUNDED
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).map(lambda t: t + "${A}"))
def test_a_kept_secret_is_not_read_as_a_variable(tmp_path: Path, text: str) -> None:
    """A secret of the vault arrives letter by letter, whatever stands in it."""
    made = from_store(tmp_path, {"sources": {"shop": {**SOURCE, "password": Secret(text)}}}, {"A": "wrong"})
    assert made.sources["shop"].settings["password"] == Secret(text)


def test_variables_of_stored_connections(tmp_path: Path) -> None:
    """A variable is taken from the environment when the body is read; one that is missing breaks that one only."""
    bodies = {"sources": {"shop": {**SOURCE, "password": "${A}"}, "web": {"type": "http", "write_key": "${B}"}}}
    made = from_store(tmp_path, bodies, {"A": "a"})
    assert made.sources["shop"].settings["password"] == Secret("a")
    assert [finding.code for finding in made.broken[Kind.SOURCE, "web"]] == ["missing_variable"]


def test_files_and_store_refer_to_one_another(tmp_path: Path) -> None:
    """A sync of a file may name a stored source, and the other way round."""
    text = (
        "destinations: {log: {type: workspace}}\nsyncs: {a: {source: shop, call: track, query: x, destinations: [log]}}"
    )
    stored = [definition(Kind.SOURCE, "shop", SOURCE), definition(Kind.SYNC, "b", {**SYNC, "schedule": "after a"})]
    made, _ = load_with_warnings(project(tmp_path, text), {}, ALL, stored)
    assert set(made.syncs) == {"a", "b"}
    broken, _ = load_with_warnings(tmp_path, {}, ALL, [definition(Kind.SOURCE, "shop", {"type": "gone"}), stored[1]])
    assert broken.syncs == {}
    assert {found[0].code for key, found in broken.broken.items() if key[0] is Kind.SYNC} == {"broken_reference"}
    with pytest.raises(ConfigError, match="unknown_reference"):
        load_with_warnings(tmp_path, {}, ALL, [stored[1]])


def test_a_circle_through_the_store(tmp_path: Path) -> None:
    """Of syncs that wait for one another, those of the store are set aside; those of files go on."""
    text = "destinations: {log: {type: workspace}}\nsources: {shop: {type: postgresql, host: h, database: d}}\n"
    text += "syncs: {a: {source: shop, call: track, query: x, destinations: [log], schedule: after b}}"
    made, _ = load_with_warnings(
        project(tmp_path, text), {}, ALL, [definition(Kind.SYNC, "b", {**SYNC, "schedule": "after a"})]
    )
    assert set(made.syncs) == {"a"}
    assert [finding.code for finding in made.broken[Kind.SYNC, "b"]] == ["schedule_circle"]


def test_settings_of_files_win(tmp_path: Path) -> None:
    """Key by key: what a file says counts, and what it leaves open is the store's."""
    held = definition(Kind.SETTINGS, "service", {"retention": {"runs": "9 days", "calls": "3 days"}, "kept_calls": 9})
    text = "service: {retention: {calls: 1 day}, runs_at_once: 2}\n"
    made, _ = load_with_warnings(project(tmp_path, text), {}, ALL, [held])
    day = 86_400
    retention = made.service.retention
    assert (retention.runs, retention.calls, made.service.kept_calls, made.service.runs_at_once) == (9 * day, day, 9, 2)
    clash = definition(Kind.SETTINGS, "service", {"session_idle": "3 days"})
    made, _ = load_with_warnings(project(tmp_path, "service: {session_longest: 2 days}\n"), {}, ALL, [clash])
    assert [finding.code for finding in made.broken[Kind.SETTINGS, "service"]] == ["bad_combination"]
    assert made.service.session_longest == 2 * day, "the files' settings alone"


def test_no_warning_of_a_literal_secret(tmp_path: Path) -> None:
    """That a secret stands in a file is a doubt; that one is kept is none."""
    stored = [definition(Kind.SOURCE, "shop", {**SOURCE, "password": Secret("x")})]
    assert load_with_warnings(tmp_path, {}, ALL, stored)[1] == ()


def test_a_file_shown_as_a_body(tmp_path: Path) -> None:
    """What stands in a file is shown typed, with its variables and without secrets; and it reads the same again."""
    text = "{host: h, port: '5433', database: 007, password: '${P:-hidden}', read_only: no, "
    node, _ = parse("headrace.yaml", (text + "ssh_tunnel: {port: 22, a: [x, null]}}").encode())
    assert isinstance(node, Map)
    body = body_of(node, FIELDS)
    assert body == {
        "host": "h", "port": 5433, "database": "007", "password": KEPT, "read_only": False,
        "ssh_tunnel": {"port": 22, "a": ["x", None]},
    }  # fmt: skip
    again = node_of(body, 1)
    assert isinstance(again, Map)
    assert body_of(again, FIELDS) | {"password": KEPT} == body
