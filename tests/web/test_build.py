"""The package as people get it: a wheel and an sdist that carry the built page, and need no Node to be installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.serve.processes import Serving

ROOT = Path(__file__).resolve().parents[2]
STATIC = "headrace/web/static/"


@dataclass(frozen=True)
class Built:
    """What was built: a wheel from a checkout, an sdist, and a wheel from that."""

    wheel: Path
    sdist: Path
    wheel_of_sdist: Path


def packed(folder: Path, what: str | Path, *, node: bool) -> Path:
    """`pip wheel`, in an environment that pip makes for it; without ``node`` neither Node nor npm can be had there."""
    without = {"PATH": "/nowhere", "npm_config_registry": "http://127.0.0.1:9"}
    environment = dict(os.environ) | ({} if node else without)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--wheel-dir", str(folder), str(what)]
    done = subprocess.run(pip, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built in a copy of what git knows, or would: a fresh clone, with nothing made in it."""
    root = tmp_path_factory.mktemp("package")
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    checkout = root / "checkout"
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "benchmarks/")):
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (checkout / name).write_bytes((ROOT / name).read_bytes())
    wheel = packed(root / "wheel", checkout, node=True)
    make = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(root / "sdist")]
    done = subprocess.run(make, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,) = (root / "sdist").glob("*.tar.gz")
    return Built(wheel, sdist, packed(root / "again", sdist, node=False))


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_carries_the_page(built: Built) -> None:
    """A wheel from a checkout has the page, each script also compressed, and the licences of what it is made of; and
    nothing of its sources."""
    static = {name.removeprefix(STATIC) for name in names(built.wheel) if name.startswith(STATIC)}
    assert {"index.html", "index.html.br", "index.html.gz", "third-party-licenses.md"} <= static
    (entry,) = [name for name in static if name.startswith("assets/index-") and name.endswith(".js")]
    assert {f"{entry}.br", f"{entry}.gz"} <= static
    with zipfile.ZipFile(built.wheel) as archive:
        licences = archive.read(STATIC + "third-party-licenses.md").decode()
        assert f"/{entry}" in archive.read(STATIC + "index.html").decode()
    for made_of in ("react", "@mantine/core", "@fontsource-variable/inter", "SIL OPEN FONT LICENSE"):
        assert made_of.lower() in licences.lower(), made_of
    strange = [
        name for name in names(built.wheel) if "node_modules" in name or name.endswith((".ts", ".tsx", ".map", ".mjs"))
    ]
    assert strange == []


def test_the_sdist_needs_neither_node_nor_npm(built: Built) -> None:
    """An sdist carries the page as it was built and none of its sources; the wheel that is made from it, with neither
    Node nor npm within reach, has the very files of the other."""
    with tarfile.open(built.sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert f"src/{STATIC}index.html" in inside
    assert [name for name in inside if name.startswith(("web", "tests", "src/headrace/web/static/."))] == []
    assert names(built.wheel_of_sdist) == names(built.wheel)


def test_an_installed_service_shows_the_page(built: Built, tmp_path: Path) -> None:
    """What is installed from the wheel serves the page and its scripts from its own files."""
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(tmp_path / "installed")
    (tmp_path / "headrace.yaml").write_text("{}")
    with Serving(tmp_path, env={"PYTHONPATH": str(tmp_path / "installed")}) as service:
        status, page, headers = service.ask("GET", "/login", Accept="text/html")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        (script,) = [part for part in page.split('"') if part.startswith("/assets/index-") and part.endswith(".js")]
        assert service.ask("GET", script)[0] == 200
