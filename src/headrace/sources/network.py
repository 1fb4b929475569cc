"""How sources reach a server over the network: drivers that may be missing, TLS files, SSH tunnels."""

from __future__ import annotations

import importlib
import ipaddress
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.access import Tunnel
from headrace.errors import SourceError
from headrace.ports import Tools

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


CONNECT_TIMEOUT = 15  # seconds

KEEPALIVE: Mapping[str, int] = {"IDLE": 30, "INTVL": 10, "CNT": 3}
"""TCP's options by which a dead peer is noticed after a minute, by the ends of their names."""


def without_secret(text: str, settings: Mapping[str, Any]) -> str:
    """The words of a driver without the password, should it ever quote that."""
    password = settings["password"].reveal() if settings.get("password") else ""
    return text.replace(password, "•••") if password else text


def driver(module: str, extra: str, title: str) -> Any:
    """An optional driver's module. Raises `SourceError` that says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing_driver(extra, title, error) from error


def missing_driver(extra: str, title: str, error: ImportError) -> SourceError:
    """The error for a driver that is not there, or that lacks a library of the system."""
    why = "" if isinstance(error, ModuleNotFoundError) else f" ({error})"
    return SourceError(
        f'The driver for {title} is not installed{why}. Run: pip install "headrace[{extra}]"', code="driver_missing"
    )


def on_this_machine(host: str) -> bool:
    """Whether ``host`` is a loopback address or the folder of a Unix socket."""
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tls_mode(settings: Mapping[str, Any]) -> str:
    """The setting ``tls``; without it verify-full, or prefer for a server on this machine.

    With ``ssh_tunnel`` also for a server on the SSH server itself: that far the tunnel encrypts, to a pinned key.
    """
    if settings.get("tls"):
        return str(settings["tls"])
    return "prefer" if on_this_machine(settings["host"]) else "verify-full"


def tls_problems(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rules between the fields of `headrace.sources.fields.TLS`, for `Spec.validate`."""
    problems = []
    for name, other in (("tls_certificate", "tls_key"), ("tls_key", "tls_certificate")):
        if settings.get(name) and not settings.get(other):
            problems.append((name, f"needs `{other}` beside it"))
    if settings.get("tls_ca") and settings.get("tls") in ("disable", "prefer", "require"):
        problems.append(("tls_ca", f"is not used with tls: {settings['tls']}; set tls to verify-ca or verify-full"))
    return problems


def tls_files(settings: Mapping[str, Any], base: Path) -> dict[str, str]:
    """The files of the TLS settings, by name, as absolute paths. Raises `SourceError` for one that is missing."""
    files = {}
    for name in ("tls_ca", "tls_certificate", "tls_key"):
        if settings.get(name):
            path = base / settings[name]
            if not path.is_file():
                raise SourceError(f"There is no file {settings[name]!r}. Mend `{name}`.", code="tls")
            files[name] = str(path)
    return files


def system_authorities() -> str | None:
    """The file of the certificates this machine trusts, for drivers that bring an OpenSSL of their own."""
    known = ssl.get_default_verify_paths().cafile
    return next((path for path in (known, *_BUNDLES) if path and Path(path).is_file()), None)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is. Connect to ``host`` and ``port``; a certificate must be for ``name``."""

    name: str
    host: str
    port: int
    tunnel: Tunnel | None = None

    def close(self) -> None:
        """Close the tunnel, if there is one: after the connection."""
        if self.tunnel is not None:
            self.tunnel.close()


def reach(settings: Mapping[str, Any], tools: Tools) -> Address:
    """The address of the server in ``host`` and ``port``, through ``ssh_tunnel`` where that is set."""
    host, port = settings["host"], settings["port"]
    if not settings.get("ssh_tunnel"):
        return Address(host, host, port)
    tunnel = tools.tunnels.open(settings["ssh_tunnel"], host, port)
    return Address(host, tunnel.host, tunnel.port, tunnel)


@contextmanager
def reached(settings: Mapping[str, Any], tools: Tools) -> Iterator[Address]:
    """The address, for as long as opening takes: its tunnel is closed again if that fails."""
    address = reach(settings, tools)
    try:
        yield address
    except BaseException:
        address.close()
        raise
