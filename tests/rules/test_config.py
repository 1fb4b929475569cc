"""A good configuration: what each value becomes, where it may stand, and that a stored sync comes back as it was."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from headrace import schedule
from headrace.config import SYNC_FIELDS, load, load_with_warnings, nodes, sync_from_json, sync_to_json
from headrace.errors import ConfigError
from headrace.model import CallKind, Connection, MapOptions, RowLimits, Secret, Sync
from headrace.project import Project
from tests.rules.connectors import SPECS, project

GOOD = """\
sources:
  shop:
    type: postgresql
    host: db.internal
    port: "5433"
    database: 0123
    user: no
    password: s3cret
    statement_timeout: 1.5
    ssh_tunnel: {host: bastion, port: 22, deep: [1, a, null, true, 007, 2.5]}
    read_only: off
destinations:
  crm: {type: customerio, api_key: k, region: EU, url: "https://cdp.example.com:8443/v1"}
  log: {type: workspace}
syncs:
  people:
    description: Everyone
    source: shop
    call: Identify
    query: |
      SELECT '${HOME}' AS a, {{ last_sync_time }} AS b;
    destinations: [crm, log]
    schedule: 0   6 * * 1-5 Europe/Warsaw
    start: 2026-12-01 06:00:00+02:00
    enabled: no
    lookback: 5 minutes
    deduplicate_for: 0
    null_handling: omit
    null_columns: {consent: send}
    timezone: Europe/Warsaw
    decimals: string
    big_integers: string
    binary: hex
    lower_case: true
    email_identity: true
    limits: {records: 40_000_000, columns: 300}
  orders: {source: shop, call: track, query: SELECT 1, destinations: [log], start: 2026-12-01}
"""


def read(folder: Path, text: str, env: dict[str, str] | None = None, **more: str) -> Project:
    return load(project(folder, text, **more), env or {}, SPECS)


def source(folder: Path, lines: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """The settings of a source with these further lines."""
    text = f"sources:\n  shop:\n    type: postgresql\n    host: h\n    database: d\n    {lines}\n"
    return dict(read(folder, text, env).sources["shop"].settings)


@pytest.mark.parametrize("loader", [yaml.SafeLoader, nodes._LOADER])
def test_a_whole_project(tmp_path: Path, loader: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key of a source, a destination and a sync arrives as the type its field declares, by either YAML parser."""
    monkeypatch.setattr(nodes, "_LOADER", loader)
    made = read(tmp_path, GOOD)
    assert made.sources["shop"] == Connection(
        "shop",
        "postgresql",
        {
            "host": "db.internal",
            "port": 5433,
            "database": "0123",
            "user": "no",
            "password": Secret("s3cret"),
            "tls": "prefer",
            "tls_ca": None,
            "statement_timeout": 1.5,
            "ssh_tunnel": {"host": "bastion", "port": 22, "deep": [1, "a", None, True, "007", 2.5]},
            "read_only": False,
        },
        "headrace.yaml:2",
    )
    assert made.destinations["crm"].settings["region"] == "eu"
    assert made.destinations["log"].settings == {"path": "workspace.sqlite"}
    assert made.syncs["people"] == Sync(
        name="people",
        source="shop",
        call=CallKind.IDENTIFY,
        query="SELECT '${HOME}' AS a, {{ last_sync_time }} AS b;\n",
        destinations=("crm", "log"),
        description="Everyone",
        schedule="0 6 * * 1-5 Europe/Warsaw",
        start=datetime(2026, 12, 1, 4, tzinfo=UTC),
        enabled=False,
        lookback=300,
        deduplicate_for=0,
        options=MapOptions("omit", {"consent": "send"}, "Europe/Warsaw", "string", "string", "hex", True, True),
        limits=RowLimits(records=40_000_000, columns=300),
        origin="headrace.yaml:16",
    )
    defaults = Sync("orders", "shop", CallKind.TRACK, "SELECT 1", ("log",))
    assert made.syncs["orders"] == replace(
        defaults, start=datetime(2026, 12, 1, tzinfo=UTC), origin=made.syncs["orders"].origin
    )


def test_files_of_a_project_are_one(tmp_path: Path) -> None:
    """headrace.yaml and headrace/*.yaml together are the project; editors' hidden files are not."""
    one = "sources: {shop: {type: postgresql, host: h, database: d}}\n"
    made = read(tmp_path, one, a="destinations: {log: {type: workspace}}\n", b="# later\n")
    assert (list(made.sources), list(made.destinations)) == (["shop"], ["log"])
    (tmp_path / "headrace.yaml").unlink()
    (tmp_path / "headrace" / ".#c.yaml").write_text("[")
    assert list(load(tmp_path, {}, SPECS).destinations) == ["log"]


@pytest.mark.parametrize(
    ("written", "env", "becomes"),
    [
        ("${NAME}", {"NAME": "x"}, "x"),
        ("a-${NAME}-${NAME}", {"NAME": "x"}, "a-x-x"),
        ("${NAME}", {"NAME": "${OTHER}: [#"}, "${OTHER}: [#"),  # what a variable holds is not read as anything
        ("${NAME:-y z}", {}, "y z"),
        ("${NAME:-y}", {"NAME": ""}, "y"),
        ("${NAME:-y}", {"NAME": "x"}, "x"),
        ("${NAME:-}", {}, ""),
        ("${NAME}", {"NAME": ""}, ""),
        ("$${NAME}", {}, "${NAME}"),
        ("$NAME $$ $", {"NAME": "x"}, "$NAME $$ $"),
    ],
)
def test_variables(tmp_path: Path, written: str, env: dict[str, str], becomes: str) -> None:
    """${NAME} and ${NAME:-default} are put in anywhere in a value, once; $${ stands for itself."""
    assert source(tmp_path, f"user: '{written}'", env)["user"] == becomes


def test_numbers_from_the_environment(tmp_path: Path) -> None:
    """What a variable holds is text; fields of other kinds take it all the same, maps included."""
    settings = source(
        tmp_path, "port: ${PORT}\n    ssh_tunnel:\n      a: ${PORT}\n      b: '${PORT}'", {"PORT": "5432"}
    )
    assert settings["port"] == 5432
    assert settings["ssh_tunnel"] == {"a": 5432, "b": "5432"}


def test_a_null_is_absent(tmp_path: Path) -> None:
    """A key without a value, or with null, has its default."""
    assert source(tmp_path, "port:\n    tls: null\n    user: ~\n    password: ''") == {
        **source(tmp_path, ""),
        "password": Secret(""),
    }


def test_anchors_and_merging(tmp_path: Path) -> None:
    """Anchors, aliases and << share what several entries have in common; what stands in an entry itself wins."""
    text = """\
sources:
  a: &a {type: postgresql, host: h, database: d, user: u}
  b: {<<: *a, host: other}
  c: {<<: [*a, {port: 1}], database: e}
"""
    made = read(tmp_path, text).sources
    assert [(one.settings["host"], one.settings["database"], one.settings["port"]) for one in made.values()] == [
        ("h", "d", 5432),
        ("other", "d", 5432),
        ("h", "e", 1),
    ]


def test_defaults_are_not_shared(tmp_path: Path) -> None:
    """Who changes a list or map of one connection changes no other."""
    made = read(tmp_path, "destinations: {a: {type: customerio, api_key: k}, b: {type: customerio, api_key: k}}")
    made.destinations["a"].settings["topics"].append("x")
    assert made.destinations["b"].settings["topics"] == []


def test_byte_order_mark(tmp_path: Path) -> None:
    """A byte order mark is no mistake."""
    (tmp_path / "headrace.yaml").write_bytes(b"\xef\xbb\xbfdestinations: {w: {type: workspace}}\r\n")
    assert list(load(tmp_path, {}, SPECS).destinations) == ["w"]


def test_query_file(tmp_path: Path) -> None:
    """A query may stand in a file of its own, taken as it is."""
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "a.sql").write_bytes(b"\xef\xbb\xbfSELECT '${X}'\n-- end\n")
    text = GOOD + "  filed: {source: shop, call: page, query_file: q/a.sql, destinations: [log]}\n"
    assert read(tmp_path, text).syncs["filed"].query == "SELECT '${X}'\n-- end\n"


def test_warnings(tmp_path: Path) -> None:
    """A secret in the file, and a start that means nothing, are allowed but said."""
    _, warnings = load_with_warnings(project(tmp_path, GOOD), {}, SPECS)
    assert [(one.line, one.where, one.code) for one in warnings] == [
        (8, "sources.shop.password", "literal_secret"),
        (13, "destinations.crm.api_key", "literal_secret"),
        (37, "syncs.orders.start", "start_without_effect"),
    ]
    assert "${SHOP_PASSWORD}" in warnings[0].message
    assert "s3cret" not in str(warnings)


# ------------------------------------------------------------------------------------------------------ the template

TEMPLATE = resources.files("headrace.cli").joinpath("template", "headrace.yaml").read_text()
TEMPLATE_ENV = {"SHOP_PASSWORD": "x", "CUSTOMERIO_API_KEY": "y"}
OPTION = re.compile(r"^( +)# ([a-z_]+: .*)$", re.MULTILINE)


def test_the_template_is_well(tmp_path: Path) -> None:
    """What `headrace init` writes is valid as it is, once the two variables it names are set."""
    made = load(project(tmp_path, TEMPLATE), TEMPLATE_ENV, SPECS)
    assert {one.type for one in made.sources.values()} == {"postgresql"}
    assert {one.type for one in made.destinations.values()} == {"workspace", "customerio"}
    assert [one.call for one in made.syncs.values()] == ["identify", "track", "group"]
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, {}, SPECS)
    assert sorted(one.message.split()[3] for one in raised.value.findings) == sorted(TEMPLATE_ENV)


def test_the_options_of_the_template_are_well(tmp_path: Path) -> None:
    """Every option that stands there as a comment is valid when its # is taken away, and says the default."""
    options = OPTION.sub(r"\1\2", TEMPLATE)
    plain = load(project(tmp_path, TEMPLATE), TEMPLATE_ENV, SPECS).syncs["people"]
    full = load(project(tmp_path, options), TEMPLATE_ENV, SPECS).syncs["people"]
    assert full.start == datetime(2026, 12, 1, 6, tzinfo=UTC)
    assert full.options.null_columns == {"consent": "omit"}
    same = replace(full.options, null_columns={})
    assert replace(full, start=None, options=same, lookback=0, origin="") == replace(plain, origin="")


def test_the_template_names_every_key_of_a_sync() -> None:
    """A newcomer finds every key of a sync there."""
    assert [field.name for field in SYNC_FIELDS if field.name not in TEMPLATE] == []


# ------------------------------------------------------------------------------------------------------ stored syncs

texts = st.text(max_size=20)
syncs = st.builds(
    Sync,
    name=texts,
    source=texts,
    call=st.sampled_from(CallKind),
    query=texts,
    destinations=st.lists(texts).map(tuple),
    description=texts,
    schedule=texts,
    start=st.none() | st.datetimes(timezones=st.just(UTC)),
    enabled=st.booleans(),
    lookback=st.integers(),
    deduplicate_for=st.integers(),
    options=st.builds(MapOptions, null_columns=st.dictionaries(texts, texts), lower_case=st.booleans()),
    limits=st.builds(RowLimits, records=st.integers(), query=st.integers()),
    origin=texts,
)


@given(syncs)
def test_a_stored_sync_comes_back_as_it_was(sync: Sync) -> None:
    """sync_from_json undoes sync_to_json exactly, through JSON text."""
    assert sync_from_json(json.loads(json.dumps(sync_to_json(sync)))) == sync


def test_a_sync_stored_by_an_older_version(tmp_path: Path) -> None:
    """Keys that were not written then have their defaults; keys that are not known any more do no harm."""
    stored = {"name": "a", "source": "s", "call": "track", "query": "q", "destinations": ["d"], "gone": 1}
    assert sync_from_json(stored) == Sync("a", "s", CallKind.TRACK, "q", ("d",))


def test_schedules_of_the_project_parse(tmp_path: Path) -> None:
    """The schedule of a loaded sync is text that schedule.parse takes."""
    made = read(tmp_path, GOOD)
    assert schedule.parse(made.syncs["people"].schedule) == schedule.Cron("0 6 * * 1-5", "Europe/Warsaw")
    assert schedule.parse(made.syncs["orders"].schedule) == schedule.Manual()
