"""The sections `service:` and `alerts:`, and syncs whose source receives calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from headrace.alerting import Channel, Trouble
from headrace.config import load, load_with_warnings
from headrace.errors import ConfigError
from headrace.model import Secret
from headrace.project import Project
from headrace.service import DAY, Mail, Oidc, Retention, Service, address_of, exposed
from headrace.sources.http import SPEC as HTTP
from tests.rules.connectors import SPECS, project

ALL = {**SPECS, ("source", "http"): HTTP}
BASE = """\
sources: {web: {type: http, write_key: "${KEY:-k1}"}, shop: {type: postgresql, host: h, database: d}}
destinations: {log: {type: workspace}}
syncs:
  calls: {source: web, destinations: [log]}
  people: {source: shop, call: identify, query: SELECT 1, destinations: [log], retry_failed: true}
"""
WHOLE = """\
service:
  listen: "[::]:8443"
  tls_certificate: c.pem
  tls_key: k.pem
  behind_proxy: false
  trusted_proxies: [10.0.0.0/8, 192.168.1.1, "fd00::/8"]
  public_url: https://headrace.example.com
  runs_at_once: 3
  seconds: true
  preview: false
  egress_allow: [10.1.0.0/16]
  session_idle: 1 hour
  session_longest: 2 days
  ingest_call_bytes: 40_000
  ingest_batch_bytes: 600000
  journal_seconds: 2
  journal_bytes: 2000000
  kept_calls: 0
  log_format: TEXT
  trace_to: http://collector:4318
  metrics: no
  retention: {runs: 10 days, errors: 5 days, calls: 12h, journals: 1 day}
  oidc:
    issuer: https://login.example.com
    client_id: headrace
    client_secret: ${SECRET}
    role: viewer
    domains: [Acme.com]
    label: Sign in with Acme
  mail: {host: smtp.example.com, sender: h@example.com, port: 465, user: u, password: "${SECRET}", tls: tls}
alerts:
  team: {type: email, to: [ada@example.com, bob@example.com], on: [failed], syncs: [people], partial_above: 2.5}
  chat: {type: slack, url: "https://hooks.slack.example/T/B/x", late_after: 2 hours}
  hook: {type: webhook, url: "https://ops.example.com", signing_secret: "${SECRET}"}
"""


def read(folder: Path, text: str) -> Project:
    return load(project(folder, BASE + text), {"SECRET": "s3cret"}, ALL)


def found(folder: Path, text: str, base: str = BASE) -> dict[str, str]:
    """What is wrong, by place: its code."""
    with pytest.raises(ConfigError) as error:
        load(project(folder, base + text), {"SECRET": "s3cret"}, ALL)
    assert "s3cret" not in str(error.value)
    return {finding.where: finding.code for finding in error.value.findings}


def test_every_key_arrives(tmp_path: Path) -> None:
    """Every key of `service:` becomes the value that the service works with."""
    made = read(tmp_path, WHOLE)
    assert made.service == Service(
        listen="[::]:8443",
        tls_certificate="c.pem",
        tls_key="k.pem",
        trusted_proxies=("10.0.0.0/8", "192.168.1.1", "fd00::/8"),
        public_url="https://headrace.example.com",
        runs_at_once=3,
        seconds=True,
        preview=False,
        egress_allow=("10.1.0.0/16",),
        session_idle=3600,
        session_longest=2 * DAY,
        ingest_call_bytes=40_000,
        ingest_batch_bytes=600_000,
        journal_seconds=2,
        journal_bytes=2_000_000,
        kept_calls=0,
        log_format="text",
        trace_to="http://collector:4318",
        metrics=False,
        retention=Retention(10 * DAY, 5 * DAY, DAY // 2, DAY),
        oidc=Oidc(
            "https://login.example.com", "headrace", Secret("s3cret"), "viewer", ("acme.com",), "Sign in with Acme"
        ),
        mail=Mail("smtp.example.com", "h@example.com", 465, "u", Secret("s3cret"), "tls"),
    )


def test_every_channel_arrives(tmp_path: Path) -> None:
    """A channel of each type has its settings, and what it is told of which syncs."""
    made = read(tmp_path, WHOLE)
    assert {channel.origin.partition(":")[0] for channel in made.alerts.values()} == {"headrace.yaml"}
    assert {name: replace(channel, origin="") for name, channel in made.alerts.items()} == {
        "team": Channel(
            "team",
            "email",
            {"to": ["ada@example.com", "bob@example.com"]},
            frozenset({Trouble.FAILED}),
            frozenset({"people"}),
            2.5,
        ),
        "chat": Channel(
            "chat",
            "slack",
            {"url": Secret("https://hooks.slack.example/T/B/x")},
            frozenset(Trouble),
            late_after=7200,
        ),
        "hook": Channel(
            "hook",
            "webhook",
            {"url": "https://ops.example.com", "signing_secret": Secret("s3cret")},
            frozenset(Trouble),
        ),
    }


def test_without_the_sections(tmp_path: Path) -> None:
    """Whoever says nothing has the defaults, and no alerts."""
    made = read(tmp_path, "")
    assert (made.service, made.alerts) == (Service(), {})
    assert read(tmp_path, "service:\nalerts: null\n").service == Service()
    assert read(tmp_path, "service: {retention: {runs: 1 day}}\n").service.retention == Retention(runs=DAY)


@pytest.mark.parametrize(
    ("line", "where", "code"),
    [
        ("listen: 8080", "listen", "bad_listen"),
        ("listen: here:there", "listen", "bad_listen"),
        ("listen: a@b:80", "listen", "bad_listen"),
        ("listen: 0.0.0.0:8080", "listen", "insecure_listen"),
        ("listen: headrace.internal:8080", "listen", "insecure_listen"),
        ("tls_key: k.pem", "tls_certificate", "bad_combination"),
        ("tls_certificate: c.pem", "tls_key", "bad_combination"),
        ("trusted_proxies: [10.0.0.1/8]", "trusted_proxies", "bad_network"),
        ("egress_allow: [everywhere]", "egress_allow", "bad_network"),
        ("egress_allow: 10.0.0.0/8", "egress_allow", "wrong_type"),
        ("public_url: headrace.example.com", "public_url", "bad_url"),
        ("public_url: ftp://headrace.example.com", "public_url", "bad_url"),
        ("trace_to: ftp://x", "trace_to", "bad_url"),
        ("runs_at_once: 0", "runs_at_once", "out_of_range"),
        ("journal_bytes: much", "journal_bytes", "wrong_type"),
        ("session_idle: a while", "session_idle", "bad_duration"),
        ("session_idle: 5", "session_idle", "out_of_range"),
        ("session_longest: 1 hour", "session_idle", "bad_combination"),
        ("retention: {runs: forever}", "retention.runs", "bad_duration"),
        ("retention: {rums: 1 day}", "retention.rums", "unknown_key"),
        ("retention: 1 day", "retention", "wrong_type"),
        ("ingest_call_bytes: 600000", "ingest_call_bytes", "bad_combination"),
        ("log_format: xml", "log_format", "unknown_choice"),
        ("lisen: x", "lisen", "unknown_key"),
        ("oidc: {client_id: a, client_secret: b}", "oidc.issuer", "missing_key"),
        ('oidc: {issuer: "https://i.io", client_id: a, client_secret: b}', "oidc", "bad_combination"),
        ('oidc: {issuer: "http://i.io", client_id: a, client_secret: b}', "oidc.issuer", "bad_url"),
        ("mail: {host: h, sender: nobody}", "mail.sender", "bad_address"),
        ("mail: {host: h, sender: a@b, user: u}", "mail", "bad_combination"),
    ],
)
def test_what_is_wrong_in_the_service(tmp_path: Path, line: str, where: str, code: str) -> None:
    """Each mistake is found at its key."""
    assert found(tmp_path, f"service:\n  {line}\n")[f"service.{where}"] == code


@pytest.mark.parametrize(
    ("body", "where", "code"),
    [
        ("{}", ".type", "missing_key"),
        ("{type: pager}", ".type", "unknown_choice"),
        ("{type: slack}", ".url", "missing_key"),
        ("{type: slack, url: u, to: [a@b]}", ".to", "unknown_key"),
        ("{type: slack, url: u, on: [broken]}", ".on", "unknown_choice"),
        ("{type: slack, url: u, on: [[failed]]}", ".on", "unknown_choice"),
        ("{type: slack, url: u, on: []}", ".on", "missing_value"),
        ("{type: slack, url: u, syncs: [peple]}", ".syncs", "unknown_reference"),
        ("{type: slack, url: u, syncs: [{a: 1}]}", ".syncs", "unknown_reference"),
        ("{type: slack, url: u, partial_above: 101}", ".partial_above", "out_of_range"),
        ("{type: slack, url: u, late_after: late}", ".late_after", "bad_duration"),
        ("{type: webhook, url: ops}", ".url", "bad_url"),
        ("{type: webhook, url: 'ftp://ops'}", ".url", "bad_url"),
        ("{type: email, to: [ada]}", ".to", "bad_address"),
        ("{type: email, to: []}", ".to", "missing_value"),
        ("{type: email, to: [a@b.c]}", ".type", "mail_missing"),
        ("7", "", "wrong_type"),
    ],
)
def test_what_is_wrong_in_an_alert(tmp_path: Path, body: str, where: str, code: str) -> None:
    """Each mistake is found at its key, and names that are not there are told."""
    assert found(tmp_path, f"alerts:\n  bell: {body}\n")[f"alerts.bell{where}"] == code


@pytest.mark.parametrize(
    ("listen", "address", "open_to_all"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080), False),
        ("127.9.9.9:1", ("127.9.9.9", 1), False),
        ("[::1]:80", ("::1", 80), False),
        ("localhost:80", ("localhost", 80), False),
        ("0.0.0.0:80", ("0.0.0.0", 80), True),
        ("[::]:80", ("::", 80), True),
        ("10.0.0.1:80", ("10.0.0.1", 80), True),
        ("host:80", ("host", 80), True),
        (":80", None, False),
        ("host", None, False),
        ("host:99999", None, False),
        ("host:80/path", None, False),
        ("::1:80", None, False),
    ],
)
def test_where_the_service_listens(listen: str, address: tuple[str, int] | None, open_to_all: bool) -> None:
    """Host and port are read from one text; beyond this machine it takes TLS, or the word that a proxy does it."""
    assert address_of(listen) == address
    assert exposed(Service(listen=listen)) is open_to_all
    assert not exposed(Service(listen=listen, behind_proxy=True))
    assert not exposed(Service(listen=listen, tls_certificate="c", tls_key="k"))


def test_settings_of_several_files(tmp_path: Path) -> None:
    """The files' settings are one; a key stands in one of them only."""
    more = "service: {kept_calls: 5}\n"
    made = load(project(tmp_path, BASE + "service: {runs_at_once: 2}\n", more=more), {}, ALL).service
    assert (made.runs_at_once, made.kept_calls) == (2, 5)
    with pytest.raises(ConfigError, match="duplicate_name"):
        load(project(tmp_path, BASE + "service: {kept_calls: 2}\n", more=more), {}, ALL)


def test_a_sync_of_received_calls(tmp_path: Path) -> None:
    """It has destinations, and neither call nor query; all else is as a sync that runs by hand."""
    made = read(tmp_path, "").syncs["calls"]
    assert (made.call, made.query, made.schedule, made.destinations) == (None, "", "manual", ("log",))
    assert read(tmp_path, "").syncs["people"].retry_failed


QUERYING: dict[str, Any] = {
    "call": "track", "query": "SELECT 1", "query_file": "q.sql", "schedule": "every hour", "start": "2026-01-01",
    "lookback": "5 minutes", "retry_failed": True, "timezone": "UTC", "null_handling": "omit", "limits": {"records": 1},
}  # fmt: skip


@pytest.mark.parametrize("key", QUERYING)
def test_what_a_received_call_has_no_use_for(tmp_path: Path, key: str) -> None:
    """Each key that is for rows of a query is told at its place."""
    own = yaml.safe_dump({key: QUERYING[key]}, default_flow_style=True).strip()[1:-1]
    base = BASE.replace("calls: {source: web,", f"calls: {{source: web, {own},")
    assert found(tmp_path, "", base) == {f"syncs.calls.{key}": "not_for_received"}


def test_what_a_received_call_may_say(tmp_path: Path) -> None:
    """Description, switch and deduplication count for received calls too."""
    own = "calls: {description: From the shop, enabled: no, deduplicate_for: 1 day, source: web,"
    made = load(project(tmp_path, BASE.replace("calls: {source: web,", own)), {}, ALL).syncs["calls"]
    assert (made.description, made.enabled, made.deduplicate_for) == ("From the shop", False, DAY)


def test_all_other_syncs_need_a_call(tmp_path: Path) -> None:
    """Whoever reads a database still says what each row becomes, and with which query."""
    base = BASE.replace("call: identify, query: SELECT 1, ", "")
    assert found(tmp_path, "", base) == {"syncs.people.call": "missing_key", "syncs.people.query": "missing_key"}


def test_a_write_key_names_one_source(tmp_path: Path) -> None:
    """Two sources with the same key would get each other's calls."""
    base = BASE.replace("shop:", "app: {type: http, write_key: k1}, shop:")
    assert found(tmp_path, "", base) == {"sources.app.write_key": "duplicate_write_key"}


def test_seconds_are_opted_into(tmp_path: Path) -> None:
    """A schedule below a minute is wrong, unless the service allows seconds."""
    base = BASE.replace("retry_failed: true", "schedule: every 5 seconds")
    assert found(tmp_path, "", base) == {"syncs.people.schedule": "bad_schedule"}
    made, _ = load_with_warnings(project(tmp_path, base + "service: {seconds: true}\n"), {}, ALL)
    assert made.syncs["people"].schedule == "every 5 seconds"
