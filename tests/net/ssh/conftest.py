"""A real SSH server, and a source that is reached through it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from headrace.aio import in_thread
from headrace.net.ssh_loop import SshLoop
from headrace.testing.ssh import SshServer, sshd_binary
from tests.net.ssh.site import Site, far_end


@pytest.fixture(scope="session")
def shared_server() -> Iterator[SshServer]:
    """A server that tests neither stop nor change, except for who may log in."""
    if sshd_binary() is None:
        pytest.skip("no SSH server installed")
    with SshServer() as server:
        yield server


@pytest.fixture
def own_server() -> Iterator[SshServer]:
    """A server that a test may stop, freeze and set up anew."""
    if sshd_binary() is None:
        pytest.skip("no SSH server installed")
    with SshServer() as server:
        yield server


@pytest.fixture
async def loop() -> AsyncIterator[SshLoop]:
    loop = SshLoop()
    yield loop
    await in_thread(loop.close)


@pytest.fixture
async def site(shared_server: SshServer, loop: SshLoop) -> AsyncIterator[Site]:
    """A source behind the shared server; the far end says back what it hears."""
    shared_server.install()
    async with far_end() as port:
        yield Site(shared_server, loop, port)


@pytest.fixture
async def own_site(own_server: SshServer, loop: SshLoop) -> AsyncIterator[Site]:
    """A source behind a server of its own; signs of life come quickly."""
    async with far_end() as port:
        yield Site(own_server, loop, port, keepalive=0.1)
