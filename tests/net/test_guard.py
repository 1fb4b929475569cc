"""The guarded client: what it reaches, and the many ways in which it does not reach what it must not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from headrace.errors import DestinationDenied, Unreachable
from headrace.model import Secret
from headrace.net.guard import GuardedHttp
from headrace.testing.http_server import RecordingServer, redirect

LOOPBACK = ("127.0.0.0/8",)


class Names(AbstractResolver):
    """Answers each lookup with the next of its lists of addresses, and with the last from then on."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host, host=one, port=port, family=socket.AF_INET6 if ":" in one else socket.AF_INET, proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for one in found
        ]  # fmt: skip

    async def close(self) -> None: ...


class Rules:
    """An allow list that can be changed, and clients that go by it."""

    def __init__(self) -> None:
        self.allow: tuple[str, ...] = ()
        self.made: list[GuardedHttp] = []

    def client(self, resolver: AbstractResolver | None = None, **more: Any) -> GuardedHttp:
        self.made.append(GuardedHttp(lambda: self.allow, resolver=resolver, **more))
        return self.made[-1]


@pytest.fixture
async def rules() -> AsyncIterator[Rules]:
    rules = Rules()
    yield rules
    for client in rules.made:
        await client.close()


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Every address to which a connection is begun."""
    seen: list[tuple[Any, ...]] = []
    real = asyncio.selector_events.BaseSelectorEventLoop.sock_connect

    async def spy(self: Any, sock: socket.socket, address: tuple[Any, ...]) -> None:
        seen.append(address)
        await real(self, sock, address)

    monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", spy)
    return seen


async def refusal(client: GuardedHttp, url: str) -> DestinationDenied:
    with pytest.raises(DestinationDenied) as caught:
        await client.request("POST", url, body=(b"{}",), timeout=5)
    assert caught.value.code == "egress_refused"
    return caught.value


INSIDE = [
    "http://127.0.0.1:{port}/", "https://127.0.0.1:{port}/", "http://127.0.0.2:{port}/", "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/", "http://[0:0:0:0:0:ffff:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/", "http://[64:ff9b::127.0.0.1]:{port}/", "http://[2002:7f00:1::]:{port}/",
    "http://[::]:{port}/", "http://0.0.0.0:{port}/", "HTTP://127.0.0.1:{port}/", "https://169.254.169.254/latest/meta-data",
    "http://169.254.169.254/", "https://10.0.0.1/", "https://192.168.1.1/", "https://172.16.0.1/", "https://100.64.0.1/",
    "https://[fd00:ec2::254]/", "https://[fe80::1]/", "https://224.0.0.1/", "https://255.255.255.255/",
    "http://①②⑦.⓪.⓪.①:{port}/", "http://127。0。0。1:{port}/", "http://１２７.0.0.1:{port}/", "http://[::FFFF:127.0.0.1]:{port}/",
]  # fmt: skip
ODD = [
    "http://2130706433:{port}/", "http://017700000001:{port}/", "http://0x7f000001:{port}/", "http://0x7f.1:{port}/",
    "http://0177.0.0.1:{port}/", "http://127.1:{port}/", "http://127.0.1:{port}/", "http://0:{port}/",
    "http://127.0.0.1.:{port}/", "http://127.0.0.01:{port}/", "http://0x7f.0x0.0x0.0x1:{port}/", "http://１２７.1:{port}/",
    "http://%31%32%37.0.0.1:{port}/", "http://127.0.0.1%2f@example.com:{port}/", "http://127.0.0.1%00.example.com/",
    "http://[::1%25lo]:{port}/", "http://[::1%251]:{port}/", "http://[fe80::1%25eth0]/", "http://[::1%lo]:{port}/",
    "http://user@127.0.0.1:{port}/", "http://example.com@127.0.0.1:{port}/", "http://example.com:80@127.0.0.1:{port}/",
    "http://@127.0.0.1:{port}/", "http://:@127.0.0.1:{port}/", "http://example.com\\@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@example.com/", "http://127.0.0.1:{port}/\\", "http://127.0.0.1:{port}/a b",
    "http://127.0.0.1\t:{port}/", "http://127.0.0.1\n:{port}/", "http://127.0.0.1:{port}/\r\nX: y",
    " http://127.0.0.1:{port}/", "http://127.0.0.1:{port}/\u200b", "http://127.0.0.1\u3000:{port}/",
    "http:127.0.0.1:{port}/", "http:/127.0.0.1:{port}/", "http:///127.0.0.1:{port}/", "//127.0.0.1:{port}/",
    "127.0.0.1:{port}", "ftp://127.0.0.1:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x",
    "unix:///run/docker.sock", "ws://127.0.0.1:{port}/", "tcp://127.0.0.1:{port}/", "http+unix://x/", "javascript:1",
    "", "http://", "http://:80/", "http://127.0.0.1:0/", "http://127.0.0.1:{port}:80/", "http://127.0.0.1:99999/",
    "http://[::1/", "http://[::1]x:{port}/", "http://[v1.127.0.0.1]/", "http://١٢٧.0.0.1:{port}/", "http://a..b/",
]  # fmt: skip


@pytest.mark.parametrize("url", INSIDE, ids=ascii)
async def test_literal_addresses_inside(
    url: str, rules: Rules, server: RecordingServer, dialled: list[tuple[Any, ...]]
) -> None:
    """An address that leads inside is refused, however it is spelled, before anything is dialled or looked up."""
    names = Names(["8.8.8.8"])
    error = await refusal(rules.client(names), url.format(port=server.port))
    assert "service.egress_allow: [" in error.message
    assert (server.requests, dialled, names.asked) == ([], [], [])


@pytest.mark.parametrize("url", ODD, ids=ascii)
async def test_odd_addresses(url: str, rules: Rules, server: RecordingServer, dialled: list[tuple[Any, ...]]) -> None:
    """What can be read in more ways than one is refused, also where the plain spelling would be allowed."""
    rules.allow = (*LOOPBACK, "::/0")
    names = Names(["127.0.0.1"])
    await refusal(rules.client(names), url.format(port=server.port))
    assert (server.requests, dialled, names.asked) == ([], [], [])


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["2606:4700::1111", "::1"],
     ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["2002:7f00:1::"], ["169.254.169.254"], ["fe80::1%lo"], ["fe80::1"],
     ["127.1"], ["localhost"], ["0x7f.1"], ["1.1.1.1"] * 30 + ["192.168.0.1"]],
    ids=lambda answers: f"{len(answers)}-{answers[-1]}",
)  # fmt: skip
async def test_every_answer_is_judged(
    answers: list[str], rules: Rules, server: RecordingServer, dialled: list[tuple[Any, ...]]
) -> None:
    """One address inside among a name's answers refuses all of them."""
    client = rules.client(Names(answers))
    for scheme in ("https", "http"):
        await refusal(client, f"{scheme}://hooks.example.com:{server.port}/")
    assert (server.requests, dialled) == ([], [])


async def test_names_of_this_machine(rules: Rules, server: RecordingServer) -> None:
    """The system's own names for itself lead nowhere, by the system's own resolver."""
    for host in ("localhost", "LOCALHOST", "ⓛocalhost"):
        await refusal(rules.client(), f"http://{host}:{server.port}/")
    assert server.requests == []


async def test_what_is_allowed_is_reached(rules: Rules, server: RecordingServer) -> None:
    """A server on 127.0.0.1 is reached only when its network is allowed: by address, and by name."""
    client, named = rules.client(), rules.client(Names(["127.0.0.1"]))
    await refusal(client, server.url)
    rules.allow = LOOPBACK
    reply = await client.request(
        "POST", server.url + "/a?b=c", body=(b"x",), auth=(Secret("u"), Secret("p")), gzip=True
    )
    assert (reply.status, server.last.path, server.last.body) == (200, "/a", b"x")
    await named.request("GET", f"http://hooks.example.com:{server.port}/b")
    assert (server.last.path, server.last.headers["host"]) == ("/b", f"hooks.example.com:{server.port}")
    assert len(server.requests) == 2


async def test_an_answer_that_changes(rules: Rules, server: RecordingServer, dialled: list[tuple[Any, ...]]) -> None:
    """What is dialled is what was judged: a name that answers otherwise when asked again gains nothing by it."""
    rules.allow = ("127.0.0.1",)
    names = Names(["127.0.0.1"], ["127.0.0.3"])
    client = rules.client(names)
    url = f"http://hooks.example.com:{server.port}/"
    await client.request("POST", url)
    assert dialled == [("127.0.0.1", server.port)]
    assert names.asked == ["hooks.example.com"]
    rules.allow = ("127.0.0.1", "10.0.0.0/8")  # other rules: connections and lookups are made anew
    await refusal(client, url)
    assert len(names.asked) == 2
    assert dialled == [("127.0.0.1", server.port)]


async def test_a_public_answer_that_turns_inside(rules: Rules, dialled: list[tuple[Any, ...]]) -> None:
    """The first answer passes and is dialled; had the client asked again before dialling, it would have gone inside."""
    names = Names(["192.0.2.1"], ["127.0.0.1"])
    rules.allow = ("192.0.2.0/24",)
    with pytest.raises(Unreachable):
        await rules.client(names).request("POST", "https://hooks.example.com:9/", timeout=0.2)
    assert {address[0] for address in dialled} <= {"192.0.2.1"}
    assert names.asked == ["hooks.example.com"]


async def test_a_redirect_inside(rules: Rules, server: RecordingServer) -> None:
    """A redirect is handed back, not followed."""
    rules.allow = LOOPBACK
    for status in (301, 302, 303, 307, 308):
        server.answer(redirect("http://169.254.169.254/latest", status))
        reply = await rules.client().request("POST", server.url)
        assert (reply.status, reply.headers["location"]) == (status, "http://169.254.169.254/latest")
    assert len(server.requests) == 5


async def test_kept_connections_heed_new_rules(rules: Rules, server: RecordingServer) -> None:
    """A connection that is kept alive is used again under the same rules, and not once they have changed."""
    client = rules.client(Names(["127.0.0.1"]))
    url = f"http://hooks.example.com:{server.port}/"
    rules.allow = LOOPBACK
    await client.request("GET", url)
    await client.request("GET", url)
    assert len({request.connection for request in server.requests}) == 1
    rules.allow = ()
    await refusal(client, url)
    assert len(server.requests) == 2


async def test_new_rules_leave_requests_alone(rules: Rules, server: RecordingServer) -> None:
    """What is under way when the rules change is answered; its connections are closed after it."""
    client = rules.client()
    rules.allow = LOOPBACK
    with server.holding():
        first = asyncio.ensure_future(client.request("GET", server.url))
        await asyncio.to_thread(server.wait_for, 1)
        rules.allow = ()
        await refusal(client, server.url)
    assert (await first).status == 200


async def test_without_tls_only_where_it_is_allowed(rules: Rules, dialled: list[tuple[Any, ...]]) -> None:
    """A public address is called by https alone: what goes there must not be read on the way."""
    error = await refusal(rules.client(Names(["8.8.8.8"])), "http://hooks.example.com/")
    assert "hooks.example.com:80 is to be called without TLS" in error.message
    await refusal(rules.client(), "http://8.8.8.8/")
    assert dialled == []


async def test_tls(rules: Rules) -> None:
    """Over TLS the certificate is that of the name, though the address was looked up and judged here."""
    with RecordingServer(tls=True) as server:
        rules.allow = LOOPBACK
        client = rules.client(Names(["127.0.0.1"]), tls=server.client_tls())
        with pytest.raises(Unreachable, match="certificate"):
            await client.request("POST", f"https://hooks.example.com:{server.port}/")
        reply = await client.request("POST", f"https://localhost:{server.port}/")
        assert reply.status == 200
        await client.close()


async def test_proxies_are_not_asked(rules: Rules, server: RecordingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment would look names up by itself: it is not used."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, server.url)
    await refusal(rules.client(Names(["10.0.0.1"])), "http://hooks.example.com/")
    assert server.requests == []


async def test_a_new_way_to_dial_is_judged_too(rules: Rules, server: RecordingServer) -> None:
    """Even where the front door is passed and no lookup made, nothing inside is dialled."""
    client = rules.client()
    await refusal(client, server.url)
    assert client._line is not None
    with pytest.raises(Unreachable):
        await client._line.plain.request("GET", server.url)
    assert server.requests == []


async def test_the_refusal_tells_what_to_do(rules: Rules) -> None:
    """The message names host, address, reason and setting, and nothing of the path, which may hold a secret."""
    error = await refusal(rules.client(Names(["10.1.2.3"])), "https://hooks.example.com/T0/hunter2?key=hunter2")
    assert error.message == (
        "hooks.example.com:443 leads to 10.1.2.3, a private network, and may not be called from here. If it is meant, "
        "an owner allows it in the settings: service.egress_allow: [10.1.2.3]"
    )
    for url in ("https://u:hunter2@h/", "https://h/hunter2 x", "hunter2", "http://hunter2%00/"):
        assert "hunter2" not in (await refusal(rules.client(), url)).message


async def test_a_broken_setting_opens_nothing(rules: Rules, server: RecordingServer) -> None:
    """Where the allow list cannot be read, nothing is called."""
    rules.allow = ("127.0.0.0/99",)
    assert "service.egress_allow" in (await refusal(rules.client(), server.url)).message
