"""How the built page is served: which files, how encoded, how long kept, under which rules; and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from starlette.types import Scope

from headrace.web.site import Site
from tests.api.asgi import Answer, Client

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCRIPT = "/assets/index-4f2a.js"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page as the build leaves it, in a folder beside which there is a secret."""
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>Headrace</title>")
    (folder / "index.html.br").write_bytes(b"index as brotli")
    (folder / "assets/index-4f2a.js").write_text("let script")
    (folder / "assets/index-4f2a.js.br").write_bytes(b"script as brotli")
    (folder / "assets/index-4f2a.js.gz").write_bytes(b"script as gzip")
    (folder / "assets/inter-9d1c.woff2").write_bytes(b"font")
    (folder / "third-party-licenses.md").write_text("MIT")
    (folder / "notes.unknown").write_text("not for others")
    return folder


@pytest.fixture
def browser(folder: Path) -> Client:
    return Client(Site(folder), {"accept-encoding": "gzip, deflate, br"})


async def opened(browser: Client, path: str, **headers: str) -> Answer:
    return await browser.get(path, headers=HTML | headers)


async def test_the_page_at_each_of_its_addresses(browser: Client) -> None:
    """Every address that is no file's shows the page to a browser, so that each view has a link; it is asked for anew
    each time, and not sent again while it is the same."""
    for path in ("/", "/login", "/syncs/people/edit", "/a.b/c", "/assetsx", "/..%2f", "/%00"):
        answer = await opened(browser, path)
        assert (answer.status, answer.body) == (200, b"index as brotli"), path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert set(answer.headers["vary"].split(", ")) == {"accept", "accept-encoding"}
    again = await opened(browser, "/", **{"if-none-match": f'"other", W/{answer.headers["etag"]}'})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    assert "content-length" not in again.headers
    assert (await opened(browser, "/", **{"if-none-match": '"other"'})).status == 200


async def test_files_are_kept_as_long_as_their_names_last(browser: Client) -> None:
    """What has a digest in its name is never asked for again; a file with a lasting name is."""
    kept = {
        SCRIPT: ("text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        "/assets/inter-9d1c.woff2": ("font/woff2", "public, max-age=31536000, immutable"),
        "/third-party-licenses.md": ("text/plain; charset=utf-8", "no-cache"),
    }
    for path, expected in kept.items():
        headers = (await browser.get(path)).headers
        assert (headers["content-type"], headers["cache-control"]) == expected
        assert headers["etag"]


@pytest.mark.parametrize(
    ("accepted", "encoding", "body"),
    [
        ("gzip, deflate, br", "br", b"script as brotli"),
        ("gzip;q=1.0, br;q=0", "gzip", b"script as gzip"),
        ("BR;q=0.1", "br", b"script as brotli"),
        ("br;q=0.000, gzip; q=0", None, b"let script"),
        ("deflate", None, b"let script"),
        ("", None, b"let script"),
        (";q=, ,,br;q=x", "br", b"script as brotli"),
    ],
)
async def test_encodings(folder: Path, accepted: str, encoding: str | None, body: bytes) -> None:
    """The smallest that the browser takes; each has a tag of its own, so that a cache does not mix them."""
    answer = await Client(Site(folder)).get(SCRIPT, headers={"accept-encoding": accepted})
    assert (answer.headers.get("content-encoding"), answer.body) == (encoding, body)
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["etag"].endswith(f'-{encoding}"') is (encoding is not None)


async def test_head(browser: Client) -> None:
    """HEAD tells what GET would, without a body."""
    asked, told = await browser.get(SCRIPT), await browser.request("HEAD", SCRIPT)
    assert (told.status, told.body, told.headers) == (200, b"", asked.headers)


async def test_rules_for_browsers(browser: Client) -> None:
    """Each answer forbids scripts that are not ours, framing, sniffing, and telling others where one was."""
    for path in ("/", SCRIPT, "/assets/gone.js"):
        headers = (await opened(browser, path)).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
        assert "unsafe-eval" not in headers["content-security-policy"]
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "camera=()" in headers["permissions-policy"]


async def test_a_file_that_is_gone_is_not_the_page(browser: Client) -> None:
    """A tab from before an upgrade that asks for its old script gets 404, and does not keep that."""
    answer = await opened(browser, "/assets/index-old.js")
    assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")
    assert b"<" not in answer.body


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/assets/../../secret.txt", "/assets/..%2f..%2fsecret.txt", "//etc/passwd", "/notes.unknown",
     "/index.html.br", "/assets/%2e%2e/%2e%2e/secret.txt", "/assets\\..\\..\\secret.txt"],
)  # fmt: skip
async def test_nothing_else_in_or_out_of_the_folder(folder: Path, path: str) -> None:
    """No spelling of an address leads out of the folder, or to what is in it for other ends."""
    site = Site(folder)
    scope: Scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    assert not site.has(scope)
    answer = await Client(site).get(path, headers=HTML)
    assert b"secret" not in answer.body
    assert b"not for others" not in answer.body


async def test_programs_get_no_html(folder: Path) -> None:
    """Who does not say that HTML is welcome is not served the page: only files by their own names."""
    asked = {"accept": [b"*/*", b"application/json", b""], "html": [b"text/html", b"TEXT/HTML;q=0.9"]}
    base = {"type": "http", "method": "GET", "path": "/syncs"}
    for words, expected in ((asked["accept"], False), (asked["html"], True)):
        for word in words:
            assert Site(folder).has({**base, "headers": [(b"accept", word)]}) is expected
    assert Site(folder).has({**base, "path": SCRIPT, "headers": []})


async def test_a_page_that_was_not_built(tmp_path: Path) -> None:
    """From a checkout without it the page says what to run, in HTML, and is there as soon as that was done."""
    browser = Client(Site(tmp_path / "static"))
    answer = await opened(browser, "/")
    assert (answer.status, answer.headers["cache-control"]) == (503, "no-store")
    assert "make web" in answer.text
    (tmp_path / "static").mkdir()
    (tmp_path / "static/index.html").write_text("built")
    assert (await opened(browser, "/")).text == "built"


async def test_a_page_that_was_built_again(folder: Path, browser: Client) -> None:
    """A new build is served without a restart, under a new tag."""
    before = await opened(browser, "/")
    (folder / "index.html.br").unlink()
    (folder / "index.html").write_text("newer")
    os.utime(folder / "index.html", (2**31, 2**31))
    after = await opened(browser, "/")
    assert after.text == "newer"
    assert after.headers["etag"] != before.headers["etag"]
