"""E-mail over SMTP: one plain message at a time, encrypted unless the settings say otherwise."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import aiosmtplib

from headrace.errors import HeadraceError
from headrace.service import Mail

TIMEOUT = 30.0  # seconds for each step of the exchange
LONGEST_SUBJECT = 200  # characters

_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f@<>()\[\],;:\\\"]+@[^\s\x00-\x1f\x7f@<>()\[\],;:\\\"]+")
_NO_ID = re.compile(r"[^A-Za-z0-9._-]", re.ASCII)  # what the id of a message has not


class MailFailed(HeadraceError):
    """A message was not sent; says why and what to do."""

    code = "mail_failed"


@dataclass(frozen=True, slots=True)
class Letter:
    """``id`` names the message for good: a second try is the same message to those who get both."""

    id: str
    to: Sequence[str]
    subject: str
    text: str
    at: datetime


async def send(settings: Mail, letter: Letter, *, tls: ssl.SSLContext | None = None) -> list[str]:
    """Send one message; returns a sentence for each recipient that the server refused beside others that it took.

    ``tls`` is the context to use (default: the system's authorities). Raises `MailFailed` where nobody gets it.
    """
    message, sender = _composed(settings, letter)
    place = f"The mail server {settings.host}:{settings.port}"
    try:
        refused, _ = await aiosmtplib.send(
            message,
            sender=sender,
            recipients=list(letter.to),
            hostname=settings.host,
            port=settings.port,
            username=settings.user or None,
            password=settings.password.reveal() if settings.user and settings.password else None,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=(tls or ssl.create_default_context()) if settings.tls != "none" else None,
            local_hostname=sender.rpartition("@")[2],
            timeout=TIMEOUT,
        )
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        # Without its origin, which may hold the login.
        raise MailFailed(f"{place} {_cause(error, settings)}") from None
    return [f"{place} refused {to}: {_words(answer.message)}" for to, answer in refused.items()]


def _composed(settings: Mail, letter: Letter) -> tuple[EmailMessage, str]:
    """The message, and its sender. Raises `MailFailed` for addresses that are none: they could add headers."""
    name, sender = _sender(settings.sender)
    if not letter.to:
        raise MailFailed("The channel has no recipients. Write addresses under to.")
    for address in (sender, *letter.to):
        if not _ADDRESS.fullmatch(address):
            raise MailFailed(f"{_words(address)!r} is not an e-mail address. Write one like ada@example.com.")
    message = EmailMessage(policy=SMTP)
    message["Subject"] = _words(letter.subject)[:LONGEST_SUBJECT]
    message["From"] = Address(_words(name), addr_spec=sender) if sender.isascii() else sender
    message["To"] = ", ".join(letter.to)
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = f"<{_NO_ID.sub('-', letter.id)}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # so that no absence note answers
    message.set_content("".join(c if c.isprintable() or c == "\n" else " " for c in letter.text) + "\n")
    return message, sender


def _sender(text: str) -> tuple[str, str]:
    """Name and address of ``Headrace <alerts@example.com>``. The standard library's parser repairs too much."""
    if text.endswith(">"):
        name, _, address = text[:-1].rpartition("<")
        return name.strip(' "'), address
    return "", text


def _cause(error: Exception, settings: Mail) -> str:
    """What went wrong and what to do, as the rest of a sentence that begins with the server."""
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return f"refused the login of {settings.user!r} ({error.code}). Check service.mail: user and password."
        case aiosmtplib.SMTPRecipientsRefused():
            told = "; ".join(f"{one.recipient}: {one.code} {_words(one.message)}" for one in error.recipients)
            return f"refused every recipient ({told}). Check the addresses of the channel."
        case aiosmtplib.SMTPSenderRefused():
            return f"refused the sender ({error.code} {_words(error.message)}). Check service.mail: sender."
        case aiosmtplib.SMTPResponseException():
            return f"refused the message ({error.code} {_words(error.message)})."
        case TimeoutError():
            return f"did not answer within {TIMEOUT:g} s. Check service.mail: host, port and tls."
        case aiosmtplib.SMTPException():
            return f"cannot be used ({_words(error.message)}). Check service.mail: host, port, tls and user."
        case OSError():  # certificates that are not trusted, too
            return f"cannot be reached ({_words(str(error))}). Check service.mail: host, port and tls."
        case _:
            return "was not asked: the message cannot be written in its words. Check the addresses."


def _words(text: str) -> str:
    """On one line and printable: no header can be added, and no terminal disturbed."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))[:300]
