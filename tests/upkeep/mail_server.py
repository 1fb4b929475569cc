"""A real mail server on 127.0.0.1 that keeps what it is sent, with TLS and a login as a test wants them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP as POLICY
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "alerts", "hunter2"


@dataclass
class Inbox:
    """What arrived. ``refuse`` answers each message so; ``unknown`` are recipients that are refused."""

    refuse: str = ""
    unknown: set[str] = field(default_factory=set)
    letters: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    port: int = 0
    tls: ssl.SSLContext | None = None  # a client's, that trusts the server

    async def handle_RCPT(  # noqa: N802  the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.unknown:
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refuse:
            return self.refuse
        assert isinstance(envelope.content, bytes)
        letter = BytesParser(policy=POLICY).parsebytes(envelope.content)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.envelopes.append(envelope)
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logins.append((data.login, data.password))
        right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=right)


@contextmanager
def mail_server(tls: str = "none", *, login: bool = False, port: int = 0) -> Iterator[Inbox]:
    """A server that speaks as ``tls`` says: none, starttls (and nothing before it), tls."""
    inbox = Inbox()
    server = None
    if tls != "none":
        authority = trustme.CA()
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(server)
        inbox.tls = ssl.create_default_context()
        authority.configure_trust(inbox.tls)
    more: dict[str, Any] = {"authenticator": inbox.authenticate, "auth_required": True} if login else {}
    if tls == "starttls":
        more |= {"tls_context": server, "require_starttls": True}
    elif login:
        more |= {"auth_require_tls": False}
    controller = _Controller(
        inbox, hostname="127.0.0.1", port=port, ssl_context=server if tls == "tls" else None, **more
    )
    controller.start()
    inbox.port = controller.port
    try:
        yield inbox
    finally:
        controller.stop()


class _Controller(Controller):
    """Takes a free port, at which the library then knocks to see whether it is there."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()  # type: ignore[no-untyped-call]
