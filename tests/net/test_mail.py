"""E-mail: what arrives at a real server, how it is encrypted, what is told when it does not, and hostile words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headrace.model import Secret
from headrace.net import mail
from headrace.net.mail import Letter, MailFailed, send
from headrace.service import Mail
from headrace.testing.http_server import Answer, Fault, RecordingServer
from tests.upkeep.mail_server import PASSWORD, USER, mail_server

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LETTER = Letter("notice-7", ["ada@example.com"], "The sync people failed", "It failed.\nTwice.", AT)


def settings(port: int, tls: str = "none", user: str = "", password: str = PASSWORD, **more: str) -> Mail:
    given = {"sender": "Headrace <headrace@example.com>", **more}
    return Mail("127.0.0.1", port=port, user=user, password=Secret(password) if user else None, tls=tls, **given)


def letter(**more: object) -> Letter:
    return Letter(**{"id": "notice-7", "to": ["ada@example.com"], "subject": "s", "text": "t", "at": AT, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("tls", ["none", "starttls", "tls"])
@pytest.mark.parametrize("login", [False, True])
async def test_a_message_arrives(tls: str, login: bool) -> None:
    """A message arrives whole, encrypted as the settings say, with the login where there is one."""
    with mail_server(tls, login=login) as inbox:
        assert await send(settings(inbox.port, tls, USER if login else ""), LETTER, tls=inbox.tls) == []
        (arrived,) = inbox.letters
        assert inbox.encrypted == [tls != "none"]
        assert inbox.logins == ([(USER.encode(), PASSWORD.encode())] if login else [])
    assert arrived["subject"] == "The sync people failed"
    assert arrived["from"] == "Headrace <headrace@example.com>"
    assert arrived["to"] == "ada@example.com"
    assert arrived["message-id"] == "<notice-7@example.com>"
    assert arrived["date"].datetime == AT
    assert arrived["auto-submitted"] == "auto-generated"
    assert arrived.get_content().splitlines() == ["It failed.", "Twice."]


async def test_letters_of_all_kinds() -> None:
    """Words of any script arrive as they were written."""
    with mail_server() as inbox:
        await send(settings(inbox.port), letter(subject="Żółć – 東京", text="Grüße\n😀"))
    assert inbox.letters[0]["subject"] == "Żółć – 東京"
    assert inbox.letters[0].get_content().splitlines() == ["Grüße", "😀"]


@pytest.mark.parametrize(
    "words",
    ["a\r\nBcc: eve@example.com", "a\nBcc: eve@example.com", "a\r\n\r\nbody", "\x00\x1b[2J\x85\u2028x"],
    ids=ascii,
)
async def test_words_add_no_header(words: str) -> None:
    """Line breaks and control characters in a subject, name or id add no header, recipient or body."""
    with mail_server() as inbox:
        await send(settings(inbox.port), letter(subject=words, id=words, text=f"{words}\r\n.\r\nQUIT"))
        await send(settings(inbox.port, sender=f'"{words}" <headrace@example.com>'), LETTER)
    assert [envelope.rcpt_tos for envelope in inbox.envelopes] == [["ada@example.com"]] * 2
    for arrived in inbox.letters:
        assert "bcc" not in arrived
        assert set(arrived.keys()) == {
            "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "Content-Type", "MIME-Version",
            "Content-Transfer-Encoding",
        }  # fmt: skip


@pytest.mark.parametrize(
    "address",
    ["ada@example.com\r\nBcc: eve@example.com", "ada@example.com\nDATA", "ada@example.com>\r\nRCPT TO:<eve@example.com",
     "ada@example.com, eve@example.com", "Ada <ada@example.com>", "ada", "", "@", "a@b@c", "ada@exa mple.com", "<>",
     "ada@example.com\x00"],
    ids=ascii,
)  # fmt: skip
async def test_addresses_are_addresses(address: str) -> None:
    """What is not one plain address is refused before anything is sent, as recipient and as sender."""
    with mail_server() as inbox:
        with pytest.raises(MailFailed, match="is not an e-mail address"):
            await send(settings(inbox.port), letter(to=["bob@example.com", address]))
        if "<" not in address and "," not in address:
            with pytest.raises(MailFailed, match="is not an e-mail address"):
                await send(settings(inbox.port, sender=address), LETTER)
    assert inbox.letters == []


async def test_nobody_to_write_to() -> None:
    """A channel without recipients is told as such."""
    with pytest.raises(MailFailed, match="no recipients"):
        await send(settings(1), letter(to=[]))


async def test_one_of_two_is_refused() -> None:
    """Where one recipient is refused the others get it, and that is told."""
    with mail_server() as inbox:
        inbox.unknown = {"bob@example.com"}
        (remark,) = await send(settings(inbox.port), letter(to=["bob@example.com", "ada@example.com"]))
    assert "refused bob@example.com: 5.1.1 nobody of that name" in remark
    assert inbox.envelopes[0].rcpt_tos == ["ada@example.com"]


async def test_all_are_refused() -> None:
    """Where every recipient is refused, nothing is sent."""
    with mail_server() as inbox:
        inbox.unknown = {"ada@example.com"}
        with pytest.raises(MailFailed, match=r"refused every recipient \(ada@example.com: 550"):
            await send(settings(inbox.port), LETTER)


async def test_a_wrong_login() -> None:
    """A wrong password is told as one, and not repeated."""
    with mail_server("starttls", login=True) as inbox:
        with pytest.raises(MailFailed, match="refused the login of 'alerts'") as caught:
            await send(settings(inbox.port, "starttls", USER, "wrong-pw"), LETTER, tls=inbox.tls)
        assert "wrong-pw" not in caught.value.message
        assert inbox.letters == []


async def test_no_unencrypted_fallback() -> None:
    """A server without STARTTLS gets nothing where that is asked for, above all no password."""
    with mail_server(login=True) as inbox:
        with pytest.raises(MailFailed, match="cannot be used"):
            await send(settings(inbox.port, "starttls", USER), LETTER)
        assert (inbox.letters, inbox.logins) == ([], [])


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_certificate_that_nobody_trusts(tls: str) -> None:
    """An unknown authority is refused before the login."""
    with mail_server(tls, login=tls == "starttls") as inbox:
        with pytest.raises(MailFailed, match="certificate"):
            await send(settings(inbox.port, tls, USER), LETTER)
        assert inbox.logins == []


async def test_the_server_refuses_the_message() -> None:
    """What the server says is told, on one line."""
    with mail_server() as inbox:
        inbox.refuse = "452 no room\x07"
        with pytest.raises(MailFailed, match=r"refused the message \(452 no room ?\)"):
            await send(settings(inbox.port), LETTER)


async def test_nobody_listens(unused_tcp_port: int) -> None:
    """A server that is down is told with its place."""
    with pytest.raises(MailFailed, match=f"The mail server 127.0.0.1:{unused_tcp_port} .*Check service.mail"):
        await send(settings(unused_tcp_port), LETTER)


async def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not speak is given up after a while; one that speaks something else at once."""
    monkeypatch.setattr(mail, "TIMEOUT", 0.2)
    with RecordingServer() as server:
        server.always(Answer(fault=Fault.BLACK_HOLE))
        with pytest.raises(MailFailed, match="did not answer within"):
            await send(settings(server.port), LETTER)
