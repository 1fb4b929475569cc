"""Settings of files that are in a bucket: Amazon S3 and servers like it, Google Cloud Storage, Azure Blob Storage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from headrace.connector import Field
from headrace.sources.network import on_this_machine

STORES: Mapping[str, str] = {"s3": "Amazon S3", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}
_SCHEMES = {"s3": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az"}
_BUCKET = {  # setting → the stores that have it
    "region": "s3",
    "access_key_id": "s3",
    "secret_access_key": "s3",
    "session_token": "s3",
    "role_arn": "s3",
    "external_id": "s3",
    "tls_ca": "s3",
    "credentials": "gs",
    "credentials_file": "gs",
    "account": "az",
    "account_key": "az",
    "sas_token": "az",
    "tenant_id": "az",
    "client_id": "az",
    "client_secret": "az",
    "anonymous": "s3 gs",
}
_TOGETHER = (
    ("access_key_id", "secret_access_key"),
    ("client_id", "client_secret", "tenant_id"),
)
_NEEDS = {"session_token": "access_key_id", "external_id": "role_arn"}
_ALTERNATIVES = {  # of these a store takes one
    "s3": ("access_key_id", "role_arn", "anonymous"),
    "gs": ("credentials", "credentials_file", "anonymous"),
    "az": ("account_key", "sas_token", "client_id"),
}

BUCKET = Field(
    "bucket",
    "group",
    "How to reach files in a bucket: where `path` or `tables` begin with s3://, gs:// or az://. Without credentials "
    "those of the machine are taken, as the store's own tools find them.",
    example={"region": "eu-central-1", "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "${S3_SECRET}"},
    fields=(
        Field("endpoint", "url", "Address of a server that is not the vendor's own.", example="https://minio.internal"),
        Field("anonymous", "boolean", "S3, GCS: read public files without credentials.", default=False),
        Field("region", "text", "S3: the bucket's region; without it, Amazon is asked.", example="eu-central-1"),
        Field("access_key_id", "text", "S3: the access key's id.", example="AKIAIOSFODNN7EXAMPLE"),
        Field("secret_access_key", "secret", "S3: the access key's secret."),
        Field("session_token", "secret", "S3: the token of temporary credentials."),
        Field(
            "role_arn",
            "text",
            "S3: a role to take on with the machine's credentials.",
            example="arn:aws:iam::123456789012:role/headrace-reader",
        ),
        Field("external_id", "text", "S3: the external id that the role asks for."),
        Field("tls_ca", "path", "S3: certificate (PEM) of the authority that signed the endpoint's."),
        Field("credentials", "secret", "GCS: the JSON key of a service account."),
        Field("credentials_file", "path", "GCS: the file with the JSON key of a service account.", example="key.json"),
        Field("account", "text", "Azure: the storage account.", example="shopdata"),
        Field("account_key", "secret", "Azure: a key of the account."),
        Field("sas_token", "secret", "Azure: a shared access signature that may read and list."),
        Field("tenant_id", "text", "Azure: the tenant of the application."),
        Field("client_id", "text", "Azure: the application's id."),
        Field("client_secret", "secret", "Azure: the application's secret."),
    ),
)


def split(url: str) -> tuple[str, str] | None:
    """The store and the rest (bucket/key) of ``s3://bucket/key`` and its like; None for a local path."""
    scheme, mark, rest = url.partition("://")
    return (_SCHEMES[scheme.lower()], rest) if mark and scheme.lower() in _SCHEMES else None


def store(settings: Mapping[str, Any]) -> str | None:
    """The store that the settings name: s3, gs or az; None for local files."""
    found = (split(url) for _, url in _places(settings))
    return next((place[0] for place in found if place), None)


def problems(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rules between the settings of files in buckets, for `Spec.validate`."""
    places = list(_places(settings))
    stores = {place[0] if (place := split(url)) else None for _, url in places}
    found = []
    for field, url in places:
        scheme, mark, rest = url.partition("://")
        if mark and split(url) is None:
            found.append((field, f"names {url!r}; it begins with s3://, gs:// or az://, or is a local path"))
        elif mark and not re.match(r"[^/*?\[@]+(/|$)", rest):
            found.append((field, f"names {url!r}; write {scheme}://BUCKET/FOLDER, and an account under `bucket`"))
    if len(stores) > 1:
        found.append(("tables", "and `path` lie in different stores; make a source of each"))
    settled = {name: value for name, value in (settings.get("bucket") or {}).items() if value}
    if stores == {None} and settled:
        found.append(("bucket", "is for files in a bucket: `path` or `tables` begin with s3://, gs:// or az://"))
    if found or len(stores) != 1 or (kind := stores.pop()) is None:
        return found
    return [("bucket", problem) for problem in _credentials(kind, settled)]


def _credentials(kind: str, settled: Mapping[str, Any]) -> Iterable[str]:
    for name in settled:
        if kind not in _BUCKET.get(name, kind):
            yield f"has `{name}`, which {STORES[kind]} does not know"
    for group in _TOGETHER:
        missing = [name for name in group if name not in settled]
        if missing and len(missing) < len(group):
            yield f"needs {' and '.join(f'`{name}`' for name in missing)} too"
    for name, other in _NEEDS.items():
        if name in settled and other not in settled:
            yield f"has `{name}`, which needs `{other}`"
    given = [f"`{name}`" for name in _ALTERNATIVES[kind] if name in settled]
    if len(given) > 1:
        yield f"has {' and '.join(given)}; keep one of them"
    if kind == "az" and "account" not in settled:
        yield "needs `account`, the storage account"
    endpoint = urlsplit(settled.get("endpoint", ""))
    if kind != "s3" and endpoint.scheme == "http" and not on_this_machine(endpoint.hostname or ""):
        yield "has an `endpoint` without TLS, which would send the credentials in the clear; begin it with https://"


def _places(settings: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if settings.get("path"):
        yield "path", str(settings["path"])
    for pattern in (settings.get("tables") or {}).values():
        yield "tables", str(pattern)
