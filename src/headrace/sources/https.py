"""HTTP connections of sources that speak HTTPS: TLS as their settings say, and what it means when nothing answers."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import urllib3

from headrace.errors import SourceError
from headrace.sources.network import CONNECT_TIMEOUT, Address, system_authorities, tls_files

ERRORS: tuple[type[Exception], ...] = (urllib3.exceptions.HTTPError, OSError)
"""What a connection of `pool` raises when the network fails."""

# What OpenSSL says of a certificate.
_EXPIRED = (9, 10)
_OTHER_NAME = (62, 64)


def pool(address: Address, mode: str, settings: Mapping[str, Any], base: Path, size: int) -> urllib3.HTTPConnectionPool:
    """Connections to ``address``, at most ``size`` kept; ``mode`` is a choice of `headrace.sources.fields.TLS`.

    Raises `SourceError` for TLS files that cannot be used.
    """
    common: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=CONNECT_TIMEOUT, read=None),
        "maxsize": size,
        "block": False,
        "retries": False,
    }
    if mode == "disable":
        return urllib3.HTTPConnectionPool(address.host, address.port, **common)
    context = _context(mode, tls_files(settings, base))
    return urllib3.HTTPSConnectionPool(
        address.host,
        address.port,
        **common,
        ssl_context=context,
        server_hostname=address.name,
        assert_hostname=None if mode == "verify-full" else False,  # None: OpenSSL compares it with server_hostname
    )


def _context(mode: str, files: Mapping[str, str]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=files.get("tls_ca") or system_authorities())
        if mode != "verify-full":
            context.check_hostname = False
        if mode == "require":
            context.verify_mode = ssl.CERT_NONE
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # it was set on purpose
        if "tls_certificate" in files:
            context.load_cert_chain(files["tls_certificate"], files["tls_key"], password="")  # else it would ask
    except (ssl.SSLError, OSError) as error:
        raise SourceError(
            f"The TLS files cannot be used: {error}. `tls_ca`, `tls_certificate` and `tls_key` must be PEM, "
            "and certificate and key belong together.",
            code="tls",
        ) from error
    return context


def unreachable(error: Exception, server: str, where: str) -> SourceError | None:
    """What it means that no connection came about; None if one stood, and broke. ``where`` is host:port."""
    host = where.rpartition(":")[0]
    cause = _certificate(error)
    if cause is not None:
        return _refused_certificate(cause, where)
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return SourceError(
            f"The host name {host!r} is unknown here. Check `host`, and that this machine can look the name up.",
            code="unknown_host",
        )
    if isinstance(error, urllib3.exceptions.SSLError):
        return SourceError(
            f"{where} and this machine could not agree on TLS: {_words(error)}. Check `port` and the TLS settings.",
            code="tls",
        )
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError) and not _within(error, ConnectionRefusedError):
        return SourceError(
            f"No answer from {where}. Check `host` and `port`, and that its firewall lets this machine's address in.",
            code="no_answer",
        )
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return SourceError(
            f"Nothing answers at {where}. Check `host` and `port`, that {server} runs and listens on that address, "
            "and that no firewall is in between.",
            code="refused",
        )
    return None


def _refused_certificate(cause: ssl.SSLCertVerificationError, where: str) -> SourceError:
    if cause.verify_code in _EXPIRED:
        sentence = f"The certificate of {where} has expired or is not valid yet. Renew it on the server."
    elif cause.verify_code in _OTHER_NAME:
        sentence = (
            f"The certificate of {where} is for another name. Set `host` to the name in the certificate, "
            "or `tls` to verify-ca, which does not compare names."
        )
    else:
        sentence = (
            f"The certificate of {where} is not signed by an authority that we trust. "
            "Set `tls_ca` to the certificate of the authority that signed it."
        )
    return SourceError(sentence, code="tls")


def _certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause
    return None


def _within(error: BaseException, kind: type[BaseException]) -> bool:
    return any(isinstance(cause, kind) for cause in _causes(error))


def _causes(error: BaseException | None) -> list[BaseException]:
    """An error and what is behind it: urllib3 also hands causes on as an argument."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in found:
            continue
        found.append(one)
        waiting += [one.__cause__, one.__context__, *(arg for arg in one.args if isinstance(arg, BaseException))]
    return found


def _words(error: Exception) -> str:
    return " ".join(str(_causes(error)[-1]).split()).rstrip(".")
