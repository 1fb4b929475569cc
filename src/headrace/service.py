"""The section ``service:``: how `headrace serve` listens, what it allows, what it keeps, and for how long."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from headrace.model import Secret

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds for which things are kept."""

    runs: int = 90 * DAY  # ended runs, with their parts and deliveries in the ledger
    errors: int = 30 * DAY  # failed rows
    calls: int = 7 * DAY  # calls of Data In
    journals: int = 1 * DAY  # received calls that every sync has delivered


@dataclass(frozen=True, slots=True)
class Oidc:
    """Sign-in by OpenID Connect, with the code flow and PKCE."""

    issuer: str
    client_id: str
    client_secret: Secret
    role: str = ""  # of people who come for the first time; "": they must have been invited
    domains: tuple[str, ...] = ()  # of their e-mail addresses; empty: any
    label: str = "Sign in with OpenID Connect"


@dataclass(frozen=True, slots=True)
class Mail:
    """The server that sends alerts."""

    host: str
    sender: str
    port: int = 587
    user: str = ""
    password: Secret | None = None
    tls: str = "starttls"  # starttls | tls | none


@dataclass(frozen=True, slots=True)
class Service:
    listen: str = "127.0.0.1:8080"
    tls_certificate: str = ""  # files, PEM
    tls_key: str = ""
    behind_proxy: bool = False  # the explicit word that a proxy before us does TLS
    trusted_proxies: tuple[str, ...] = ("127.0.0.1",)  # whose X-Forwarded-For and -Proto count
    public_url: str = ""  # how people reach it, for links in alerts and OpenID Connect
    runs_at_once: int = 8  # runs that one process carries side by side
    seconds: bool = False  # allow schedules below a minute
    preview: bool = True  # whether rows of data may be looked at by anyone
    egress_allow: tuple[str, ...] = ()  # private networks that given addresses may lead to: 10.0.0.0/8
    egress_addresses: tuple[str, ...] = ()  # from which it reaches databases, for people to let in; only shown
    session_idle: int = 12 * 3600  # seconds
    session_longest: int = 30 * DAY
    ingest_call_bytes: int = 32_768
    ingest_batch_bytes: int = 512_000
    journal_seconds: int = 10  # a journal is closed this long after its first call
    journal_bytes: int = 16_000_000
    kept_calls: int = 200  # calls of each run that Data In keeps
    log_format: str = "json"  # json | text
    trace_to: str = ""  # OTLP over HTTP: http://collector:4318
    metrics: bool = True  # whether /metrics answers
    retention: Retention = field(default_factory=Retention)
    oidc: Oidc | None = None
    mail: Mail | None = None


def address_of(listen: str) -> tuple[str, int] | None:
    """Host and port of ``127.0.0.1:8080``, ``[::1]:8080`` or ``headrace.internal:8080``; None where it is neither."""
    try:
        parts = urlsplit(f"//{listen}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or port is None or parts.netloc != listen or parts.username is not None:
        return None
    return host, port


def exposed(service: Service) -> bool:
    """Whether it listens beyond this machine without TLS, and without the word that a proxy before it does TLS."""
    address = address_of(service.listen)
    if service.tls_certificate or service.behind_proxy or address is None:
        return False
    try:
        return not ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] != "localhost"
