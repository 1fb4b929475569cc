"""Any HTTP endpoint: one call per request, or many as a JSON array or as JSON lines; signed if wanted."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus, urlsplit, urlunsplit

import orjson
import pyarrow.compute as pc

from headrace import answers
from headrace.calls.batch import CallsBatch
from headrace.calls.encode import pipelines_json
from headrace.connector import Field, Spec
from headrace.errors import Unreachable
from headrace.model import Check, Secret
from headrace.ports import Batch, Encoded, HttpReply, Limits, Reply, Tools, Verdict
from headrace.signing import signed

BODY_LIMIT = 1_048_576  # bytes of a request; above the 512 KiB that a row may have
BATCH_SIZE = 100  # calls of a request, unless told otherwise
CHECK_TIMEOUT = 15.0  # seconds
FORMATS = ("json", "json_array", "ndjson")
AUTH_FIELDS = {  # kind → the fields it needs
    "none": (),
    "basic": ("auth_user", "auth_password"),
    "bearer": ("auth_token",),
    "header": ("auth_name", "auth_value"),
    "query": ("auth_name", "auth_value"),
}
SECRETS = ("auth_password", "auth_token", "auth_value", "signing_secret")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a header's name, by RFC 9110
FRAMING = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding"})
PLAIN_KEY = re.compile(r"[!-~]{1,255}")  # an id that can stand in a header as it is


class Webhook:
    """An endpoint of the user's own."""

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self._settings = settings
        self._tools = tools
        self._format: str = settings["format"]
        self._success = list(_ranges(settings["success_codes"]))
        self._headers = {name: str(value) for name, value in settings["headers"].items()}
        self.limits = Limits(
            calls=settings["batch_size"] or (1 if self._format == "json" else BATCH_SIZE),
            bytes=BODY_LIMIT,
            call_bytes=BODY_LIMIT - 256,
            in_flight=settings["in_flight"],
            rate=settings["rate"],
        )

    async def check(self) -> Check:
        """HEAD reaches the endpoint without bringing it a call. Only a refusal of our credentials is a problem."""
        try:
            answer = await self._request("HEAD", (), {}, timeout=min(self._settings["timeout"], CHECK_TIMEOUT))
        except Unreachable as error:
            return Check(problems=(error.message,), passing=True)
        status = answer.status
        if status in answers.DENIED:
            return Check(problems=(f"The endpoint refused our credentials: HTTP {status}. Check auth.",))
        if 300 <= status < 400:
            return Check(problems=(f"The endpoint redirects: HTTP {status}. Set url to where it leads.",))
        if status in (404, 410) or (status >= 500 and status != 501):  # 501: it knows no HEAD
            return Check(warnings=(f"The endpoint answered HEAD with HTTP {status}. See whether url is right.",))
        return Check()

    def encode(self, calls: CallsBatch) -> Encoded:
        if self._format == "json_array":
            return Encoded({"calls": pipelines_json(calls, ending=",")}, ending=b",")
        texts = pipelines_json(calls)
        if self._format == "ndjson":  # a source's own JSON may have line breaks between its tokens
            texts = pc.replace_substring_regex(texts, "[\r\n]", " ")
        return Encoded({"calls": texts})

    async def send(self, batch: Batch) -> Reply:
        now = self._tools.clock.now()
        body = self._body(batch)
        lines = self._format == "ndjson"
        headers = {
            "Content-Type": "application/x-ndjson" if lines else "application/json",
            "Idempotency-Key": _idempotency_key(batch),
        }
        secret: Secret | None = self._settings["signing_secret"]
        if secret:
            headers |= signed(secret, now, body)
        answer = await self._request(self._settings["method"], body, headers, timeout=self._settings["timeout"])
        if any(answer.status in codes for codes in self._success):
            return Reply()
        reply = answers.judge(self._discreet(answer), now)
        if reply.verdict is Verdict.ACCEPTED:
            reason = f"HTTP {answer.status} is not among success_codes"
            return Reply(Verdict.REFUSED, code=f"http_{answer.status}", reason=reason)
        return reply

    async def close(self) -> None:
        """Nothing of its own is open."""

    def _body(self, batch: Batch) -> tuple[bytes | memoryview, ...]:
        if self._format == "json_array":
            return (b"[", batch.joined("calls"), b"]")
        if self._format == "ndjson":
            return (batch.joined("calls", b"\n"), b"\n")
        return (batch.joined("calls"),)

    async def _request(
        self, method: str, body: Sequence[bytes | memoryview], headers: Mapping[str, str], timeout: float
    ) -> HttpReply:
        given, url, auth = self._settings, self._settings["url"], None
        said = {}
        match given["auth"]:
            case "basic":
                auth = (Secret(given["auth_user"]), given["auth_password"])
            case "bearer":
                said["Authorization"] = f"Bearer {given['auth_token'].reveal()}"
            case "header":
                said[given["auth_name"]] = given["auth_value"].reveal()
            case "query":
                url = _with_query(url, given["auth_name"], given["auth_value"].reveal())
        sent = _merged(headers, self._headers, said)
        return await self._tools.http.request(method, url, body=body, headers=sent, auth=auth, timeout=timeout)

    def _discreet(self, answer: HttpReply) -> HttpReply:
        """The answer without our secrets, should the endpoint repeat them: its words go into messages."""
        given = self._settings
        secrets = [given[name].reveal() for name in SECRETS if given[name]]
        if given["auth"] == "basic":
            secrets.append(answers.basic(given["auth_user"], given["auth_password"].reveal()))
        return answers.discreet(answer, *secrets)


def _merged(*layers: Mapping[str, str]) -> dict[str, str]:
    """Headers of several layers; a later one replaces an earlier of the same name, however it is spelled."""
    return dict({name.lower(): (name, value) for layer in layers for name, value in layer.items()}.values())


def _idempotency_key(batch: Batch) -> str:
    """The messageId of a single call; of several, or of one that no header can hold, a hash of all of them."""
    ids: list[str] = batch.calls.take(batch.positions).columns.column("message_id").to_pylist()
    if len(ids) == 1 and PLAIN_KEY.fullmatch(ids[0]):
        return ids[0]
    return hashlib.sha256(orjson.dumps(ids)).hexdigest()


def _with_query(url: str, name: str, value: str) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, f"{quote_plus(name)}={quote_plus(value)}")))
    return urlunsplit(parts._replace(query=query))


def _ranges(codes: str) -> Iterator[range]:
    """``"200-299, 409"`` as ranges of statuses. Raises ValueError where it reads otherwise."""
    for piece in codes.split(","):
        first, _, last = piece.partition("-")
        statuses = range(int(first), int(last or first) + 1)
        if not statuses or statuses[0] < 100 or statuses[-1] > 599:
            raise ValueError(piece)
        yield statuses


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [*_wrong_auth(settings), *_wrong_headers(settings), *_wrong_batches(settings)]


def _wrong_auth(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kind = settings["auth"]
    for name in AUTH_FIELDS[kind]:
        if not settings[name]:
            yield name, f"It is needed with auth: {kind}."
    for name in sorted({name for names in AUTH_FIELDS.values() for name in names} - set(AUTH_FIELDS[kind])):
        if settings[name]:
            yield name, f"It has no meaning with auth: {kind}. Leave it out, or choose another auth."
    if kind == "header" and settings["auth_name"]:
        yield from _wrong_header("auth_name", settings["auth_name"], "")
    for name in ("auth_token", "auth_value"):
        if settings[name] and not settings[name].reveal().isprintable():
            yield name, "It has a line break or a control character in it. Take it out."


def _wrong_headers(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in settings["headers"].items():
        yield from _wrong_header("headers", name, value)
        if name.lower() == "authorization" and settings["auth"] in ("basic", "bearer"):
            yield "headers", f"The header {name} is set by auth: {settings['auth']}. Take one of them out."


def _wrong_header(field: str, name: str, value: object) -> Iterator[tuple[str, str]]:
    if not TOKEN.fullmatch(name):
        yield field, f"{name!r} cannot be the name of a header. Use letters, digits and hyphens."
    elif name.lower() in FRAMING:
        yield field, f"The header {name} is set by the client itself. Take it out."
    elif not isinstance(value, str | int | float):
        yield field, f"The header {name} has no text as its value. Write a text."
    elif not str(value).isprintable():
        yield field, f"The value of the header {name} has a line break or a control character. Take it out."


def _wrong_batches(settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if settings["format"] == "json" and (settings["batch_size"] or 1) > 1:
        yield "batch_size", "format: json sends one call per request. Choose format: json_array or ndjson for more."
    try:
        list(_ranges(settings["success_codes"]))
    except ValueError:
        yield "success_codes", "Write statuses and ranges between 100 and 599, such as 200-299,409."


SPEC = Spec(
    type="webhook",
    title="Webhook",
    summary="Calls as JSON to any HTTP endpoint.",
    fields=(
        Field("url", "url", "Where the calls go.", required=True, example="https://hooks.example.com/people"),
        Field("method", "choice", "The HTTP method.", default="POST", choices=("POST", "PUT", "PATCH")),
        Field("headers", "map", "Further headers, name: value.", default={}, example={"X-Team": "growth"}),
        Field("auth", "choice", "How we say who we are.", default="none", choices=tuple(AUTH_FIELDS)),
        Field("auth_user", "text", "The user, with auth: basic."),
        Field("auth_password", "secret", "The password, with auth: basic."),
        Field("auth_token", "secret", "The token, with auth: bearer."),
        Field("auth_name", "text", "Name of the header or parameter, with auth: header or query.", example="X-Api-Key"),
        Field("auth_value", "secret", "Its value, with auth: header or query."),
        Field("format", "choice", "One call per request (json), or several.", default="json", choices=FORMATS),
        Field("batch_size", "integer", "Calls per request: 1 with json, else 100.", minimum=1, maximum=10_000),
        Field("signing_secret", "secret", "Signs each request: X-Headrace-Signature is v1= and HMAC-SHA-256 in hex."),
        Field("success_codes", "text", "Statuses that mean delivered.", default="200-299", example="200,202,409"),
        Field("in_flight", "integer", "Requests at the same time.", default=8, minimum=1, maximum=256),
        Field("rate", "number", "Requests per second at most; none: no limit.", minimum=0.01),
        Field("timeout", "number", "Seconds to wait for an answer.", default=60.0, minimum=0.1, maximum=600),
    ),
    destination=Webhook,
    validate=_validate,
    guide="how-to/deliver-to-a-webhook.md",
    over_http=True,
)
