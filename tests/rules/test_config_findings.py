"""What is wrong in a configuration: all of it at once, each with its line, and never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.config import load
from headrace.errors import ConfigError, Finding
from tests.rules.connectors import SPECS, project

MISTAKES = """\
sources:
  shop:
    type: postgresql
    host: [db.internal]
    port: seven
    database: ${SHOP_DATABASE}
    pasword: hunter2
    tls: verify
    statement_timeout: -1
    read_only: maybe
  Lake:
    type: postgres
  hall:
    type: customerio
  attic:
    host: a
  cellar:
    type: postgresql
    host: ""
    port: 70000
    database: shop
    password: ${CELLAR_PASSWORD}
    ssh_tunnel: bastion
  barn:
    type: postgresql
    host: h
    database: d
    tls_ca: ca.pem
destinations:
  crm:
    type: customerio
    api_key: {a: 1}
    url: api.example.com
    url: https://api.example.com
syncs:
  people:
    source: shopp
    call: identfy
    query: |

      SELECT 1 AS a,
        {{last_sync}} AS b;
      SELECT 2
    destinations: [crm, crmm, crm]
    schedule: every fortnight
    start: tomorrow
    lookback: five minutes
    timezone: Europe/Warsow
    enabled: 2
    null_handling: drop
    null_columns: {consent: drop}
    limits: {records: 0, colums: 3}
  things:
    call: track
    query: "   "
    destinations: []
    schedule: after other
  others: track
sink: {}
"""

EXPECTED = """\
4 sources.shop.host wrong_type
5 sources.shop.port wrong_type
6 sources.shop.database missing_variable
7 sources.shop.pasword unknown_key
8 sources.shop.tls unknown_choice
9 sources.shop.statement_timeout out_of_range
10 sources.shop.read_only wrong_type
11 sources.Lake bad_name
12 sources.Lake.type unknown_type
14 sources.hall.type unknown_type
15 sources.attic.type missing_key
19 sources.cellar.host missing_value
20 sources.cellar.port out_of_range
22 sources.cellar.password missing_variable
23 sources.cellar.ssh_tunnel wrong_type
28 sources.barn.tls_ca bad_combination
32 destinations.crm.api_key wrong_type
33 destinations.crm.url bad_url
34 destinations.crm.url duplicate_key
37 syncs.people.source unknown_reference
38 syncs.people.call unknown_choice
42 syncs.people.query unknown_variable
43 syncs.people.query multiple_statements
44 syncs.people.destinations duplicate_destination
44 syncs.people.destinations unknown_reference
45 syncs.people.schedule bad_schedule
46 syncs.people.start bad_start
47 syncs.people.lookback bad_duration
48 syncs.people.timezone bad_timezone
49 syncs.people.enabled wrong_type
50 syncs.people.null_handling unknown_choice
51 syncs.people.null_columns.consent unknown_choice
52 syncs.people.limits.colums unknown_key
52 syncs.people.limits.records out_of_range
53 syncs.things.source missing_key
55 syncs.things.query query_empty
56 syncs.things.destinations missing_value
57 syncs.things.schedule unknown_reference
58 syncs.others wrong_type
59 sink unknown_key
"""


def findings(folder: Path, text: str | bytes, env: dict[str, str] | None = None) -> tuple[Finding, ...]:
    """The findings for this ``headrace.yaml``."""
    (folder / "headrace.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as raised:
        load(folder, env or {}, SPECS)
    return raised.value.findings


def listing(found: tuple[Finding, ...]) -> str:
    return "".join(
        f"{one.line} {one.where} {one.code}\n" for one in sorted(found, key=lambda f: (f.line, f.where, f.code))
    )


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    """A file with forty mistakes gives forty findings, each at its line, in the order of the file."""
    found = findings(tmp_path, MISTAKES)
    assert listing(found) == EXPECTED
    assert [one.line for one in found] == sorted(one.line for one in found)
    assert {one.file for one in found} == {"headrace.yaml"}


def test_every_finding_says_what_to_do(tmp_path: Path) -> None:
    """Messages are sentences, and those about a word that is nearly right propose the right one."""
    found = {(one.line, one.where): one for one in findings(tmp_path, MISTAKES)}
    assert all(one.message[0].isupper() or one.message[0] in "'`" for one in found.values())
    proposals = {7: "password", 12: "postgresql", 37: "shop", 42: "last_sync_time", 48: "Europe/Warsaw", 57: "others"}
    for line, word in proposals.items():
        (one,) = (one for (at, _), one in found.items() if at == line)
        assert f"Did you mean {word}?" in one.message


def test_values_are_shown_as_written(tmp_path: Path) -> None:
    """A finding shows the offending value, except where it may be a secret."""
    found = {one.where: one for one in findings(tmp_path, MISTAKES)}
    assert found["sources.shop.port"].value == "seven"
    assert found["syncs.people.call"].value == "identfy"
    assert str(found["sources.shop.port"]).startswith("headrace.yaml:5: sources.shop.port = 'seven': ")
    assert found["sources.shop.pasword"].value == ""
    assert "hunter2" not in str(list(found.values()))


@pytest.mark.parametrize(
    "line",
    [
        "password: *hunter2",
        "password: &hunter2",
        "password: !hunter2",
        "password: '${hunter2'",
        "password: %hunter2",
        "password: @hunter2",
        "password: 'hunter2",
        'password: "\\hunter2"',
        "password: hunter2: hunter2",
        "password: [hunter2]",
        "password: {hunter2: hunter2}",
        "pasword: hunter2",
        "password: x\n    password: hunter2",
        "ssh_tunnel: hunter2",
        "<<: hunter2",
        "port: ${PORT}",
        "tls: ${PORT}",
    ],
)
def test_secrets_are_never_shown(tmp_path: Path, line: str) -> None:
    """However a secret is mistyped, and whatever a variable holds, no finding repeats it."""
    text = f"sources:\n  shop:\n    type: postgresql\n    host: h\n    {line}\n"
    found = findings(tmp_path, text, {"PORT": "hunter2"})  # `database` is missing, so there is always a finding
    assert found
    assert "hunter2" not in str(ConfigError(found))


@pytest.mark.parametrize(
    ("text", "line", "code", "words"),
    [
        (b"", 1, "empty_file", "headrace init"),
        (b"# nothing yet\n", 1, "empty_file", "headrace init"),
        (b"---\n", 1, "empty_file", "headrace init"),
        (b"sources:\n\tshop: {}\n", 2, "yaml_syntax", "tab"),
        (b"sources:\n  shop:\n    a: b: c\n", 3, "yaml_syntax", "colon"),
        (b"sources:\n  a: 'open\n", 2, "yaml_syntax", "not closed"),
        (b"syncs:\n  a:\n    schedule: */5 * * * *\n", 3, "yaml_syntax", "quotes"),
        (b"sources: [\n", 2, "yaml_syntax", "brackets"),
        (b"sources:\n  a: {port: ${PORT}}\n", 2, "yaml_syntax", "quotes"),
        (b"sources: {}\nsources: {}\n", 2, "duplicate_key", "first in line 1"),
        (b"sources: {}\n---\nsyncs: {}\n", 2, "yaml_document", "one per file"),
        (b"[sources]\n", 1, "wrong_type", "map"),
        (b"sources: shop\n", 1, "wrong_type", "map of names"),
        (b"a: \xff\n", 1, "not_utf8", "UTF-8"),
        (b"a: 1\nb: \x07\n", 2, "yaml_syntax", "U+0007"),
        (b"a: !!python/object:os.system x\n", 1, "yaml_tag", "Tags"),
        (b"? [a]\n: b\n", 1, "yaml_key", "plain word"),
        (b"sources: &a\n  b: *a\n", 2, "yaml_alias", "inside"),
        (b"x: " + b"[" * 41 + b"]" * 41 + b"\n", 1, "yaml_too_large", "flatter"),
        (b"a" * 5_000_001, 1, "file_too_large", "5,000,000"),
    ],
)
def test_broken_files(tmp_path: Path, text: bytes, line: int, code: str, words: str) -> None:
    """What is wrong with the form of a file is a finding with line and fix as well."""
    (one,) = [one for one in findings(tmp_path, text) if one.code == code]
    assert one.line == line
    assert words in one.message


def test_alias_bomb(tmp_path: Path) -> None:
    """Aliases that would expand to billions of values are refused before they do."""
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    (one,) = findings(tmp_path, f"a0: &a0 [x]\n{levels}")
    assert (one.code, one.line) == ("yaml_too_large", 7)


def test_one_broken_file_does_not_accuse_the_others(tmp_path: Path) -> None:
    """Where a file cannot be read, references to what it may hold are not reported; other mistakes are."""
    sync = "syncs:\n  a: {source: shop, call: tracks, query: SELECT 1, destinations: [crm], schedule: after b}\n"
    project(tmp_path, "sources: [", syncs=sync)
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, {}, SPECS)
    assert [(one.file, one.code) for one in raised.value.findings] == [
        ("headrace.yaml", "yaml_syntax"),
        ("headrace/syncs.yaml", "unknown_choice"),
    ]


def test_names_are_unique_over_files(tmp_path: Path) -> None:
    """A name that stands in two files is reported in the second, with the place of the first."""
    one = "destinations:\n  crm: {type: workspace}\n"
    project(tmp_path, one, b=f"\n{one}")
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, {}, SPECS)
    (found,) = raised.value.findings
    assert (found.file, found.line, found.code) == ("headrace/b.yaml", 3, "duplicate_name")
    assert "headrace.yaml, line 2" in found.message


def test_no_configuration(tmp_path: Path) -> None:
    """Where there is none, the one finding says how to begin."""
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, {}, SPECS)
    (found,) = raised.value.findings
    assert found.code == "no_configuration"
    assert "headrace init" in found.message


def test_wrong_file_names(tmp_path: Path) -> None:
    """A file called .yml would be overlooked; it is named instead."""
    (tmp_path / "headrace.yml").write_text("sources: {}\n")
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, {}, SPECS)
    (found,) = raised.value.findings
    assert (found.file, found.code) == ("headrace.yml", "wrong_file_name")


def test_unreadable_entry(tmp_path: Path) -> None:
    """What is called like a configuration file but cannot be read is a finding, not a traceback."""
    (tmp_path / "headrace" / "a.yaml").mkdir(parents=True)
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, {}, SPECS)
    assert [one.code for one in raised.value.findings] == ["unreadable_file"]


def test_query_files(tmp_path: Path) -> None:
    """Problems of a query file are reported in that file, at its line; a missing file where it is named."""
    (tmp_path / "people.sql").write_text("SELECT 1,\n  {{now}}\n")
    keys = "source: shop, call: track, destinations: [crm]"
    text = f"syncs:\n  a: {{{keys}, query_file: people.sql}}\n  b: {{{keys}, query_file: none.sql}}\n"
    text += f"  c: {{{keys}}}\n  d: {{{keys}, query: SELECT 1, query_file: people.sql}}\n"
    found = [one for one in findings(tmp_path, text) if one.code != "unknown_reference"]
    assert [(one.file, one.line, one.where, one.code) for one in found] == [
        ("headrace.yaml", 3, "syncs.b.query_file", "unreadable_file"),
        ("headrace.yaml", 4, "syncs.c.query", "missing_key"),
        ("headrace.yaml", 5, "syncs.d.query_file", "bad_combination"),
        ("people.sql", 2, "syncs.a.query_file", "unknown_variable"),
    ]


def test_syncs_that_wait_for_one_another(tmp_path: Path) -> None:
    """A circle of `after` would never run: each of its syncs is reported, those that only wait for it are not."""
    sync = "source: shop, call: track, query: SELECT 1, destinations: [w]"
    text = "sources: {shop: {type: postgresql, host: h, database: d}}\ndestinations: {w: {type: workspace}}\nsyncs:\n"
    text += "".join(f"  {a}: {{{sync}, schedule: after {b}}}\n" for a, b in ("ab", "bc", "ca", "da", "ee"))
    found = findings(tmp_path, text)
    assert [(one.line, one.code) for one in found] == [(line, "schedule_circle") for line in (4, 5, 6, 8)]
