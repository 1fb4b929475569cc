"""The client of a store of objects, made from the settings: pyarrow's, which is only ever asked to list and to get."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.fs as arrow

from headrace.errors import SourceError
from headrace.ports import Tools
from headrace.sources import network
from headrace.sources.buckets import STORES
from headrace.sources.buckets_errors import explained

_CONNECT = 10.0  # seconds
_RETRY = timedelta(seconds=20)
_RENEW = timedelta(minutes=5)  # before a token ends
_READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"


class Store:
    """One store with its credentials. ``title`` names it for people."""

    def __init__(self, kind: str, settings: Mapping[str, Any], tools: Tools) -> None:
        self.kind = kind
        self._settings: Mapping[str, Any] = settings.get("bucket") or {}
        self._base = tools.base
        self._clock = tools.clock
        endpoint = self._settings.get("endpoint")
        self.title = f"{STORES[kind]} at {urlsplit(endpoint).netloc}" if endpoint else STORES[kind]
        self._clients: dict[str, arrow.FileSystem] = {}
        self._ends: datetime | None = None  # when the client's token does
        self._token: Any = None

    def client(self, bucket: str) -> arrow.FileSystem:
        """The client; a new one when a token was renewed. Raises `SourceError`."""
        network.driver("fsspec", "buckets", self.title)  # with which DuckDB will read; said before anybody is asked
        at_amazon = self.kind == "s3" and not self._settings.get("endpoint") and not self._settings.get("region")
        key = bucket if at_amazon else ""  # for each bucket its own region
        if key not in self._clients or (self._ends is not None and self._clock.now() > self._ends - _RENEW):
            make = {"s3": self._s3, "gs": self._gcs, "az": self._azure}[self.kind]
            with explained(self.title, bucket):
                self._clients[key] = make(bucket)
        return self._clients[key]

    def _secret(self, name: str) -> str | None:
        value = self._settings.get(name)
        return None if value is None else str(value.reveal())

    def _file(self, name: str) -> Path | None:
        if not self._settings.get(name):
            return None
        path: Path = self._base / self._settings[name]
        if not path.is_file():
            raise SourceError(f"There is no file {self._settings[name]!r}. Mend `bucket: {name}`.", code="file")
        return path

    def _address(self) -> tuple[str, str] | None:
        """Scheme and authority of the endpoint."""
        if not self._settings.get("endpoint"):
            return None
        parts = urlsplit(self._settings["endpoint"])
        return parts.scheme, parts.netloc

    def _s3(self, bucket: str) -> arrow.FileSystem:
        given = self._settings
        address = self._address()
        region = given.get("region") or ("us-east-1" if address else arrow.resolve_s3_region(bucket))
        authorities = self._file("tls_ca") or network.system_authorities()
        scheme, authority = address or ("https", None)
        return arrow.S3FileSystem(
            access_key=given.get("access_key_id"),
            secret_key=self._secret("secret_access_key"),
            session_token=self._secret("session_token"),
            role_arn=given.get("role_arn"),
            external_id=given.get("external_id"),
            anonymous=bool(given.get("anonymous")),
            region=region,
            scheme=scheme,
            endpoint_override=authority,
            connect_timeout=_CONNECT,
            tls_ca_file_path=None if authorities is None else str(authorities),
        )

    def _gcs(self, _bucket: str) -> arrow.FileSystem:
        scheme, authority = self._address() or ("https", None)
        key = self._secret("credentials")
        if file := self._file("credentials_file"):
            key = file.read_text("utf-8")
        token = self._google_token(key) if key else None
        return arrow.GcsFileSystem(
            anonymous=bool(self._settings.get("anonymous")),
            access_token=token,
            credential_token_expiration=self._ends if token else None,
            scheme=scheme,
            endpoint_override=authority,
            retry_time_limit=_RETRY,
        )

    def _google_token(self, key: str) -> str:
        """A token of a service account, good for an hour and for reading alone."""
        service_account = network.driver("google.oauth2.service_account", "buckets", "Google Cloud Storage")
        transport = network.driver("google.auth.transport.requests", "buckets", "Google Cloud Storage")
        from google.auth.exceptions import GoogleAuthError

        try:
            if self._token is None:
                self._token = service_account.Credentials.from_service_account_info(
                    json.loads(key), scopes=[_READ_ONLY]
                )
            self._token.refresh(transport.Request())
        except (ValueError, KeyError):
            raise SourceError(
                "The credentials for Google Cloud Storage are no JSON key of a service account. "
                "Make a key in the console, and set `credentials` or `credentials_file`.",
                code="password",
            ) from None  # whose words may hold the key
        except GoogleAuthError as error:
            raise SourceError(
                f"Google refused the service account's key: {error.args[0]}. Make a new key in the console.",
                code="password",
            ) from error
        self._ends = self._token.expiry.replace(tzinfo=UTC)
        return str(self._token.token)

    def _azure(self, _bucket: str) -> arrow.FileSystem:
        given = self._settings
        options: dict[str, Any] = {}
        if address := self._address():
            scheme, authority = address
            options = {
                "blob_storage_scheme": scheme,
                "blob_storage_authority": authority,
                "dfs_storage_scheme": scheme,
                "dfs_storage_authority": authority,
            }
        token = self._secret("sas_token")
        return arrow.AzureFileSystem(
            given["account"],
            account_key=self._secret("account_key"),
            sas_token=None if token is None else f"?{token.removeprefix('?')}",
            tenant_id=given.get("tenant_id"),
            client_id=given.get("client_id"),
            client_secret=self._secret("client_secret"),
            **options,
        )


def address(kind: str, settings: Mapping[str, Any]) -> str:
    """An address at which the store answers, if only with a refusal: its answer tells its time."""
    given = settings.get("bucket") or {}
    if given.get("endpoint"):
        return str(given["endpoint"])
    region = given.get("region")
    return {
        "s3": f"https://s3.{region}.amazonaws.com/" if region else "https://s3.amazonaws.com/",
        "gs": "https://storage.googleapis.com/",
        "az": f"https://{given.get('account')}.blob.core.windows.net/",
    }[kind]
