"""The SSH key of a source: made here, shown in its public half only, and replaced in two phases.

A new key is pending until it is saved, and saved only when a connection with it works; until then runs go on with the
old one. The SSH server's own key is confirmed by its fingerprint before anything is sent to that server.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from headrace.api.deps import Caller, Connector, Viewer
from headrace.api.document import problems
from headrace.api.schemas import Shape
from headrace.app import App
from headrace.errors import UsageError
from headrace.net.ssh_access import SshAccess
from headrace.net.ssh_host_key import HostKey
from headrace.net.ssh_keys import KeyKind

router = APIRouter(prefix="/api/v1/sources/{name}/ssh-key", tags=["SSH keys"])


class Server(Shape):
    host: str
    port: int
    user: str


class HostKeyShown(Shape):
    fingerprint: str = Field(description="SHA256:…, to be compared on the server itself.")
    algorithm: str | None = Field(description="Null where only the fingerprint is known.")


class KeyShown(Shape):
    fingerprint: str
    public: str
    authorized_key: str = Field(description="The line for authorized_keys: it lets the key reach the database only.")


class KeysShown(Shape):
    """As `headrace ssh-key show --json` tells it."""

    source: str
    server: Server
    host_key: HostKeyShown | None = Field(description="The server's key that was confirmed.")
    active: KeyShown | None = Field(description="The key that runs use.")
    pending: KeyShown | None = Field(description="A new key that is not saved yet.")


class NewKey(Shape):
    type: KeyKind = Field(default="ed25519", description="rsa (4096 bits) is for old servers.")
    replace: bool = Field(default=False, description="Replace a new key that is not saved yet.")


class Trust(Shape):
    fingerprint: str = Field(description="SHA256:…, as the server itself shows it.", max_length=200)


class Trial(Shape):
    pending: bool = Field(default=False, description="Try the new key instead of the one in use.")


@router.get("", operation_id="get_ssh_key", summary="The public keys of a source, and its SSH server's key")
async def get_ssh_key(name: str, caller: Viewer) -> KeysShown:
    return await _told(_access(caller.app, name))


@router.post("/new", operation_id="make_ssh_key", summary="Make a new key, which is pending", responses=problems(409))
async def make_ssh_key(name: str, body: NewKey, caller: Connector) -> KeysShown:
    access = _access(caller.app, name)
    made = await access.keys.new(body.type, replace=body.replace)
    await _log(caller, "make", name, {"fingerprint": made.fingerprint})
    return await _told(access)


@router.post(
    "/host-key", operation_id="read_host_key", summary="The key that the SSH server shows now; nothing is trusted yet",
    responses=problems(409, 502),
)  # fmt: skip
async def read_host_key(name: str, caller: Connector) -> HostKeyShown:
    key = HostKey.parse(await _access(caller.app, name).shown())
    return HostKeyShown(fingerprint=key.fingerprint, algorithm=key.algorithm)


@router.post(
    "/trust", operation_id="trust_host_key", summary="Confirm the SSH server's key; only that one is accepted then",
    responses=problems(409, 502),
)  # fmt: skip
async def trust_host_key(name: str, body: Trust, caller: Connector) -> KeysShown:
    access, wanted = _access(caller.app, name), HostKey.parse(body.fingerprint)
    await access.trust(await access.shown(wanted), wanted)
    await _log(caller, "trust", name, {"fingerprint": wanted.fingerprint})
    return await _told(access)


@router.post(
    "/test", operation_id="test_ssh_key", summary="Log in, and reach the database from there",
    responses=problems(409, 502),
)  # fmt: skip
async def test_ssh_key(name: str, body: Trial, caller: Connector) -> KeysShown:
    access = _access(caller.app, name)
    await access.test(pending=body.pending)
    return await _told(access)


@router.post(
    "/save", operation_id="save_ssh_key", summary="Take the new key into use, if it works, and forget the old one",
    responses=problems(409, 502),
)  # fmt: skip
async def save_ssh_key(name: str, caller: Connector) -> KeysShown:
    access = _access(caller.app, name)
    saved = await access.keys.save(access.prove)
    await _log(caller, "save", name, {"fingerprint": saved.fingerprint})
    return await _told(access)


@router.post("/discard", operation_id="discard_ssh_key", summary="Drop the new key; the one in use stays")
async def discard_ssh_key(name: str, caller: Connector) -> KeysShown:
    access = _access(caller.app, name)
    if await access.keys.discard():
        await _log(caller, "discard", name)
    return await _told(access)


@router.delete("", operation_id="forget_ssh_keys", summary="Drop all keys of the source and of its SSH server")
async def forget_ssh_keys(name: str, caller: Connector) -> KeysShown:
    access = _access(caller.app, name)
    await access.keys.forget()
    await _log(caller, "forget", name)
    return await _told(access)


def _access(app: App, name: str) -> SshAccess:
    """Raises `UsageError` for a source that is not there, or is reached directly."""
    source = app.project.sources.get(name)
    if source is None:
        raise UsageError(f"There is no source {name!r}. See the list.", code="unknown_source")
    return SshAccess.of(source, app.ssh_keys(name), app.tunnels(name))


async def _told(access: SshAccess) -> KeysShown:
    return KeysShown.model_validate(await access.fact())


async def _log(caller: Caller, what: str, source: str, after: dict[str, Any] | None = None) -> None:
    await caller.app.store.log(caller.change(f"ssh_key.{what}", f"source/{source}", None, after))
