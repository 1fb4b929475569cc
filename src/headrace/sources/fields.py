"""Settings that more than one source has."""

from __future__ import annotations

from headrace.connector import Field

TLS = (
    Field(
        "tls",
        "choice",
        "How the connection is encrypted. Without it: verify-full, which also proves that the server is the right one; "
        "for a server on this machine (localhost, 127.0.0.1, ::1): prefer, which takes TLS if offered.",
        choices=("disable", "prefer", "require", "verify-ca", "verify-full"),
    ),
    Field("tls_ca", "path", "Certificate (PEM) of the authority that signed the server's; without it: the system's."),
    Field("tls_certificate", "path", "Client certificate (PEM), where the server demands one."),
    Field("tls_key", "path", "Private key (PEM) of the client certificate; readable by its owner only."),
)

SSH_TUNNEL = Field(
    "ssh_tunnel",
    "group",
    "Reach the database through an SSH server, with a key that is made here.",
    example={"host": "bastion.example.com", "user": "tunnel"},
    fields=(
        Field("host", "text", "Name or address of the SSH server.", True, example="bastion.example.com"),
        Field("port", "integer", "Port of the SSH server.", default=22, minimum=1, maximum=65535),
        Field("user", "text", "User to log in as on the SSH server.", default="headrace", example="tunnel"),
        Field(
            "host_key",
            "text",
            "The SSH server's key: its fingerprint, or its line from known_hosts. "
            "Without it: the one that was confirmed.",
            example="SHA256:uNiVztksCsDhcc0u9e8BrsvGTGE0T5CVPo6e9A0cEZE",
        ),
    ),
)

SEARCH_PATH = Field(
    "schema",
    "text",
    "Schemas in which tables are found without a prefix, by commas (search_path).",
    example="sales, public",
)

STATEMENT_TIMEOUT = Field(
    "statement_timeout", "number", "Seconds a query may run; 0: no limit.", default=3600, minimum=0
)

# Of the sources that are read with DuckDB.
DUCKDB = (
    STATEMENT_TIMEOUT,
    Field("memory_limit", "text", "Memory DuckDB may use; beyond it, it uses the disk.", default="1GB", example="4GB"),
    Field("threads", "integer", "Threads DuckDB may use; without it: one per processor.", minimum=1),
)
