"""A small OpenID provider over HTTP on 127.0.0.1: discovery, authorisation, tokens, keys, facts about the person.

    with OpenIdProvider() as provider:
        provider.person = {"sub": "ada", "email": "ada@example.com", "email_verified": True}
        …                                        # send a browser to provider.issuer + "/authorize?…"

It is strict: a code works once, within its client, redirect address and PKCE verifier. It is hostile on request:
``twist`` changes the claims before they are signed, ``sign`` replaces how.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote_plus, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from headrace.testing.http_server import Answer, Recorded, RecordingServer

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Grant:
    """What stands behind a code."""

    redirect: str
    challenge: str
    nonce: str


class OpenIdProvider:
    """A context manager; ``issuer`` is its address. Knows one client and whoever ``person`` is."""

    client_id = "headrace"
    client_secret = "a secret/of the client"

    def __init__(self) -> None:
        self.person: Claims = {"sub": "ada", "email": "ada@example.com", "email_verified": True, "name": "Ada"}
        self.twist: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = self.signed
        self.methods = ["client_secret_basic"]
        self.now: Callable[[], float] = time.time
        self.key = new_key("first")
        self._server = RecordingServer()
        self._grants: dict[str, _Grant] = {}

    @property
    def issuer(self) -> str:
        return self._server.url

    def __enter__(self) -> Self:
        self._server.__enter__()
        answers: Mapping[str, Callable[[Recorded], Answer]] = {
            "/.well-known/openid-configuration": lambda _: Answer(200, self.description()),
            "/authorize": self._authorize,
            "/token": self._token,
            "/keys": lambda _: Answer(200, KeySet([self.key]).as_dict()),
            "/userinfo": lambda _: Answer(200, self.person),
        }
        for path, answer in answers.items():
            self._server.always(answer, path=path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, trace)

    def description(self) -> Claims:
        """What discovery tells."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "token_endpoint_auth_methods_supported": self.methods,
        }

    def signed(self, claims: Claims) -> str:
        """As it should be."""
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)

    def _authorize(self, request: Recorded) -> Answer:
        asked = request.query
        if asked.get("client_id") != self.client_id or asked.get("response_type") != "code":
            return Answer(400, {"error": "invalid_request"})
        if asked.get("code_challenge_method") != "S256" or "openid" not in asked.get("scope", "").split():
            return Answer(400, {"error": "invalid_request"})
        code = secrets.token_urlsafe(16)
        self._grants[code] = _Grant(asked["redirect_uri"], asked["code_challenge"], asked["nonce"])
        back = urlencode({"code": code, "state": asked["state"]})
        return Answer(302, "", {"location": f"{asked['redirect_uri']}?{back}"})

    def _token(self, request: Recorded) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if self._client(request, form) != (self.client_id, self.client_secret):
            return Answer(401, {"error": "invalid_client"})
        grant = self._grants.pop(form.get("code", ""), None)
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        fitting = grant and (form["redirect_uri"], _base64(proof)) == (grant.redirect, grant.challenge)
        if grant is None or not fitting:
            return Answer(400, {"error": "invalid_grant"})
        now = int(self.now())
        claims = {"iss": self.issuer, "aud": self.client_id, "iat": now, "exp": now + 300, "nonce": grant.nonce}
        token = self.sign(self.twist({**claims, **self.person}))
        return Answer(200, {"token_type": "Bearer", "access_token": "told", "id_token": token})

    def _client(self, request: Recorded, form: Mapping[str, str]) -> tuple[str, str]:
        """The client's name and secret, in the way that this provider takes them."""
        if "client_secret_basic" not in self.methods:
            return form.get("client_id", ""), form.get("client_secret", "")
        basic = base64.b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
        name, _, secret = basic.partition(":")
        return unquote_plus(name), unquote_plus(secret)


def new_key(kid: str) -> ECKey:
    """A key to sign with."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
