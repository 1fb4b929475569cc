"""Mixpanel: events by /import, profiles of people by /engage and of groups by /groups.

What each call becomes stands in `encode`. What must be known of Mixpanel besides:

- It answers a batch with the records that it refused, and keeps the others.
- Events of before 1971 are refused here; those of the future are left to Mixpanel, which goes by its own clock.
- It has no update without creating: rows that ask for one (``_update``) are invalid here.
- Of the ``context`` it gets the address (``ip``) alone; where none is given, no place is guessed from ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from headrace.calls.batch import CallsBatch
from headrace.connector import Field, Spec
from headrace.destinations.mixpanel.encode import encode
from headrace.destinations.mixpanel.replies import Credentials, credentials_problem, understood, veiled
from headrace.destinations.mixpanel.words import Wording
from headrace.errors import Unreachable
from headrace.model import Check, Failure, Secret
from headrace.ports import Batch, Encoded, HttpReply, Limits, Reply, Tools, Verdict

HOSTS = {"us": "https://api.mixpanel.com", "eu": "https://api-eu.mixpanel.com", "in": "https://api-in.mixpanel.com"}
QUERIES = {"import": "strict=1", "engage": "strict=1&verbose=1", "groups": "strict=1&verbose=1&ip=0"}
# Per request. For groups Mixpanel's pages name 200 and 2000: the smaller number is right by both.
RECORDS = {"import": 2_000, "engage": 2_000, "groups": 200}
CALL_BYTES = 1_000_000


class Mixpanel:
    """A Mixpanel project."""

    def __init__(self, settings: Mapping[str, Any], tools: Tools) -> None:
        self._tools = tools
        self._base = (settings["url"] or HOSTS[settings["region"]]).rstrip("/")
        self._token: Secret | None = settings["project_token"]
        self._project: int | None = settings["project_id"]
        self._account: Credentials | None = None
        if settings["service_account_secret"]:
            self._account = (Secret(settings["service_account_user"]), settings["service_account_secret"])
        self._wording = Wording(
            token=self._token,
            simplified=settings["id_merge"] == "simplified",
            group_key=settings["group_key"],
            known_traits=settings["known_traits"],
            page_event=settings["page_event"],
            screen_event=settings["screen_event"],
        )
        self.limits = Limits(
            calls=RECORDS["import"],
            bytes=settings["import_bytes"],
            call_bytes=CALL_BYTES,
            in_flight=settings["in_flight"],
            rate=settings["rate"],
        )

    async def check(self) -> Check:
        """Import an empty list with each of the credentials: it changes nothing, and wrong ones are answered by 401."""
        facts = {"address": self._base}
        for name, credentials in self._credentials():
            try:
                reply = await self._post("import", b"", credentials)
            except Unreachable as error:
                return Check((error.message,), facts=facts, passing=True)
            if problem := credentials_problem(reply, name):
                return Check((problem,), facts=facts, passing=reply.status >= 500)
            facts[name] = "accepted"
        return Check(facts=facts)

    def encode(self, calls: CallsBatch) -> Encoded:
        return encode(calls, self._wording)

    async def send(self, batch: Batch) -> Reply:
        """Each endpoint in turn; a call that one of them refuses is refused."""
        failed: dict[int, Failure] = {}
        for lane, texts in batch.encoded.lanes.items():
            path = lane.partition("#")[0]
            if path != "import" and self._token is None:
                return _TOKEN_MISSING
            for indices in _requests(texts, list(batch.positions), RECORDS[path]):
                part = replace(batch, positions=[batch.positions[index] for index in indices])
                reply = await self._post(path, part.joined(lane), next(self._credentials())[1])
                judged = understood(reply, len(indices), self._tools.clock.now())
                if judged.verdict is not Verdict.ACCEPTED:
                    return judged
                failed |= {indices[index]: failure for index, failure in judged.failed.items()}
        return Reply(failed=failed)

    async def close(self) -> None:
        """Nothing is held open here: the HTTP client is not ours."""

    def _credentials(self) -> Iterator[tuple[str, Credentials]]:
        """What opens /import, by its name; the first is used."""
        if self._account:
            yield f"service account in project {self._project}", self._account
        if self._token:
            yield "project token", (self._token, Secret(""))

    async def _post(self, path: str, records: bytes | memoryview, credentials: Credentials) -> HttpReply:
        """Post records, joined by commas. Profile endpoints know the project by the records, and take no gzip."""
        importing = path == "import"
        query = QUERIES[path]
        if importing and credentials is self._account:
            query += f"&project_id={self._project}"
        reply = await self._tools.http.request(
            "POST",
            f"{self._base}/{path}?{query}",
            body=(b"[", records, b"]"),
            headers={"content-type": "application/json"},
            auth=credentials if importing else None,
            gzip=importing,
        )
        return veiled(reply, (pair for _, pair in self._credentials()))


def _requests(texts: pa.LargeStringArray, positions: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """The indices of a batch's calls that have a text in a lane, in portions of a request each."""
    indices: Sequence[int] = range(len(positions))
    if texts.null_count:
        said = texts.take(pa.array(positions, pa.int64())).is_valid().to_pylist()
        indices = [index for index in indices if said[index]]
    for start in range(0, len(indices), size):
        yield indices[start : start + size]


_TOKEN_MISSING = Reply(
    Verdict.DENIED,
    code="project_token_missing",
    reason="Mixpanel's profiles of people and groups need the project's token. Set project_token",
)


def _validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    account = ("service_account_user", "service_account_secret", "project_id")
    given = [name for name in account if settings[name]]
    if not given and not settings["project_token"]:
        return [("project_token", "give the project's token, or a service account (the fields service_account_…)")]
    missing = [name for name in account if not settings[name]] if given else []
    return [(name, f"a service account needs it, together with {given[0]}") for name in missing]


SPEC = Spec(
    type="mixpanel",
    title="Mixpanel",
    summary="Events, profiles of people and of groups in a Mixpanel project.",
    destination=Mixpanel,
    validate=_validate,
    guide="how-to/deliver-to-mixpanel.md",
    over_http=True,
    fields=(
        Field(
            "project_token",
            "secret",
            "Token of the project, from its settings. Profiles need it; events need it or a service account.",
        ),
        Field("service_account_user", "text", "User name of a service account with the role Admin or Owner."),
        Field("service_account_secret", "secret", "Secret of the service account."),
        Field("project_id", "integer", "Number of the project; a service account needs it.", example=2195193),
        Field(
            "region",
            "choice",
            "Where the project's data reside.",
            default="us",
            choices=tuple(HOSTS),
        ),
        Field("url", "url", "Another base address, in place of the region's.", example="http://127.0.0.1:8080"),
        Field(
            "group_key",
            "text",
            "Mixpanel's group key for groupId: the property by which events and people belong to a group.",
            default="company",
            example="company",
        ),
        Field(
            "id_merge",
            "choice",
            "The project's system of ID merge, from its settings: it decides how two ids become one person.",
            default="simplified",
            choices=("simplified", "original"),
        ),
        Field(
            "known_traits",
            "boolean",
            "Send email, name, first_name, last_name, phone, avatar and created_at as Mixpanel's own $email and so on.",
            default=True,
        ),
        Field("page_event", "text", "Name of the event that a page call becomes.", default="Loaded a Page"),
        Field("screen_event", "text", "Name of the event that a screen call becomes.", default="Loaded a Screen"),
        Field("in_flight", "integer", "Requests at the same time.", default=10, minimum=1, maximum=64),
        Field("rate", "number", "Requests per second at most; none: as fast as Mixpanel takes them.", minimum=0.01),
        Field(
            "import_bytes",
            "integer",
            "Largest request in bytes, before compression. Mixpanel takes 10 MB, older projects 2 MB.",
            default=2_000_000,
            minimum=1_100_000,
            maximum=10_000_000,
        ),
    ),
)
