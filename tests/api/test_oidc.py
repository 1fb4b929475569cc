"""Sign-in by OpenID Connect, against a provider that plays fair, and against all kinds that do not."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from headrace.model import Secret
from headrace.net.http import AiohttpClient
from headrace.people import Role, UserEdit
from headrace.service import Oidc
from headrace.testing.oidc import Claims, OpenIdProvider, new_key
from tests.api.asgi import Answer, Client
from tests.api.conftest import Service
from tests.api.people import House, sign_in

BEGIN, CALLBACK = "/api/v1/session/oidc", "/api/v1/session/oidc/callback"
OF_OTHERS = {"sec-fetch-site": "cross-site"}  # the provider's redirect leads here


@pytest.fixture
async def http() -> AsyncIterator[AiohttpClient]:
    client = AiohttpClient()
    yield client
    await client.close()


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as provider:
        yield provider


@pytest.fixture
async def house(service: Service, provider: OpenIdProvider) -> House:
    """A service that was set up, with this provider; newcomers must have been invited."""
    house = House(service.app)
    configure(house, provider)
    provider.now = house.clock.monotonic
    await house.person("owner", Role.OWNER)
    return house


def configure(house: House, provider: OpenIdProvider, **settings: object) -> None:
    given = {
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "client_secret": Secret(provider.client_secret),
    }
    house.configure(oidc=Oidc(**given | settings))  # type: ignore[arg-type]


async def begun(browser: Client, http: AiohttpClient) -> dict[str, str]:
    """Go to the provider and be sent back; what the callback is given."""
    answer = await browser.get(BEGIN)
    assert answer.status == 303, answer.text
    back = await http.request("GET", answer.headers["location"])
    assert back.status == 302, back.text()
    return {name: values[0] for name, values in parse_qs(urlsplit(back.headers["location"]).query).items()}


async def finished(browser: Client, given: dict[str, str]) -> Answer:
    return await browser.get(CALLBACK, params=given, headers=OF_OTHERS)


async def signed_in(house: House, http: AiohttpClient) -> tuple[Client, Answer]:
    browser = house.browser()
    return browser, await finished(browser, await begun(browser, http))


async def refused(house: House, http: AiohttpClient) -> Answer:
    """The answer to a sign-in that must not succeed."""
    browser, answer = await signed_in(house, http)
    assert "headrace_session" not in browser.cookies
    assert (await browser.get("/api/v1/session")).status == 401
    return answer


# ----------------------------------------------------------------------------------------------------- as it should be


async def test_who_was_invited_comes_in(house: House, http: AiohttpClient) -> None:
    """The verified e-mail address leads to the invited person, who is linked to the identity from then on."""
    await house.person("ada", Role.EDITOR)
    browser, answer = await signed_in(house, http)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert (await browser.get("/api/v1/session")).json["email"] == "ada@example.com"
    assert [action for _, action, _ in await house.actions()] == ["user.link", "session.create"]
    assert set(browser.cookies) == {"headrace_session"}


async def test_the_identity_counts_from_then_on(house: House, provider: OpenIdProvider, http: AiohttpClient) -> None:
    """A new e-mail address at the provider changes nothing; somebody else who got the old one is not let in."""
    await house.person("ada")
    await signed_in(house, http)
    provider.person |= {"email": "lovelace@example.com"}
    browser, _ = await signed_in(house, http)
    assert (await browser.get("/api/v1/session")).json["email"] == "ada@example.com"
    provider.person |= {"email": "ada@example.com", "sub": "somebody else"}
    assert (await refused(house, http)).code == "linked"


async def test_newcomers_with_a_role(house: House, provider: OpenIdProvider, http: AiohttpClient) -> None:
    """Where newcomers have a role they come in with it, without preview and without a password."""
    configure(house, provider, role="operator", domains=("Example.com",))
    browser, _ = await signed_in(house, http)
    me = (await browser.get("/api/v1/session")).json
    assert (me["name"], me["role"], me["preview"]) == ("Ada", "operator", False)
    assert (await sign_in(house.browser(), "ada@example.com")).code == "bad_credentials"
    await signed_in(house, http)
    assert len(await house.app.store.users()) == 2


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
async def test_both_ways_to_prove_the_client(
    house: House, provider: OpenIdProvider, http: AiohttpClient, way: str
) -> None:
    """The client's secret is given as the provider takes it."""
    provider.methods = [way]
    await house.person("ada")
    assert (await signed_in(house, http))[1].status == 303


async def test_the_address_beside_the_token(house: House, provider: OpenIdProvider, http: AiohttpClient) -> None:
    """A provider that keeps the e-mail address out of the token is asked for it."""
    await house.person("ada")
    provider.twist = lambda claims: {name: claims[name] for name in claims if not name.startswith("email")}
    assert (await signed_in(house, http))[1].status == 303


async def test_a_new_key_is_found(house: House, provider: OpenIdProvider, http: AiohttpClient) -> None:
    """A provider that changes its key need not wait; the keys are read again, at most every half minute."""
    await house.person("ada")
    await signed_in(house, http)
    provider.key = new_key("second")
    assert (await refused(house, http)).code == "oidc_refused"
    house.clock.advance(31)
    assert (await signed_in(house, http))[1].status == 303


async def test_the_request_to_the_provider(house: House) -> None:
    """It asks for a code, with PKCE, state and nonce, each time others; the cookie is a careful one."""
    answers = [await house.browser().get(BEGIN) for _ in range(2)]
    asked = [parse_qs(urlsplit(answer.headers["location"]).query) for answer in answers]
    assert asked[0]["redirect_uri"] == ["http://headrace.test/api/v1/session/oidc/callback"]
    assert (asked[0]["response_type"], asked[0]["code_challenge_method"]) == (["code"], ["S256"])
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[0][name][0]) == 43
        assert asked[0][name] != asked[1][name]
    cookie = answers[0].headers["set-cookie"].lower()
    assert all(word in cookie for word in ("headrace_oidc=", "httponly", "samesite=lax", "max-age=600"))


# ----------------------------------------------------------------------------------------------------- as it should not


def unsigned(claims: Claims) -> str:
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def of_another_key(claims: Claims) -> str:
    return jwt.encode({"alg": "ES256", "kid": "first"}, claims, new_key("first"))


def with_a_shared_key(claims: Claims) -> str:
    return jwt.encode({"alg": "HS256", "kid": "first"}, claims, OctKey.import_key("0" * 32), algorithms=["HS256"])


def with_a_key_of_its_own(claims: Claims) -> str:
    key = new_key("own")
    return jwt.encode({"alg": "ES256", "jwk": key.as_dict(private=False)}, claims, key)


@pytest.mark.parametrize(
    "sign",
    [unsigned, of_another_key, with_a_shared_key, with_a_key_of_its_own, lambda _: "", lambda _: "a.b.c"],
    ids=["none", "other_key", "shared_key", "own_key", "empty", "nonsense"],
)
async def test_a_token_that_is_not_signed_by_it(
    house: House, provider: OpenIdProvider, http: AiohttpClient, sign: Callable[[Claims], str]
) -> None:
    """No signature, another's, or one that the token vouches for itself: nobody comes in."""
    await house.person("ada")
    provider.sign = sign
    answer = await refused(house, http)
    assert (answer.status, answer.code) == (403, "oidc_refused")
    assert "not signed" in answer.text


WRONG: list[tuple[Claims, str]] = [
    ({"iss": "https://other.example"}, "another issuer"),
    ({"aud": "another"}, "another client"),
    ({"aud": ["another"]}, "another client"),
    ({"aud": None}, "another client"),
    ({"aud": ["headrace", "another"]}, "several clients"),
    ({"azp": "another"}, "another client"),
    ({"nonce": "another"}, "another sign-in"),
    ({"nonce": None}, "another sign-in"),
    ({"nonce": 5}, "another sign-in"),
    ({"sub": ""}, "nobody"),
    ({"sub": None}, "nobody"),
    ({"sub": "x" * 256}, "nobody"),
    ({"exp": 1}, "a time that is over"),
    ({"exp": None}, "a time that is over"),
    ({"exp": "tomorrow"}, "a time that is over"),
    ({"exp": True}, "a time that is over"),
    ({"iat": 9e9}, "a time to come"),
    ({"iat": None}, "a time to come"),
    ({"nbf": 9e9}, "a time to come"),
    ({"email_verified": False}, "is verified"),
    ({"email_verified": None}, "is verified"),
    ({"email_verified": "true"}, "is verified"),
    ({"email": "ada"}, "is verified"),
    ({"email": "eve@x@example.com"}, "is verified"),
    ({"email": 5}, "is verified"),
    ({"email": "ada@example.com.evil.org"}, "that domain"),
    ({"email": "nobody@example.com"}, "not been invited"),
]


async def test_a_token_that_says_the_wrong_thing(house: House, provider: OpenIdProvider, http: AiohttpClient) -> None:
    """Another issuer, client, flow, person or time, an address that nobody verified, or nobody who was invited."""
    await house.person("ada")
    configure(house, provider, domains=("example.com",))
    changed: Claims = {}
    provider.twist = lambda claims: {name: value for name, value in (claims | changed).items() if value is not None}
    for changed, why in WRONG:
        answer = await refused(house, http)
        assert (answer.status, answer.code) == (403, "oidc_refused"), changed
        assert why in answer.text, changed
        house.clock.advance(60)
    assert {action for _, action, _ in await house.actions()} == {"session.refuse"}
    assert len(await house.log()) == len(WRONG)


async def test_a_code_works_once(house: House, http: AiohttpClient) -> None:
    """The same answer of the provider lets nobody in again, not even the browser that got it."""
    await house.person("ada")
    browser = house.browser()
    given = await begun(browser, http)
    cookies = dict(browser.cookies)
    assert (await finished(browser, given)).status == 303
    replaying = Client(browser.api, {}, cookies)
    assert (await finished(replaying, given)).code == "oidc_refused"
    assert (await finished(house.browser(), given)).code == "oidc_refused"


async def test_flows_are_not_mixed(house: House, http: AiohttpClient) -> None:
    """An answer that another browser got, or that belongs to another flow, fits nobody."""
    await house.person("ada")
    mine, theirs = house.browser(), house.browser()
    my_answer, their_answer = await begun(mine, http), await begun(theirs, http)
    for given in (
        their_answer,
        my_answer | {"code": their_answer["code"]},
        my_answer | {"state": their_answer["state"]},
    ):
        assert (await finished(mine, given)).code == "oidc_refused"
    assert "headrace_session" not in mine.cookies


@pytest.mark.parametrize(
    "given", [{}, {"code": "x"}, {"state": "x"}, {"error": "access_denied", "state": "x"}], ids=str
)
async def test_an_answer_that_is_none(house: House, given: dict[str, str]) -> None:
    """What is no answer, or is the provider's refusal, ends in a sentence."""
    browser = house.browser()
    await browser.get(BEGIN)
    answer = await browser.get(f"{CALLBACK}?{urlencode(given)}")
    assert (answer.status, answer.code) == (403, "oidc_refused")


async def test_disabled_people_stay_out(house: House, http: AiohttpClient) -> None:
    """Whether they had signed in before or not."""
    ada = await house.person("ada")
    await house.app.store.update_user(ada.id, UserEdit(disabled=True))
    assert "disabled" in (await refused(house, http)).text
    await house.app.store.update_user(ada.id, UserEdit(disabled=False))
    await signed_in(house, http)
    await house.app.store.update_user(ada.id, UserEdit(disabled=True))
    assert "disabled" in (await refused(house, http)).text


async def test_nobody_becomes_the_first_by_it(service: Service, provider: OpenIdProvider, http: AiohttpClient) -> None:
    """Before the set-up nobody is let in, whatever role newcomers have."""
    house = House(service.app)
    configure(house, provider, role="owner")
    assert (await refused(house, http)).code == "oidc_refused"
    assert await house.app.store.users() == []


async def test_a_provider_that_is_another(house: House, provider: OpenIdProvider) -> None:
    """A description that names another issuer is not believed; a provider that is away is told as such."""
    configure(house, provider, issuer=f"{provider.issuer}/")
    answer = await house.browser().get(BEGIN)
    assert (answer.status, answer.code) == (502, "oidc_unusable")
    configure(house, provider, issuer="http://127.0.0.1:9")
    assert (await house.browser().get(BEGIN)).status == 502


async def test_a_wrong_secret_of_the_client(house: House, provider: OpenIdProvider, http: AiohttpClient) -> None:
    """It is told as what it is, and the secret is not in it."""
    configure(house, provider, client_secret=Secret("not the secret"))
    answer = await refused(house, http)
    assert "client_secret" in answer.text
    assert "not the secret" not in answer.text


async def test_a_browser_is_led_to_the_page(house: House, provider: OpenIdProvider, http: AiohttpClient) -> None:
    """Where a browser comes by a link, a refusal leads to the sign-in page of this very service. Only the code is in
    the address; the page is told the sentence as long as it can matter, and no longer once somebody came in."""
    browser = house.browser()
    browser.headers |= {"accept": "text/html,*/*;q=0.8"}
    answer = await finished(browser, await begun(browser, http))
    assert (answer.status, answer.headers["location"]) == (303, "/login?error=oidc_refused")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("headrace_refused=", "httponly", "samesite=lax", "max-age=120"))
    assert (await browser.get("/api/v1/session/ways")).json["refused"] == "You have not been invited. Ask an owner."
    await house.person("ada")
    assert (await finished(browser, await begun(browser, http))).headers["location"] == "/"
    assert (await browser.get("/api/v1/session/ways")).json["refused"] is None


async def test_back_to_where_they_were(house: House, http: AiohttpClient) -> None:
    """Who wanted to go somewhere gets there after signing in, with its filters; the next one knows nothing of it."""
    await house.person("ada")
    browser = house.browser()
    wanted = "/imports?sync=people&q=%C3%A9#top"
    for asked, led in ((wanted, wanted), ("", "/")):
        begin = await browser.get(BEGIN, params={"back": asked} if asked else None)
        back = await http.request("GET", begin.headers["location"])
        given = {name: values[0] for name, values in parse_qs(urlsplit(back.headers["location"]).query).items()}
        assert (await finished(browser, given)).headers["location"] == led
        assert set(browser.cookies) == {"headrace_session"}


@pytest.mark.parametrize(
    "back",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "javascript:1", "evil", ""],
)
async def test_back_to_nowhere_else(house: House, http: AiohttpClient, back: str) -> None:
    """A prepared link leads from our sign-in to no other site, and neither does a cookie that somebody planted."""
    await house.person("ada")
    browser = house.browser()
    assert (await browser.get(BEGIN, params={"back": back})).code == "invalid_request"
    given = await begun(browser, http)
    browser.cookies["headrace_back"] = quote(back)
    assert (await finished(browser, given)).headers["location"] == "/"


async def test_a_browser_is_led_to_the_page_from_the_start(house: House, provider: OpenIdProvider) -> None:
    """The same where the sign-in cannot even begin."""
    configure(house, provider, issuer="http://127.0.0.1:9")
    answer = await house.browser().get(BEGIN, headers={"accept": "text/html"})
    assert (answer.status, answer.headers["location"]) == (303, "/login?error=oidc_unusable")


async def test_without_it(house: House) -> None:
    """Where none is configured there is nothing at its addresses."""
    house.configure(oidc=None)
    assert [(await house.browser().get(path)).code for path in (BEGIN, CALLBACK)] == ["no_oidc", "no_oidc"]
