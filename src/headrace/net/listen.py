"""Where the service listens: an address that may be used, and a socket on it."""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl

from headrace.errors import UsageError
from headrace.service import Service

_BACKLOG = 1024

Door = socket.socket


def address(text: str) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:8080``, ``[::1]:8080`` or ``:8080`` (every address). Raises `UsageError`."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise UsageError(
            f"This is no address to listen on: {text!r}. Write host and port, like 127.0.0.1:8080.", code="bad_listen"
        )
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104  what `:8080` means


def require_cover(host: str, service: Service) -> None:
    """Refuse to be reached from outside in clear text: raises `UsageError` (``tls_required``)."""
    if _is_loopback(host) or service.tls_certificate or service.behind_proxy:
        return
    raise UsageError(
        f"Listening on {host} lets others reach the service in clear text. Set service.tls_certificate and "
        "service.tls_key; or say service.behind_proxy: true (--behind-proxy) where a proxy before it does TLS; or "
        "listen on 127.0.0.1.",
        code="tls_required",
    )


def require_certificate(service: Service) -> None:
    """Refuse TLS files that cannot serve: raises `UsageError` (``bad_certificate``). Reads them."""
    if not service.tls_certificate:
        return
    for key, path in (("tls_certificate", service.tls_certificate), ("tls_key", service.tls_key)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise _unusable(f"service.{key} cannot be read: {path!r}: {error.strerror}.") from None
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(service.tls_certificate, service.tls_key, password=lambda: "")
    except (OSError, ValueError):  # SSLError is an OSError
        raise _unusable(
            f"{service.tls_certificate!r} and {service.tls_key!r} are not a certificate in PEM and its own key "
            "without a password."
        ) from None


def _unusable(why: str) -> UsageError:
    return UsageError(f"HTTPS cannot begin: {why} Mend that, then start again.", code="bad_certificate")


def listening(host: str, port: int) -> Door:
    """A socket that listens. Raises `UsageError` (``cannot_listen``) that names the address and the fix."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
        made.setblocking(False)
    except (OSError, UnicodeError) as error:
        made.close()
        raise UsageError(f"Cannot listen on {host}:{port}: {_why(error)}", code="cannot_listen") from None
    return made


def shown(door: Door, *, secure: bool = False) -> str:
    """The address for people: http://127.0.0.1:8080."""
    host, port = door.getsockname()[:2]
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _why(error: OSError | UnicodeError) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return "another program listens there. Stop it, or choose another port: --listen 127.0.0.1:8081"
    if number == errno.EACCES:
        return "ports below 1024 are the system's. Choose a higher one, and let a proxy or systemd pass it on."
    if number == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror | UnicodeError):
        return "this machine has no such address. Use one of its own, or 127.0.0.1."
    return f"{getattr(error, 'strerror', None) or error}."
