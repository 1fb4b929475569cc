"""The page as an ASGI application: its files, and the page itself at the address of each of its views.

Who asks for HTML, as a browser does for the address in its bar, gets the page wherever the service has nothing else:
the page finds its view by the address, or says that there is none. Programs get no HTML. Nothing here is secret, so
nobody need be signed in.
"""

from __future__ import annotations

from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from headrace.aio import in_thread
from headrace.web.files import ENCODINGS, File, Files

BUILT = Path(__file__).parent / "static"

# Scripts, styles and connections of our own and of nobody else. Styles alone may stand in the page: the parts that it
# is made of compute their sizes.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
CAREFUL = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_NOT_BUILT = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Headrace</title>
<h1>The page is not built</h1>
<p>This Headrace runs from a checkout. In its folder, run <code>make web</code>, then load this page again.</p>
<p>The API is at <code>/api/v1</code> all the same.</p>
</html>
"""


class Site:
    """The page in ``folder``, as it was built there."""

    def __init__(self, folder: Path = BUILT) -> None:
        self._files = Files(folder)

    def has(self, scope: Scope) -> bool:
        """Whether what is asked for is the page's: a file of it, or HTML, which nobody else here has."""
        return self._files.get(scope["path"]) is not None or _asks_for_html(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, asked = scope["path"], Headers(scope=scope)
        file = self._files.get(path)
        if file is None and path.startswith("/assets/"):
            # A tab that was opened before an upgrade asks for what is gone: it must not take the page for a script.
            kind = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
            await _answer(scope, send, 404, kind, b"There is no such file.\n")
            return
        file = file or self._files.index
        if file is None:
            kind = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
            await _answer(scope, send, 503, kind, _NOT_BUILT)
            return
        encoding = _encoding(file, asked.get("accept-encoding", ""))
        tag = f'"{file.tag}-{encoding}"' if encoding else f'"{file.tag}"'
        headers = {"cache-control": file.keep, "etag": tag, "vary": "accept, accept-encoding"}
        if _is_known(tag, asked.get("if-none-match", "")):
            await _answer(scope, send, 304, headers, b"")
            return
        headers["content-type"] = file.kind
        if encoding:
            headers["content-encoding"] = encoding
        body = await in_thread((file.encoded[encoding] if encoding else file.path).read_bytes)
        await _answer(scope, send, 200, headers, body)


def _asks_for_html(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "").lower()


def _encoding(file: File, accepted: str) -> str:
    """The best encoding of the file that the browser takes; empty: as it is."""
    taken = set()
    for each in accepted.lower().split(","):
        name, _, quality = each.replace(" ", "").partition(";q=")
        if quality.strip("0.") or not quality:
            taken.add(name)
    return next((encoding for encoding in ENCODINGS if encoding in taken and encoding in file.encoded), "")


def _is_known(tag: str, held: str) -> bool:
    """Whether the browser holds this very content."""
    return tag in {each.strip().removeprefix("W/") for each in held.split(",")}


async def _answer(scope: Scope, send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    length = {} if status == 304 else {"content-length": str(len(body))}
    told = {**CAREFUL, **headers, **length}
    sent = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
