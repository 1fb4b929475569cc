"""Sign-in by OpenID Connect: the code flow with PKCE, and every check of what the provider says.

A flow hangs on one random text in the browser's cookie. State, nonce and verifier are derived from it, so that an
answer fits only the browser, and the flow, that it was asked for.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson
from joserfc import errors as jose
from joserfc import jwt
from joserfc.jwk import KeySet

from headrace.errors import HeadraceError
from headrace.model import Secret
from headrace.ports import Clock, Http, HttpReply
from headrace.service import Oidc

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_LEEWAY = 60  # seconds that clocks may differ
_STALE = 600.0  # seconds after which the provider's description and keys are read again
_PAUSE = 30.0  # seconds between two readings because of a key that is not known


class OidcRefused(HeadraceError):
    """Somebody is not let in. The message says why and repeats nothing that the provider sent."""

    code = "oidc_refused"


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in of one browser; ``secret`` is what its cookie holds."""

    secret: str

    @property
    def state(self) -> str:
        return self._derived("state")

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        return _base64(hashlib.sha256(self.verifier.encode()).digest())

    def _derived(self, purpose: str) -> str:
        return _base64(hmac.digest(self.secret.encode("utf-8", "surrogatepass"), purpose.encode(), "sha256"))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, as the provider says: the subject names them for ever, the e-mail address is verified."""

    subject: str  # issuer and subject
    email: str
    name: str


class Provider:
    """One OpenID provider. Its description and keys are read when they are first needed, and kept for minutes."""

    def __init__(self, settings: Oidc, http: Http, clock: Clock) -> None:
        self.settings = settings
        self._http = http
        self._clock = clock
        self._known: Mapping[str, Any] = {}
        self._keys = KeySet([])
        self._read_at: float | None = None

    async def address(self, flow: Flow, redirect: str) -> str:
        """Where to send the browser."""
        await self._read(_STALE)
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect,
            "scope": "openid email profile",
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": flow.challenge,
            "code_challenge_method": "S256",
        }
        where = str(self._known["authorization_endpoint"])
        return f"{where}{'&' if urlsplit(where).query else '?'}{urlencode(asked)}"

    async def identity(self, flow: Flow, state: str, code: str, redirect: str) -> Identity:
        """Who came back from the provider. Raises `OidcRefused`, and `Unreachable` where the provider is away."""
        if not hmac.compare_digest(state.encode("utf-8", "surrogatepass"), flow.state.encode()):
            raise OidcRefused("This answer belongs to another sign-in. Begin again on the sign-in page.")
        await self._read(_STALE)
        tokens = await self._exchanged(flow, code, redirect)
        claims = self._judged(await self._decoded(str(tokens.get("id_token", ""))), flow)
        if "email" not in claims and "userinfo_endpoint" in self._known:
            claims |= await self._told(str(tokens.get("access_token", "")), claims["sub"])
        return self._named(claims)

    async def _exchanged(self, flow: Flow, code: str, redirect: str) -> Mapping[str, Any]:
        """The provider's tokens for a code, which works once."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": flow.verifier,
            "client_id": self.settings.client_id,
        }
        secret, auth = self.settings.client_secret, None
        if "client_secret_basic" in self._known.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
            auth = (Secret(quote_plus(self.settings.client_id)), Secret(quote_plus(secret.reveal())))
        else:
            form["client_secret"] = secret.reveal()
        reply = await self._http.request(
            "POST",
            self._known["token_endpoint"],
            body=[urlencode(form).encode()],
            headers={"content-type": "application/x-www-form-urlencoded", "accept": "application/json"},
            auth=auth,
            timeout=20.0,
        )
        if reply.status != 200:
            raise OidcRefused(
                f"The sign-in service did not accept the sign-in (HTTP {reply.status}). Begin again; if that does not "
                "help, an owner should check client_id and client_secret under service.oidc."
            )
        return _object(reply, "tokens")

    async def _decoded(self, token: str) -> Mapping[str, Any]:
        """What a signed token says. A key that is not known may be new: then the keys are read once more."""
        try:
            return self._verified(token)
        except (jose.InvalidKeyIdError, jose.MissingKeyError):
            await self._read(_PAUSE)
        except (jose.JoseError, ValueError):
            raise _forged() from None
        try:
            return self._verified(token)
        except (jose.JoseError, ValueError):
            raise _forged() from None

    def _verified(self, token: str) -> Mapping[str, Any]:
        return jwt.decode(token, self._keys, algorithms=_ALGORITHMS).claims

    def _judged(self, claims: Mapping[str, Any], flow: Flow) -> dict[str, Any]:
        """The claims, where they are about this client, this flow and this moment."""
        now, mine = self._clock.now().timestamp(), self.settings.client_id
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        nonce, subject = claims.get("nonce"), claims.get("sub")
        faults = {
            "another issuer": claims.get("iss") != self.settings.issuer,
            "another client": mine not in audiences or claims.get("azp", mine) != mine,
            "several clients": len(audiences) > 1 and "azp" not in claims,
            "another sign-in": not isinstance(nonce, str)
            or not hmac.compare_digest(nonce.encode(), flow.nonce.encode()),
            "nobody": not isinstance(subject, str) or not 0 < len(subject) <= 255,
            "a time that is over": not _number(claims.get("exp")) > now - _LEEWAY,
            "a time to come": not _number(claims.get("iat")) < now + _LEEWAY
            or _number(claims.get("nbf", 0)) > now + _LEEWAY,
        }
        fault = next((fault for fault, found in faults.items() if found), None)
        if fault is not None:
            raise OidcRefused(f"The answer of the sign-in service is for {fault}. Begin again on the sign-in page.")
        return dict(claims)

    async def _told(self, access_token: str, subject: str) -> Mapping[str, Any]:
        """What the provider tells about somebody beside the token: some keep the e-mail address there."""
        bearer = {"authorization": f"Bearer {access_token}"}
        reply = await self._http.request("GET", self._known["userinfo_endpoint"], headers=bearer, timeout=20.0)
        told = _object(reply, "facts about the person")
        if told.get("sub") != subject:
            raise OidcRefused("The sign-in service tells about two different people. Begin again on the sign-in page.")
        return {name: told[name] for name in ("email", "email_verified", "name") if name in told}

    def _named(self, claims: Mapping[str, Any]) -> Identity:
        email = claims.get("email")
        if not isinstance(email, str) or email.count("@") != 1 or claims.get("email_verified") is not True:
            raise OidcRefused("The sign-in service does not say that your e-mail address is verified. Verify it there.")
        email = email.strip().lower()
        domains = [domain.lower().removeprefix("@") for domain in self.settings.domains]
        if domains and email.partition("@")[2] not in domains:
            raise OidcRefused("People with an e-mail address of that domain may not sign in here. Ask an owner.")
        name = claims.get("name")
        shown = name if isinstance(name, str) and name.strip().isprintable() and name.strip() else email
        return Identity(f"{self.settings.issuer} {claims['sub']}", email, shown.strip()[:100])

    async def _read(self, stale: float) -> None:
        """Read the provider's description and keys, unless that was done less than ``stale`` seconds ago."""
        now = self._clock.monotonic()
        if self._read_at is not None and now - self._read_at < stale:
            return
        issuer = self.settings.issuer
        known = await self._fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration", "description")
        needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        addresses = [known.get(name) for name in (*needed, "userinfo_endpoint") if name in known or name in needed]
        scheme = urlsplit(issuer).scheme
        if known.get("issuer") != issuer or any(
            not isinstance(address, str) or urlsplit(address).scheme not in ("https", scheme) for address in addresses
        ):
            raise _misconfigured("describes another issuer, or leads to addresses without TLS")
        try:
            keys = KeySet.import_key_set(await self._fetched(known["jwks_uri"], "keys"))  # type: ignore[arg-type]
        except (jose.JoseError, ValueError, KeyError, TypeError):
            raise _misconfigured("has no keys that can be used") from None
        self._known, self._keys, self._read_at = known, keys, now

    async def _fetched(self, url: str, what: str) -> Mapping[str, Any]:
        return _object(await self._http.request("GET", url, timeout=20.0), what)


def _object(reply: HttpReply, what: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(reply.body) if reply.status == 200 else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _misconfigured(f"did not give its {what} (HTTP {reply.status})")
    return found


def _number(value: object) -> float:
    """A moment of the claims; NaN, which fits nowhere, for what is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


def _forged() -> OidcRefused:
    return OidcRefused("The answer is not signed by the sign-in service. Begin again on the sign-in page.")


def _misconfigured(why: str) -> HeadraceError:
    return HeadraceError(
        f"The sign-in service {why}. An owner should check service.oidc, issuer first.", code="oidc_unusable"
    )


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
