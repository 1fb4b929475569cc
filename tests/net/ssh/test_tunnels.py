"""SSH tunnels through a real sshd: data, ends, and what they leave behind."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import asyncssh
import pytest

from headrace.aio import in_thread
from headrace.net import ssh_forward
from headrace.net.ssh_keys import KeyKind
from headrace.net.ssh_loop import SshLoop
from tests.net.ssh.site import Site, echo, far_end

SOME = b"x" + random.Random(7).randbytes(5_000_000)


async def said_back(port: int, data: bytes = b"hello") -> bytes:
    """What comes back for ``data``, to the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sending = asyncio.ensure_future(_send(writer, data))
    back = await reader.read()
    await sending
    writer.close()
    await writer.wait_closed()
    return back


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
    writer.write_eof()


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
async def test_login_with_a_key_made_here(site: Site, kind: KeyKind) -> None:
    """Both kinds of key log in with the line that is recommended for authorized_keys."""
    await site.trust()
    key = await site.keys.new(kind)
    site.server.install(key.authorized_key(site.host, site.port))
    await site.save()
    async with site.opened() as tunnel:
        assert await said_back(tunnel.port) == b"hello"


async def test_data_arrives_as_it_was_both_ways(site: Site) -> None:
    """Megabytes come through unchanged, and the end of one direction leaves the other open."""
    await site.ready()
    async with site.opened() as tunnel:
        assert await said_back(tunnel.port, SOME) == SOME


async def test_a_driver_that_speaks_first_is_heard(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes before the channel stands arrives, though some Pythons (3.11.2) read what they were told to pause."""
    monkeypatch.setattr("asyncio.selector_events._SelectorSocketTransport.pause_reading", lambda self: None)
    await site.ready()
    async with site.opened() as tunnel:
        assert await asyncio.gather(*(said_back(tunnel.port, b"first") for _ in range(20))) == [b"first"] * 20


async def test_many_connections_through_one_tunnel(site: Site) -> None:
    """A driver may connect more than once at a time, as it does to cancel a query."""
    await site.ready()
    async with site.opened() as tunnel:
        texts = [str(number).encode() * 1000 for number in range(20)]
        assert await asyncio.gather(*(said_back(tunnel.port, text) for text in texts)) == texts


@pytest.mark.parametrize("end", ["near", "far", "both", "late"])
async def test_one_connection_that_breaks_leaves_the_others(site: Site, end: str) -> None:
    """Whoever hangs up in whatever way, in the middle of sending: the tunnel serves on."""

    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1) == b"h":
            return await echo_after(b"h", reader, writer)
        if end == "late":
            await reader.read()  # an answer for somebody who has gone
        writer.write(b"bye" if end == "late" else SOME[:100_000])
        if end in ("far", "both"):
            writer.transport.abort()
        return None

    async with far_end(rude) as site.port:
        await site.ready()
        async with site.opened() as tunnel:
            for _ in range(30):
                _, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
                writer.write(SOME[:100_000])
                if end in ("near", "both"):
                    writer.transport.abort()
                writer.close()
            assert await said_back(tunnel.port) == b"hello"


async def echo_after(begun: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say back what was heard already, and the rest."""
    writer.write(begun)
    await echo(reader, writer)


async def test_only_this_machine_can_use_it(site: Site) -> None:
    """The port is bound to 127.0.0.1 alone."""
    await site.ready()
    async with site.opened() as tunnel:
        assert tunnel.host == "127.0.0.1"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.2", tunnel.port)


async def test_a_driver_that_does_not_read_holds_the_far_end_up(site: Site) -> None:
    """What may wait in between is bounded; nothing is lost when the driver reads on."""
    total, sent = 60 << 20, asyncio.Event()

    async def plenty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(60):
            writer.write(bytes(1 << 20))
            await writer.drain()
        sent.set()

    async with far_end(plenty) as site.port:
        await site.ready()
        sent.clear()
        async with site.opened() as tunnel:
            reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(sent.wait(), 1)
            assert len(await reader.readexactly(total)) == total
            writer.close()


async def test_close_cuts_off(site: Site) -> None:
    """After close the running connection is dead and nobody listens; closing again does nothing."""
    await site.ready()
    tunnel = await site.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    await in_thread(tunnel.close)
    await in_thread(tunnel.close)
    with pytest.raises(ConnectionError):
        assert await reader.read()
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", tunnel.port)


async def test_the_end_of_the_loop_ends_tunnels(site: Site, loop: SshLoop) -> None:
    """With the process's loop every tunnel ends, later closes do no harm, and no new one is opened."""
    await site.ready()
    tunnel = await site.open()
    await in_thread(loop.close)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", tunnel.port)
    await in_thread(tunnel.close)
    assert (await site.refusal())[0] == "ssh"


async def test_the_end_of_the_loop_ends_what_is_being_opened(site: Site, loop: SshLoop) -> None:
    """Whoever waits for a server that says nothing is told so when the process ends, and does not wait on."""
    await site.ready()
    heard = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        heard.set()
        await reader.read()

    async with far_end(silent) as port:
        site.settings |= {"port": port, "host_key": site.server.host_key()}
        opening = asyncio.ensure_future(site.refusal())
        await heard.wait()
        await in_thread(loop.close)
        assert (await opening)[0] == "ssh"


async def test_a_late_driver_gets_a_channel_of_its_own(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The channel that was opened in advance is given up where the driver does not come."""
    monkeypatch.setattr(ssh_forward, "_UNCLAIMED", 0)
    await site.ready()
    async with site.opened() as tunnel:
        assert await said_back(tunnel.port) == b"hello"


async def test_server_killed_amid_a_stream(own_site: Site) -> None:
    """The driver's connection breaks; it does not look like the end of the data. The next tunnel works again."""
    await own_site.ready()
    async with own_site.opened() as tunnel:
        reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        own_site.server.stop()
        with pytest.raises(ConnectionError):
            assert await reader.read()
        writer.close()
    assert (await own_site.refusal())[0] == "refused"
    own_site.server.start()
    async with own_site.opened() as tunnel:
        assert await said_back(tunnel.port) == b"hello"


async def test_a_server_that_stands_still_is_noticed(own_site: Site) -> None:
    """Where signs of life stay out, the driver's connection breaks."""
    await own_site.ready()
    async with own_site.opened() as tunnel:
        reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        own_site.server.freeze()
        with pytest.raises(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 20)
        writer.close()


async def test_this_machines_ssh_settings_do_not_count(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither ~/.ssh/config nor the keys beside it nor known_hosts have a say."""
    await site.trust()
    key = await site.keys.new()
    site.server.install(key.public)
    await site.save()
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    (ssh / "config").write_text("Host *\n  Port 1\n  User nobody\n")
    (ssh / "known_hosts").write_text(f"[127.0.0.1]:{site.server.port} {site.server.host_key()}\n")
    other = asyncssh.generate_private_key("ssh-ed25519")
    other.write_private_key(ssh / "id_ed25519")
    monkeypatch.setenv("HOME", str(tmp_path))
    async with site.opened() as tunnel:
        assert await said_back(tunnel.port) == b"hello"
    site.server.install(other.export_public_key().decode().strip())
    assert (await site.refusal())[0] == "ssh_login"


async def test_the_recommended_line_allows_nothing_else(site: Site) -> None:
    """With the recommended line the key opens the database's port, no other port, and no shell."""
    key = await site.ready()
    known = asyncssh.import_public_key(site.server.host_key())
    async with (
        far_end() as other,
        asyncssh.connect(
            site.server.host, site.server.port, username=site.server.user, config=None, agent_path=None,
            client_keys=[asyncssh.import_private_key(key.private.reveal())], known_hosts=([known], [], []),
        ) as connection,
    ):  # fmt: skip
        await connection.create_connection(asyncssh.SSHTCPSession, site.host, site.port)
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_connection(asyncssh.SSHTCPSession, site.host, other)
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_session(asyncssh.SSHClientSession, term_type="xterm")
