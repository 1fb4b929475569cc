"""Definitions on both databases."""

from __future__ import annotations

from headrace.testing.definition_contract import DefinitionContract


class TestDefinitions(DefinitionContract):
    """On SQLite and on PostgreSQL."""
