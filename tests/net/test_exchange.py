"""What went over HTTP, noted for whoever wants to know; secrets never."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import answers
from headrace.errors import Unreachable
from headrace.exchange import TEXT, noted, noting, shown
from headrace.model import Secret
from headrace.net import http
from headrace.net.http import AiohttpClient
from headrace.testing.http_server import Answer, Fault, RecordingServer, unused_url

TOKEN = "t0ken/with+odd=signs&more"


async def test_what_was_said_is_noted(server: RecordingServer, client: AiohttpClient) -> None:
    """Inside a block each exchange is there with method, address, status and the start of the answer, in order."""
    server.answer(Answer(202, "took\n it"), Answer(422, {"error": "x" * 1000}))
    with noted() as exchanges:
        await client.request("POST", f"{server.url}/v1/batch", body=(b"[]",))
        await client.request("PUT", f"{server.url}/v1/batch")
    first, second = exchanges
    assert (first.request, first.status, first.text) == (f"POST {server.url}/v1/batch", 202, "took it")
    assert (second.method, second.status, len(second.text)) == ("PUT", 422, TEXT)
    assert first.at <= second.at


async def test_nothing_is_noted_outside(
    server: RecordingServer, client: AiohttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody wants to know, no note is made, not even one that is thrown away."""
    monkeypatch.setattr(http, "note", None)
    monkeypatch.setattr(http, "shown", None)
    with noted() as exchanges:
        pass
    assert not noting()
    assert (await client.request("GET", server.url)).status == 200
    with pytest.raises(Unreachable):
        await client.request("GET", unused_url())
    assert exchanges == []


async def test_no_answer_is_noted_with_its_cause(server: RecordingServer, client: AiohttpClient) -> None:
    """A request that got no answer has no status, and the sentence that names the cause."""
    server.answer(Answer(fault=Fault.RESET_AFTER))
    with noted() as exchanges, pytest.raises(Unreachable) as unreachable:
        await client.request("POST", f"{server.url}/{TOKEN}")
    assert [(one.status, one.text) for one in exchanges] == [(None, unreachable.value.message)]


async def test_blocks_side_by_side_are_apart(server: RecordingServer, client: AiohttpClient) -> None:
    """Each of many senders sees its own exchanges, those of tasks it started included, and no others."""
    server.always(lambda request: Answer(200, request.path))

    async def send(number: int) -> list[str]:
        with noted() as exchanges:
            await asyncio.gather(*(client.request("GET", f"{server.url}/{number}/v{part}") for part in (1, 2)))
        return sorted(one.text for one in exchanges)

    assert await asyncio.gather(*map(send, range(20))) == [[f"/{n}/v1", f"/{n}/v2"] for n in range(20)]


@pytest.mark.parametrize(
    "sent",
    [
        {"auth": (Secret(TOKEN), Secret(""))},
        {"auth": (Secret("user"), Secret(TOKEN))},
        {"headers": {"Authorization": f"Bearer {TOKEN}"}},
        {"headers": {"X-Api-Key": TOKEN}},
    ],
    ids=["user", "password", "bearer", "header"],
)
async def test_an_answer_that_repeats_credentials(
    sent: dict[str, object], server: RecordingServer, client: AiohttpClient
) -> None:
    """Credentials that the answer repeats, in whatever form they were sent, are struck out of the note; the caller
    gets the answer as it came."""
    server.always(lambda request: Answer(400, f"no: {TOKEN} {request.headers}"))
    with noted() as exchanges:
        reply = await client.request("POST", server.url, **sent)  # type: ignore[arg-type]
    assert TOKEN in reply.text()
    for form in (TOKEN, answers.basic(TOKEN, ""), answers.basic("user", TOKEN)):
        assert form not in exchanges[0].text
    assert exchanges[0].text.startswith("no: ••• ")


async def test_an_address_that_is_a_secret(server: RecordingServer, client: AiohttpClient) -> None:
    """User, query values and path segments that are no words are not shown, nor where the answer repeats them."""
    key = secrets.token_urlsafe(24) + "9"
    url = server.url.replace("//", f"//user:{key}@") + f"/hooks/{key}/T0123?key={key}&strict=1"
    server.always(lambda request: Answer(200, f"got {request.target}"))
    with noted() as exchanges:
        await client.request("POST", url)
    assert exchanges[0].request == f"POST {server.url}/hooks/•••/•••?key=•••&strict=•••"
    assert exchanges[0].text == "got /hooks/•••/•••?key=•••&strict=1"


async def test_secrets_that_only_the_destination_knows(server: RecordingServer, client: AiohttpClient) -> None:
    """What a destination strikes out of an answer is struck out of the note, too: a key in the body that comes back,
    also one that the end of the noted text would cut in two."""
    server.answer(Answer(200, "." * (TEXT - 3) + TOKEN), Answer(200, "other"))
    with noted() as exchanges:
        reply = await client.request("POST", server.url, body=(TOKEN.encode(),))
        await client.request("POST", server.url)
        answers.discreet(reply, TOKEN)
    assert [one.text for one in exchanges] == ["." * (TEXT - 3) + "•••", "other"]


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("https://api.segment.io/v1/batch", "https://api.segment.io/v1/batch"),
        ("https://h:8443/import?strict=1&project_id=7", "https://h:8443/import?strict=•••&project_id=•••"),
        ("https://hooks.example.com/services/T01/B02/abcDEF123456", "https://hooks.example.com/services/•••/•••/•••"),
        ("https://h/hooks/catch/123456/abcde1/", "https://h/hooks/catch/•••/•••/"),
        ("http://[::1]:80/a-b_c.d", "http://[::1]:80/a-b_c.d"),
        ("https://h/x?s3cr3t", "https://h/x?•••=•••"),
        ("https://h:99999/x", "•••"),
    ],
    ids=["plain", "query", "slack", "zapier", "ipv6", "flag", "no port"],
)
def test_addresses_for_people(url: str, seen: str) -> None:
    """Words and versions of a path are shown, of a query the names."""
    assert shown(url) == seen


@given(st.integers(12, 64).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
def test_random_tokens_are_never_shown(token: bytes) -> None:
    """A random token of 16 characters or more in the path does not come through, in whatever alphabet."""
    import base64

    for text in (token.hex(), base64.urlsafe_b64encode(token).decode(), base64.b32encode(token).decode()):
        if any(character.isdigit() for character in text) or len(text) > 64:
            assert text not in shown(f"https://h/hooks/{text}")
