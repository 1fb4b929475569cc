"""What sources share that reach their server through libpq: the words of a connection, and what its refusals mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headrace.errors import SourceError
from headrace.sources import network

Sentences = Sequence[tuple[str, str, str]]
"""Pattern in libpq's words → stable code, and the sentence. {0} is the pattern's first group.

Where `tls` is prefer, libpq tries twice and says both; so what the second, unencrypted try would say stands last.
"""

_TLS: Sentences = (
    (
        "requires a valid client certificate|alert certificate required",
        "tls",
        "The server at {where} wants a client certificate. Set `tls_certificate` and `tls_key`.",
    ),
)

_COMMON: Sentences = (
    (
        "could not translate host name|failed to resolve host",
        "unknown_host",
        "The host name {host!r} is unknown here. Check `host`, and that this machine can look the name up.",
    ),
    (
        "timeout expired|Connection timed out|No route to host|Network is unreachable|Operation timed out",
        "no_answer",
        "No answer from {where}. Check `host` and `port`, and that its firewall lets this machine's address in.",
    ),
    (
        "no password supplied",
        "password",
        "The server wants a password for the role {user!r}, and none is set. Set `password`.",
    ),
    (
        "password authentication failed|authentication failed for user",
        "password",
        "The server refused the password of the role {user!r}, or knows no such role. Check `user` and `password`.",
    ),
    (
        'database "(.*)" does not exist',
        "database",
        "The server has no database {database!r}. Check `database`.",
    ),
    (
        "server does not support SSL",
        "tls",
        "The server at {where} offers no TLS, and `tls` demands it. Turn TLS on in the server (ssl = on); "
        "or, if you trust every network in between, set `tls` to disable.",
    ),
    (
        "certificate verify failed|self.signed certificate",
        "tls",
        "The certificate of {where} is not signed by an authority that we trust, or it has expired. "
        "Set `tls_ca` to the certificate of the authority that signed it; renew one that has expired.",
    ),
    (
        "server certificate for (.*) does not match host name",
        "tls",
        "The certificate of {where} is for another name ({0}). Set `host` to the name in the certificate, "
        "or `tls` to verify-ca, which does not compare names.",
    ),
    (
        "could not read root certificate file",
        "tls",
        "The file in `tls_ca` holds no certificate (PEM). Give it the certificate of the server's authority.",
    ),
    (
        "could not load private key file|could not read certificate file|group or world access|private key file",
        "tls",
        "`tls_certificate` and `tls_key` cannot be used: {reason}. Both must be PEM and belong together; "
        "the key must be readable by its owner only (chmod 600).",
    ),
    (
        "closed the connection unexpectedly|Connection reset",
        "refused",
        "{where} took the connection and closed it at once. Check `host` and `port`, "
        "and that an SSH server or proxy in between can reach them.",
    ),
)


def conninfo(settings: Mapping[str, Any], address: network.Address, base: Path) -> dict[str, str]:
    """All of libpq's words, so that no PGHOST or PGSSLMODE of the environment speaks. The password is among them.

    A certificate is compared with the server's own name, also where a tunnel stands at another address. Raises
    `SourceError` for a missing file.
    """
    mode = network.tls_mode(settings)
    files = network.tls_files(settings, base)
    words = {
        "host": address.name,
        "hostaddr": address.host if address.tunnel else "",
        "port": str(address.port),
        "dbname": settings["database"],
        "user": settings["user"],
        "sslmode": mode,
        "connect_timeout": str(network.CONNECT_TIMEOUT),
        "keepalives_idle": str(network.KEEPALIVE["IDLE"]),
        "keepalives_interval": str(network.KEEPALIVE["INTVL"]),
        "keepalives_count": str(network.KEEPALIVE["CNT"]),
        "application_name": "headrace",
    }
    if settings.get("password"):
        words["password"] = settings["password"].reveal()
    if mode.startswith("verify"):
        # the driver's own OpenSSL does not know where the system keeps its authorities
        words["sslrootcert"] = files.get("tls_ca") or network.system_authorities() or "system"
    if "tls_certificate" in files:
        words |= {"sslcert": files["tls_certificate"], "sslkey": files["tls_key"]}
    return words


def problems(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rules between the fields, for `Spec.validate`."""
    found = network.tls_problems(settings)
    if str(settings.get("host", "")).startswith("/") and settings.get("ssh_tunnel"):
        found.append(("host", "is a folder on this machine, which ssh_tunnel cannot lead to; name the server"))
    return found


def refusal(text: str, settings: Mapping[str, Any], server: str, special: Sentences) -> SourceError:
    """The error for a connection that libpq could not make; ``text`` is what it said, ``special`` the server's own."""
    reason = _reason(text, settings)
    tunnel = settings.get("ssh_tunnel")
    where = f"{settings['host']}:{settings['port']}"
    words = {
        "host": settings["host"],
        "where": f"{where} (through the SSH server {tunnel['host']})" if tunnel else where,
        "user": settings["user"],
        "database": settings["database"],
        "quoted_user": quoted(settings["user"]),
        "quoted_database": quoted(settings["database"]),
        "reason": reason,
    }
    for pattern, code, sentence in (*_TLS, *special, *_COMMON):
        found = re.search(pattern, text)
        if found:
            return SourceError(sentence.format(*found.groups(), **words), code=code)
    return SourceError(f"No connection to {server} at {words['where']}: {reason}. Check the settings.", code="source")


def _reason(text: str, settings: Mapping[str, Any]) -> str:
    """libpq's last words on one line, without the password."""
    reason = " ".join(text.rsplit("failed: ", 1)[-1].replace("FATAL:", "").split()).rstrip(".")
    return network.without_secret(reason, settings)


def quoted(identifier: str) -> str:
    """An identifier as SQL writes it where it must: "My Role"."""
    return identifier if re.fullmatch("[a-z_][a-z0-9_]*", identifier) else identifier_of(identifier)


def identifier_of(name: str) -> str:
    """A name in quotes."""
    return '"' + name.replace('"', '""') + '"'


def search_path(settings: Mapping[str, Any]) -> list[str]:
    """The schemas of the setting ``schema``, in order."""
    return [name.strip() for name in (settings.get("schema") or "").split(",") if name.strip()]
