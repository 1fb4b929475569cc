"""The section ``service:``: every key declared once, and what keys mean together."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from headrace import durations
from headrace.config.nodes import List, Map, Node
from headrace.config.report import written
from headrace.config.values import Reader
from headrace.connector import Field
from headrace.model import Secret
from headrace.people import Role
from headrace.service import Mail, Oidc, Retention, Service, address_of, exposed

_DEFAULTS, _KEPT = Service(), Retention()
WHERE = "service"


def _duration(name: str, means: str, default: int) -> Field:
    return Field(name, "text", means, default=durations.describe(default))


def _number(name: str, means: str, minimum: int, maximum: int | None = None) -> Field:
    return Field(name, "integer", means, default=getattr(_DEFAULTS, name), minimum=minimum, maximum=maximum)


def _switch(name: str, means: str) -> Field:
    return Field(name, "boolean", means, default=getattr(_DEFAULTS, name))


RETENTION_FIELDS = (
    _duration("runs", "Runs that have ended, but each sync's newest.", _KEPT.runs),
    _duration("errors", "Failed rows.", _KEPT.errors),
    _duration("calls", "Calls of Data In.", _KEPT.calls),
    _duration("journals", "Received calls that every sync has delivered.", _KEPT.journals),
)
OIDC_FIELDS = (
    Field("issuer", "url", "The provider's address.", True, example="https://login.example.com"),
    Field("client_id", "text", "What the provider calls this service.", True, example="headrace"),
    Field("client_secret", "secret", "What the service proves itself with to the provider.", True),
    Field(
        "role",
        "choice",
        "The role of people who come for the first time; without it, they must have been invited.",
        default="",
        choices=tuple(role.value for role in Role),
    ),
    Field("domains", "list", "Domains of their e-mail addresses; without it: any.", default=[], example="[acme.com]"),
    Field("label", "text", "What the button says.", default=Oidc("", "", Secret("")).label),
)
MAIL_FIELDS = (
    Field("host", "text", "The mail server.", True, example="smtp.example.com"),
    Field("sender", "text", "The address that alerts come from.", True, example="headrace@example.com"),
    Field("port", "integer", "Its port.", default=587, minimum=1, maximum=65535),
    Field("user", "text", "User to log in as, where the server asks for one.", default=""),
    Field("password", "secret", "The user's password."),
    Field("tls", "choice", "How the connection is encrypted.", default="starttls", choices=("starttls", "tls", "none")),
)
SERVICE_FIELDS = (
    Field("listen", "text", "Address and port.", default=_DEFAULTS.listen, example="0.0.0.0:8443"),
    Field("tls_certificate", "path", "Certificate chain (PEM), with which the service speaks HTTPS.", default=""),
    Field("tls_key", "path", "Private key (PEM) of the certificate.", default=""),
    _switch("behind_proxy", "Say that a proxy before the service does TLS."),
    Field(
        "trusted_proxies",
        "list",
        "Addresses and networks whose X-Forwarded-For and X-Forwarded-Proto count.",
        default=list(_DEFAULTS.trusted_proxies),
        example="[10.0.0.0/8]",
    ),
    Field(
        "public_url",
        "url",
        "How people reach the service; for links in alerts, and for sign-in with OpenID Connect.",
        default="",
        example="https://headrace.example.com",
    ),
    _number("runs_at_once", "Runs that one process carries side by side.", 1, 1000),
    _switch("seconds", "Allow schedules shorter than a minute."),
    _switch("preview", "Whether rows of data may be looked at by anyone."),
    Field(
        "egress_allow",
        "list",
        "Private networks that addresses given in the page or by the API may lead to.",
        default=[],
        example="[10.0.0.0/8]",
    ),
    Field(
        "egress_addresses",
        "list",
        "Addresses from which this service reaches databases: the page shows them to whoever opens a firewall.",
        default=[],
        example="[203.0.113.7]",
    ),
    _duration("session_idle", "A session ends after this long without a request.", _DEFAULTS.session_idle),
    _duration("session_longest", "A session ends this long after signing in.", _DEFAULTS.session_longest),
    _number("ingest_call_bytes", "The largest call that is taken over HTTP.", 1024),
    _number("ingest_batch_bytes", "The largest request with calls that is taken over HTTP.", 1024),
    _number("journal_seconds", "Received calls go on their way at most this many seconds after the first.", 1, 3600),
    _number("journal_bytes", "Received calls go on their way when they are so many bytes.", 1024),
    _number("kept_calls", "Calls of each run that Data In keeps; 0: none.", 0, 100_000),
    Field("log_format", "choice", "How the log is written.", default=_DEFAULTS.log_format, choices=("json", "text")),
    Field("trace_to", "url", "Where traces go, by OTLP over HTTP.", default="", example="http://collector:4318"),
    _switch("metrics", "Whether /metrics answers."),
    Field("retention", "group", "How long things are kept.", fields=RETENTION_FIELDS, example={"runs": "90 days"}),
    Field("oidc", "group", "Sign-in by OpenID Connect.", fields=OIDC_FIELDS),
    Field("mail", "group", "The mail server that sends alerts.", fields=MAIL_FIELDS),
)
RUNTIME_KEYS = (
    "runs_at_once", "seconds", "preview", "egress_allow", "egress_addresses", "session_idle", "session_longest",
    "kept_calls", "retention",
)  # fmt: skip
"""What may also be set in the page and by the API; the others must be known before there is a page."""


def service(reader: Reader, node: Map) -> Service:
    """The service of the section. What is wrong with it is reported, and has its default."""
    reader.unknown_keys(node, [field.name for field in SERVICE_FIELDS], WHERE)
    values = reader.fields(node, SERVICE_FIELDS, WHERE)
    part = _Part(reader, node, values)
    made = Service(
        **{field.name: values[field.name] for field in SERVICE_FIELDS if field.name not in _MADE},
        trusted_proxies=part.networks("trusted_proxies"),
        egress_allow=part.networks("egress_allow"),
        egress_addresses=part.networks("egress_addresses"),
        session_idle=part.seconds("session_idle"),
        session_longest=part.seconds("session_longest"),
        retention=part.retention(),
        oidc=part.oidc(),
        mail=part.mail(),
    )
    part.judge(made)
    return made


_MADE = (
    "trusted_proxies", "egress_allow", "egress_addresses", "session_idle", "session_longest", "retention", "oidc",
    "mail",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Part:
    """The judges of single keys. Each reports what is wrong and goes on."""

    reader: Reader
    node: Map
    values: Mapping[str, Any]

    def wrong(self, name: str, message: str, code: str, at: Node | None = None) -> None:
        place = at or self.node.items.get(name) or self.node
        self.reader.report.add(place, f"{WHERE}.{name}", message, code, written(place))

    def networks(self, name: str) -> tuple[str, ...]:
        node = self.node.items.get(name)
        given = self.values[name]
        places = node.items if isinstance(node, List) and len(node.items) == len(given) else [None] * len(given)
        for network, at in zip(given, places, strict=True):
            try:
                ipaddress.ip_network(str(network))
            except ValueError as error:
                message = f"An IP address or a network like 10.0.0.0/8 is expected: {error}."
                self.wrong(name, message, "bad_network", at)
        return tuple(str(network) for network in given)

    def seconds(self, name: str, group: str = "") -> int:
        node, values, default = self.node, self.values, getattr(_KEPT if group else _DEFAULTS, name)
        if group:
            values, inner = self.values[group], self.node.items.get(group)
            node = inner if isinstance(inner, Map) else self.node
        try:
            seconds = durations.parse(values[name])
        except ValueError as error:
            self.wrong(f"{group}.{name}".lstrip("."), str(error), "bad_duration", node.items.get(name))
            return int(default)
        if seconds < 60:
            message = "At least a minute is expected. Write a longer one."
            self.wrong(f"{group}.{name}".lstrip("."), message, "out_of_range", node.items.get(name))
        return seconds

    def retention(self) -> Retention:
        if not isinstance(self.values["retention"], Mapping):
            return Retention()
        return Retention(**{field.name: self.seconds(field.name, "retention") for field in fields(Retention)})

    def oidc(self) -> Oidc | None:
        given = self._group("oidc")
        if given is None or not given["issuer"] or not given["client_id"] or given["client_secret"] is None:
            return None
        if not self.values["public_url"]:
            self.wrong("oidc", "Sign-in needs to know where it is. Set public_url too.", "bad_combination")
        parts = urlsplit(given["issuer"])
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            self.wrong(
                "oidc.issuer",
                "The provider must be reached by https. Write https://…",
                "bad_url",
                self._in("oidc", "issuer"),
            )
        return Oidc(**{**given, "domains": tuple(str(domain).lower() for domain in given["domains"])})

    def mail(self) -> Mail | None:
        given = self._group("mail")
        if given is None or not given["host"] or not given["sender"]:
            return None
        if "@" not in given["sender"]:
            self.wrong("mail.sender", "An e-mail address is expected.", "bad_address", self._in("mail", "sender"))
        if bool(given["user"]) != bool(given["password"]):
            self.wrong("mail", "Give user and password together, or neither.", "bad_combination")
        return Mail(**given)

    def judge(self, made: Service) -> None:
        """What no single key can tell."""
        if address_of(made.listen) is None:
            message = f"An address and a port are expected. Example: listen: {_DEFAULTS.listen}"
            self.wrong("listen", message, "bad_listen")
        elif bool(made.tls_certificate) != bool(made.tls_key):
            missing = "tls_key" if made.tls_certificate else "tls_certificate"
            self.wrong(missing, "HTTPS needs tls_certificate and tls_key. Set both, or neither.", "bad_combination")
        elif exposed(made):
            message = (
                "Whoever can reach this address could read passwords on their way. Set tls_certificate and tls_key, or "
                "behind_proxy: true where a proxy does TLS."
            )
            self.wrong("listen", message, "insecure_listen")
        for name in ("public_url", "trace_to"):
            if (url := getattr(made, name)) and urlsplit(url).scheme not in ("http", "https"):
                self.wrong(name, "The URL must begin with https:// or http://.", "bad_url")
        if made.session_idle > made.session_longest:
            self.wrong("session_idle", "It is longer than session_longest. Write a shorter one.", "bad_combination")
        if made.ingest_call_bytes > made.ingest_batch_bytes:
            message = "It is more than ingest_batch_bytes. Write a smaller number."
            self.wrong("ingest_call_bytes", message, "bad_combination")

    def _group(self, name: str) -> dict[str, Any] | None:
        given = self.values[name]
        return given if isinstance(given, dict) else None

    def _in(self, group: str, name: str) -> Node | None:
        node = self.node.items.get(group)
        return node.items.get(name) if isinstance(node, Map) else None


def runtime_settings(reader: Reader, node: Map) -> Service:
    """The service of settings that were made while it ran. Keys that must be known before are reported."""
    for field in SERVICE_FIELDS:
        if field.name in node.keys and field.name not in RUNTIME_KEYS:
            message = f"{field.name} must be known before the service starts. Set it in headrace.yaml."
            reader.report.add(node.keys[field.name], f"{WHERE}.{field.name}", message, "only_in_files")
    return service(reader, node)


def merged(stored: Map, files: Map) -> Map:
    """The settings of the store under those of the files: what a file says wins, key by key."""
    items = {**stored.items, **files.items}
    below, above = stored.items.get("retention"), files.items.get("retention")
    if isinstance(below, Map) and isinstance(above, Map):
        items["retention"] = Map(
            above.file, above.line, {**below.keys, **above.keys}, {**below.items, **above.items}, 1
        )
    return Map(files.file, files.line, {**stored.keys, **files.keys}, items, 1)
