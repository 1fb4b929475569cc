"""The section ``alerts:``: channels, each against the fields of its type."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from headrace import durations
from headrace.alerting import Channel, Trouble
from headrace.config.connections import good_name
from headrace.config.nodes import List, Map, Node, Scalar
from headrace.config.report import nearest, written
from headrace.config.syncs import Names
from headrace.config.values import Reader
from headrace.connector import Field

CHANNEL_FIELDS = {
    "email": (Field("to", "list", "Who gets the alerts, by e-mail.", True, example="[ada@example.com]"),),
    "slack": (Field("url", "secret", "The address of a Slack incoming webhook: whoever has it can post.", True),),
    "webhook": (
        Field("url", "url", "Where alerts are posted, as JSON.", True, example="https://alerts.example.com/headrace"),
        Field("signing_secret", "secret", "Signs each alert, as it does for the destination webhook."),
    ),
}
ALERT_FIELDS = (
    Field("type", "choice", "How alerts are sent.", True, choices=tuple(CHANNEL_FIELDS)),
    Field(
        "on",
        "list",
        "What is told: failed, partial, late, empty. Recovery from them is always told.",
        default=[trouble.value for trouble in Trouble],
        example="[failed, late]",
    ),
    Field(
        "syncs", "list", "Which syncs are watched: names from syncs; without it: all.", default=[], example="[people]"
    ),
    Field(
        "partial_above",
        "number",
        "Percent of rows that may fail before a run counts as partial.",
        default=0.0,
        example=5,
        minimum=0,
        maximum=100,
    ),
    Field(
        "late_after",
        "text",
        "How long after its due time a sync without a good run is late; 0: its own interval, at least 15 minutes.",
        default="0",
        example="2 hours",
    ),
)


def channel(reader: Reader, key: Scalar, node: Node, names: Names, *, mail: bool) -> Channel | None:
    """The channel under ``key``; None where something is wrong with it, which is reported.

    ``mail`` says whether the service has a mail server.
    """
    report, where = reader.report, f"alerts.{key.text}"
    before = len(report.findings)
    good_name(reader, key, where)
    if not isinstance(node, Map):
        report.add(node, where, f"A map is expected. Example: {key.text}: {{type: slack, url: …}}", "wrong_type")
        return None
    node = replace(node, line=key.line)
    kind = reader.fields(node, ALERT_FIELDS[:1], where)["type"]
    own = CHANNEL_FIELDS.get(kind or "", ())
    if kind is not None:
        reader.unknown_keys(node, [field.name for field in (*ALERT_FIELDS, *own)], where)
    values = reader.fields(node, (*ALERT_FIELDS[1:], *own), where)
    troubles = _troubles(reader, node, values["on"], where)
    _known_syncs(reader, node, values["syncs"], names, where)
    if kind == "email":
        _addresses(reader, node, values["to"] or [], where, mail=mail)
    if kind == "webhook" and values["url"] and urlsplit(values["url"]).scheme not in ("http", "https"):
        report.add(node.items["url"], f"{where}.url", "The URL must begin with https:// or http://.", "bad_url")
    try:
        late_after = durations.parse(values["late_after"])
    except ValueError as error:
        report.add(node.items["late_after"], f"{where}.late_after", str(error), "bad_duration")
    if len(report.findings) > before:
        return None
    settings = {field.name: values[field.name] for field in own}
    return Channel(
        name=key.text,
        type=kind,
        settings=settings,
        troubles=troubles,
        syncs=frozenset(values["syncs"]),
        partial_above=values["partial_above"],
        late_after=late_after,
        origin=f"{key.file}:{key.line}",
    )


def _troubles(reader: Reader, node: Map, given: list[Any], where: str) -> frozenset[Trouble]:
    known = {trouble.value: trouble for trouble in Trouble}
    for name, at in _items(node, "on", given):
        if not isinstance(name, str) or name not in known:
            message = f"Write one or more of: {', '.join(known)}."
            reader.report.add(at, f"{where}.on", message, "unknown_choice", written(at))
    if not given:
        reader.report.add(
            node.items["on"], f"{where}.on", "The list is empty. Example: [failed, late]", "missing_value"
        )
    return frozenset(known[name] for name in given if isinstance(name, str) and name in known)


def _known_syncs(reader: Reader, node: Map, given: list[Any], names: Names, where: str) -> None:
    for name, at in _items(node, "syncs", given):
        if not isinstance(name, str) or (names.complete and name not in names.syncs):
            message = f"There is no sync {name!r}. {nearest(str(name), names.syncs)}"
            reader.report.add(at, f"{where}.syncs", message, "unknown_reference", written(at))


def _addresses(reader: Reader, node: Map, given: list[Any], where: str, *, mail: bool) -> None:
    for address, at in _items(node, "to", given):
        before, at_sign, after = str(address).partition("@")
        if not (before and at_sign and after) or str(address).split() != [address]:
            reader.report.add(at, f"{where}.to", "An e-mail address is expected.", "bad_address", written(at))
    if not given and "to" in node.items:
        message = "The list is empty. Name at least one address: [ada@example.com]"
        reader.report.add(node.items["to"], f"{where}.to", message, "missing_value")
    if not mail:
        message = "E-mail needs a mail server. Set service.mail in headrace.yaml."
        reader.report.add(node, f"{where}.type", message, "mail_missing")


def _items(node: Map, name: str, given: list[Any]) -> list[tuple[Any, Node]]:
    """The values of a list, each with its place; the list's own where values come from elsewhere."""
    at = node.items.get(name)
    places = at.items if isinstance(at, List) and len(at.items) == len(given) else [at or node] * len(given)
    return list(zip(given, places, strict=True))
