"""Clients of the BigQuery API and of the Storage Read API, from the settings of a source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import google.auth
import grpc
import requests
from google.api_core.exceptions import GoogleAPICallError
from google.api_core.retry import Retry
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.auth.transport.grpc import AuthMetadataPlugin
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import bigquery
from google.cloud.bigquery_storage import BigQueryReadClient
from google.oauth2.service_account import Credentials
from requests.adapters import HTTPAdapter

from headrace.errors import SourceError
from headrace.sources.network import CONNECT_TIMEOUT, tls_files

API = "https://bigquery.googleapis.com"
STORAGE = "https://bigquerystorage.googleapis.com"
_SCOPES = ("https://www.googleapis.com/auth/bigquery", "https://www.googleapis.com/auth/cloud-platform")
_CHANNEL = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),  # a stream from a network that died ends, whatever the time limit is
    ("grpc.keepalive_timeout_ms", 20_000),
]

_S = TypeVar("_S", bound=requests.Session)

TIMEOUT = 60  # seconds, of one request


def _passing(error: Exception) -> bool:
    return isinstance(error, GoogleAPICallError) and error.code in (429, 500, 502, 503, 504)


RETRY = Retry(predicate=_passing, initial=0.5, maximum=8, timeout=30)
"""For answers by which Google says that it is failing for a moment. No answer at all is told at once."""

NO_RETRY = Retry(predicate=lambda _error: False)

RESUME = RETRY.with_timeout(8)
"""For a stream of rows that broke: it goes on after the last row that came, if the connection is back that soon."""


class Connection:
    """The clients of one source, made when they are first used. Raises `SourceError` for credentials that are none."""

    def __init__(self, settings: Mapping[str, Any], base: Path) -> None:
        self.settings = settings
        self._authority = tls_files(settings, base).get("tls_ca")
        self._sessions: list[requests.Session] = []
        self._credentials, named = _credentials(settings, base)
        project = settings.get("project") or named
        if not project:
            raise SourceError("The credentials name no project. Set `project`.", code="database")
        self.project: str = project
        self.account: str = getattr(self._credentials, "service_account_email", None) or "default credentials"
        self._opened_storage = False

    @cached_property
    def client(self) -> bigquery.Client:
        """The client of the BigQuery API, over REST."""
        return bigquery.Client(
            project=self.project,
            credentials=self._credentials,
            location=self.settings.get("location"),
            client_options={"api_endpoint": self.settings.get("url") or API},
            _http=self.http,
        )

    @cached_property
    def http(self) -> AuthorizedSession:
        """What speaks HTTPS with the account's token."""
        session = AuthorizedSession(
            self._credentials, auth_request=self._token_request(), refresh_timeout=CONNECT_TIMEOUT
        )
        return self._trusting(session)

    @cached_property
    def storage(self) -> BigQueryReadClient:
        """The client of the Storage Read API, over gRPC."""
        self._opened_storage = True
        transport = BigQueryReadClient.get_transport_class("grpc")
        return BigQueryReadClient(transport=transport(channel=self._channel()))

    @cached_property
    def dataset(self) -> bigquery.DatasetReference | None:
        """The setting ``dataset``."""
        name = self.settings.get("dataset")
        if not name:
            return None
        try:
            return bigquery.DatasetReference.from_string(name, default_project=self.project)
        except ValueError:
            raise SourceError(
                f"{name!r} is no name of a dataset. Write dataset or project.dataset in `dataset`.", code="database"
            ) from None

    def close(self) -> None:
        if self._opened_storage:
            self.storage.transport.close()
        for session in self._sessions:
            session.close()

    def _trusting(self, session: _S) -> _S:
        if self._authority:
            session.mount("https://", _Trusting(self._authority))
        self._sessions.append(session)
        return session

    def _token_request(self) -> Request:
        """What asks for tokens."""
        return Request(self._trusting(_TokenSession()))

    def _channel(self) -> grpc.Channel:
        parts = urlsplit(self.settings.get("storage_url") or STORAGE)
        target = f"{parts.hostname}:{parts.port or (80 if parts.scheme == 'http' else 443)}"
        if parts.scheme == "http":
            return grpc.insecure_channel(target, options=_CHANNEL)
        roots = Path(self._authority).read_bytes() if self._authority else None
        token = AuthMetadataPlugin(self._credentials, self._token_request())
        credentials = grpc.composite_channel_credentials(
            grpc.ssl_channel_credentials(roots), grpc.metadata_call_credentials(token)
        )
        return grpc.secure_channel(target, credentials, options=_CHANNEL)


class _Trusting(HTTPAdapter):
    """Trusts one authority, whatever the environment says."""

    def __init__(self, authority: str) -> None:
        super().__init__()
        self._authority = authority

    def send(self, request: requests.PreparedRequest, *arguments: Any, **named: Any) -> requests.Response:
        return super().send(request, *arguments, **{**named, "verify": self._authority})


class _TokenSession(requests.Session):
    """For tokens: their requests are made without a time limit, or with a long one, and get a short one."""

    def request(self, *arguments: Any, **named: Any) -> requests.Response:
        named["timeout"] = min(named.get("timeout") or CONNECT_TIMEOUT, CONNECT_TIMEOUT)
        return super().request(*arguments, **named)


def _credentials(settings: Mapping[str, Any], base: Path) -> tuple[Any, str | None]:
    """The credentials and their project."""
    text, where = None, ""
    if settings.get("credentials"):
        text, where = settings["credentials"].reveal(), "`credentials`"
    elif settings.get("credentials_file"):
        where = "`credentials_file`"
        try:
            text = (base / settings["credentials_file"]).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(
                f"The file {settings['credentials_file']!r} cannot be read: "
                f"{getattr(error, 'strerror', None) or 'it is no text'}. Mend {where}.",
                code="password",
            ) from error
    if text is None:
        return _default_credentials()
    try:
        info = json.loads(text)
        return Credentials.from_service_account_info(info, scopes=_SCOPES), info.get("project_id")
    except (ValueError, TypeError, AttributeError, GoogleAuthError):
        raise SourceError(
            f"{where} holds no key of a service account. Give it the JSON file that Google made, unchanged "
            "(gcloud iam service-accounts keys create).",
            code="password",
        ) from None  # what stands in the text is secret


def _default_credentials() -> tuple[Any, str | None]:
    try:
        credentials, project = google.auth.default(scopes=_SCOPES)
    except DefaultCredentialsError:
        raise SourceError(
            "This machine has no application default credentials for Google. Set `credentials` or "
            "`credentials_file`, or run: gcloud auth application-default login",
            code="password",
        ) from None
    return credentials, project
