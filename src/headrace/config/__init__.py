"""The configuration: a folder of YAML files becomes a `Project`, or a list of everything that is wrong with it.

    files ──► nodes ──► values ──► connections, syncs ──► project
    bytes     lines     types      what keys mean         names, circles

Nothing stops at the first mistake: each step reports into one `Report` and goes on.
"""

from headrace.config.files import variables
from headrace.config.project import load, load_with_warnings
from headrace.config.stored import sync_from_json, sync_to_json
from headrace.config.syncs import LIMIT_FIELDS, OPTION_FIELDS, SYNC_FIELDS

__all__ = [
    "LIMIT_FIELDS",
    "OPTION_FIELDS",
    "SYNC_FIELDS",
    "load",
    "load_with_warnings",
    "sync_from_json",
    "sync_to_json",
    "variables",
]
