"""Which PostgreSQL types ADBC gives as they are, and how the server itself turns the others into text or JSON."""

from __future__ import annotations

import pyarrow as pa

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.sources.plain import AS_IS, Faithful

_TEXT = "{}::text"
_JSON = "to_json({})"

# What ADBC gives wrongly, slowly or as raw wire bytes. An inet cast to text would grow a netmask of /32.
_CASTS = {
    "numeric": _TEXT,
    "money": "{}::numeric::text",
    "oid": "{}::int8",
    "uuid": _TEXT,
    "interval": _TEXT,
    "inet": "abbrev({})",
    "hstore": _JSON,
}
_MARKS = {"numeric": NUMERIC_FIELD, "money": NUMERIC_FIELD, **dict.fromkeys(("json", "jsonb", "hstore"), JSON_FIELD)}


def faithful(field: pa.Field) -> Faithful:
    """The way to read one column without loss, by the type that ADBC tells of it."""
    name = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    if pa.types.is_list(field.type) or pa.types.is_struct(field.type):
        # ADBC flattens arrays of more dimensions and knows no custom lower bounds, so the server writes them
        return Faithful(_JSON, JSON_FIELD)
    if name in _CASTS or name in _MARKS:
        return Faithful(_CASTS.get(name, AS_IS), _MARKS.get(name))
    return Faithful(_TEXT if isinstance(field.type, pa.BaseExtensionType) else AS_IS)
