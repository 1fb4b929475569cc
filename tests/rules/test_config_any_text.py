"""Whatever stands in the files, loading ends with a project or with a `ConfigError`, and soon."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.config import SYNC_FIELDS, load, nodes
from headrace.errors import ConfigError
from tests.rules.connectors import FIELDS, SPECS

BOUNDED = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

WORDS = [
    *("sources", "destinations", "syncs", "type", "<<", "shop", "crm", "postgresql", "customerio", "workspace"),
    *(field.name for field in (*FIELDS, *SYNC_FIELDS)),
]
PIECES = [*WORDS, ": ", ":", "\n", "\n  ", "\n    ", "- ", "[", "]", "{", "}", ", ", "&a ", "*a", "!", "|\n", "'", '"']
PIECES += ["#", "\t", "---\n", "...", "${", "${A}", "$${", "{{", "}}", "? ", "%", "@", ">-\n", "\\", "é", "\x85"]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.sampled_from(WORDS) | st.text()
trees = st.recursive(
    scalars,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.sampled_from(WORDS), children, max_size=6),
    max_leaves=8,
)
entries = st.dictionaries(st.sampled_from(["shop", "crm", "a", "B"]), st.dictionaries(st.sampled_from(WORDS), trees))
projects = st.fixed_dictionaries({}, optional={"sources": entries, "destinations": entries, "syncs": entries})


def judge(folder: Path, data: bytes) -> None:
    (folder / "headrace.yaml").write_bytes(data)
    with contextlib.suppress(ConfigError):
        load(folder, {"A": "1"}, SPECS)


@BOUNDED
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    """Bytes of any kind raise nothing but ConfigError."""
    judge(tmp_path, data)


@BOUNDED
@given(st.sampled_from([yaml.SafeLoader, nodes._LOADER]), st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_text(tmp_path: Path, loader: type, text: str) -> None:
    """Pieces of YAML in any order raise nothing but ConfigError, by either parser."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "_LOADER", loader)
        judge(tmp_path, text.encode())


@settings(BOUNDED, max_examples=40)
@given(projects)
def test_any_values(tmp_path: Path, content: dict[str, Any]) -> None:
    """Well-formed YAML with any values at known keys raises nothing but ConfigError."""
    judge(tmp_path, yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "surrogatepass"))


@BOUNDED
@given(st.sampled_from([field.name for field in SYNC_FIELDS]), st.text(max_size=60))
def test_any_text_at_any_key(tmp_path: Path, key: str, text: str) -> None:
    """Any text at any key of an otherwise good sync raises nothing but ConfigError."""
    sync = {"source": "shop", "call": "track", "query": "SELECT 1", "destinations": ["log"], key: text}
    content = {
        "sources": {"shop": {"type": "postgresql", "host": "h", "database": "d"}},
        "destinations": {"log": {"type": "workspace"}},
        "syncs": {"people": sync},
    }
    judge(tmp_path, yaml.safe_dump(content, allow_unicode=True).encode())
