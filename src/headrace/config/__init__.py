"""The configuration: files and what the store holds become a `Project`, or a list of everything that is wrong with it.

    files ──► nodes ──► sections ──┐
    bytes     lines     entries    ├─► values ──► connections, syncs, alerts, service ──► project
    bodies ─────────────► nodes  ──┘   types      what keys mean                          names, circles
    of the store

Nothing stops at the first mistake: each step reports into one `Report` and goes on.
"""

from headrace.config.alerts import ALERT_FIELDS, CHANNEL_FIELDS
from headrace.config.bodies import KEPT, STORE, body_of
from headrace.config.files import mentioned
from headrace.config.project import assemble, load, load_with_warnings
from headrace.config.sections import SERVICE, Written
from headrace.config.service import RUNTIME_KEYS, SERVICE_FIELDS
from headrace.config.stored import sync_from_json, sync_to_json
from headrace.config.syncs import LIMIT_FIELDS, OPTION_FIELDS, RECEIVED_KEYS, SYNC_FIELDS
from headrace.config.values import REFERENCE

__all__ = [
    "ALERT_FIELDS",
    "CHANNEL_FIELDS",
    "KEPT",
    "LIMIT_FIELDS",
    "OPTION_FIELDS",
    "RECEIVED_KEYS",
    "REFERENCE",
    "RUNTIME_KEYS",
    "SERVICE",
    "SERVICE_FIELDS",
    "STORE",
    "SYNC_FIELDS",
    "Written",
    "assemble",
    "body_of",
    "load",
    "load_with_warnings",
    "mentioned",
    "sync_from_json",
    "sync_to_json",
]
