"""The sources of the page: its types are those of the API as it is, its code is checked, its packages are pinned."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from build_web import NODE

ROOT = Path(__file__).resolve().parents[2]


def test_types_and_style() -> None:
    """web/src/api/schema.d.ts is what the API's description gives, and neither Biome nor tsc find anything in the
    page's sources."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/web", "check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_are_pinned() -> None:
    """Each package is asked for in one exact version, whose content the lock knows; no registry is named, so that a
    mirror serves as well."""
    asked = json.loads((ROOT / "web/package.json").read_text())
    versions = asked["dependencies"] | asked["devDependencies"]
    assert [name for name, version in versions.items() if not version[0].isdigit()] == []
    text = (ROOT / "web/package-lock.json").read_text()
    assert "resolved" not in text
    pinned = json.loads(text)["packages"]
    assert {name: pinned[f"node_modules/{name}"]["version"] for name in versions} == versions
    # Of a program that other machines than this one need, the lock names the version alone.
    assert [name for name, pin in pinned.items() if name and not pin.get("optional") and "integrity" not in pin] == []


def test_one_node() -> None:
    """A wheel is built with the Node that the tests have."""
    assert f'web = ["{NODE}"]' in (ROOT / "pyproject.toml").read_text()
