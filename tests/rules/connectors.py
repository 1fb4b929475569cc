"""Connectors for tests of the configuration: every kind of field once, and nothing behind it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.connector import Field, Spec

FIELDS = (
    Field("host", "text", "The server.", required=True, example="db.internal"),
    Field("port", "integer", "Its port.", default=5432, minimum=1, maximum=65535),
    Field("database", "text", "The database.", required=True),
    Field("user", "text", "The role."),
    Field("password", "secret", "Its password."),
    Field("tls", "choice", "Encryption.", default="prefer", choices=("disable", "prefer", "verify-full")),
    Field("tls_ca", "path", "A certificate."),
    Field("statement_timeout", "number", "Seconds.", default=3600.0, minimum=0),
    Field("ssh_tunnel", "map", "The way there.", example="{host: bastion}"),
    Field("read_only", "boolean", "Whether the role may only read.", default=True),
)


def validate(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A certificate needs the encryption that looks at it."""
    if settings["tls_ca"] and settings["tls"] != "verify-full":
        return [("tls_ca", "It is used with tls: verify-full only. Set that, or remove it.")]
    return []


SPECS = {
    ("source", "postgresql"): Spec("postgresql", "PostgreSQL", "A database.", FIELDS, validate=validate),
    ("destination", "customerio"): Spec(
        "customerio",
        "Customer.io",
        "A workspace.",
        (
            Field("api_key", "secret", "The key.", required=True),
            Field("region", "choice", "Where.", default="us", choices=("us", "eu")),
            Field("url", "url", "Another address.", example="http://127.0.0.1:9999/v1"),
            Field("topics", "list", "What it hears.", default=[]),
        ),
    ),
    ("destination", "workspace"): Spec(
        "workspace", "Workspace", "A file.", (Field("path", "path", "The file.", default="workspace.sqlite"),)
    ),
}


def project(folder: Path, text: str, **more: str) -> Path:
    """A project folder with this ``headrace.yaml``; ``more`` are files of ``headrace/``, by stem."""
    (folder / "headrace.yaml").write_text(text)
    for stem, content in more.items():
        (folder / "headrace").mkdir(exist_ok=True)
        (folder / "headrace" / f"{stem}.yaml").write_text(content)
    return folder
