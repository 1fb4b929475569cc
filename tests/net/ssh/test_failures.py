"""What can be in the way of an SSH tunnel: each cause has its code and a sentence that says what to do."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from headrace.aio import in_thread
from headrace.net import ssh_client
from headrace.net.ssh_loop import SshLoop
from headrace.testing.ssh import SshServer, sshd_binary
from tests.net.ssh.site import Handler, Site, far_end

FINGERPRINT = "SHA256:uNiVztksCsDhcc0u9e8BrsvGTGE0T5CVPo6e9A0cEZE"


@asynccontextmanager
async def instead_of_ssh(site: Site, handler: Handler) -> AsyncIterator[None]:
    """Something else listens where the SSH server should be."""
    async with far_end(handler) as port:
        site.settings |= {"port": port, "host_key": site.server.host_key()}
        yield


async def test_unknown_host(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without an address."""
    await site.ready()

    def nobody(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    site.settings |= {"host": "bastion.example", "host_key": site.server.host_key()}
    code, message = await site.refusal()
    assert code == "unknown_host"
    assert message.startswith("The SSH server's name 'bastion.example' is unknown here. Check `host` of `ssh_tunnel`")


async def test_a_name_that_can_be_none(site: Site) -> None:
    """A name that no name server could hold."""
    await site.ready()
    site.settings |= {"host": f"{'a' * 70}.example", "host_key": site.server.host_key()}
    assert (await site.refusal())[0] == "unknown_host"


async def test_nobody_listens(site: Site) -> None:
    """A closed port."""
    await site.ready()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    site.settings |= {"port": port, "host_key": site.server.host_key()}
    code, message = await site.refusal()
    assert code == "refused"
    assert message.startswith(f"Nothing answers at 127.0.0.1:{port}. Check `host` and `port` of `ssh_tunnel`")


async def test_silence(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the connection and says nothing."""
    await site.ready()
    monkeypatch.setattr(ssh_client, "_TIMEOUT", 0.2)
    heard = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            heard.set()

    async with instead_of_ssh(site, silent):
        code, message = await site.refusal()
    assert heard.is_set()
    assert code == "no_answer"
    assert message.startswith("No answer from the SSH server 127.0.0.1:")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-1.5-old\r\n", b"\x00\xff\r\n"])
async def test_no_ssh_server(site: Site, answer: bytes) -> None:
    """What listens there is something else, or hangs up."""
    await site.ready()

    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)

    async with instead_of_ssh(site, stranger):
        code, message = await site.refusal()
    assert code == "ssh"
    assert message.startswith("The connection to the SSH server 127.0.0.1:")
    assert "broke off" in message


async def test_no_key_yet(site: Site) -> None:
    """Before the first key: how to make it."""
    assert await site.refusal() == (
        "ssh_key",
        "There is no SSH key of 'shop' yet. Make one with: headrace ssh-key new shop",
    )


async def test_key_not_saved(site: Site) -> None:
    """A key that is made and not saved is not used, even where it would be let in."""
    await site.trust()
    key = await site.keys.new()
    site.server.install(key.public)
    assert await site.refusal() == (
        "ssh_key",
        "The new SSH key of 'shop' is not saved yet. Save it with: headrace ssh-key save shop",
    )


async def test_key_not_installed(site: Site) -> None:
    """A key the server does not know: the line to install, and for whom."""
    key = await site.ready()
    site.server.install()
    code, message = await site.refusal()
    assert code == "ssh_login"
    assert f"refused the key of 'shop' for the user '{site.server.user}'" in message
    assert message.endswith(key.authorized_key(site.host, site.port))


async def test_forward_not_allowed(site: Site) -> None:
    """A key that may reach another port only."""
    key = await site.ready()
    site.server.install(key.authorized_key(site.host, 1))
    code, message = await site.refusal()
    assert code == "ssh_forward"
    assert f'permitopen="127.0.0.1:{site.port}"' in message


async def test_forwarding_switched_off(loop: SshLoop) -> None:
    """A server that forwards nothing."""
    if sshd_binary() is None:
        pytest.skip("no SSH server installed")
    with SshServer(["AllowTcpForwarding no"]) as server:
        async with far_end() as port:
            site = Site(server, loop, port)
            await site.trust()
            server.install((await site.keys.new()).public)
            code, message = await site.refusal(site.save())
    assert code == "ssh_forward"
    assert "AllowTcpForwarding yes" in message


async def test_database_not_reachable_from_there(site: Site) -> None:
    """The SSH server finds nobody at the database's address: said when the tunnel is opened, not by the driver."""
    key = await site.ready()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        site.port = probe.getsockname()[1]
    site.server.install(key.public)
    code, message = await site.refusal()
    assert code == "ssh_forward"
    assert f"cannot reach 127.0.0.1:{site.port}: " in message
    assert "Connection refused" in message


async def test_unix_socket(site: Site) -> None:
    """A database behind a Unix socket is not reached by a tunnel to a port."""
    await site.ready()
    site.host = "/run/postgresql"
    assert (await site.refusal())[0] == "ssh_forward"


async def test_what_fails_leaves_nothing_open(site: Site) -> None:
    """A refused forward ends the login too."""
    key = await site.ready()
    site.server.install(key.authorized_key(site.host, 1))
    before = site.server.log.count("Disconnected from user")
    await site.refusal()
    await in_thread(site.server.wait_for_log, "Disconnected from user", before + 1)


@pytest.mark.parametrize("fault", ["login", "forward", "host key"])
async def test_no_log_holds_the_key(site: Site, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither success nor failure logs a line of the private key, not even where everything is logged."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "asyncssh")
    key = await site.ready()
    if fault == "login":
        site.server.install()
    elif fault == "forward":
        site.server.install(key.authorized_key(site.host, 1))
    else:
        site.settings["host_key"] = FINGERPRINT
    await site.refusal()
    assert caplog.text
    site.discreet(caplog.text + repr(key) + repr(site.keys) + repr(site.keep.held))
