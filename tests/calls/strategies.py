"""Tables by chance: nasty names, every type, NULLs everywhere, and enough sense that most rows become calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.model import CallKind, MapOptions
from tests.calls.tables import DICTIONARY, ticks

DAY = 86_400
# Inside the years 1 to 9999, whatever the zone; and far outside of them.
FIRST_SECOND, LAST_SECOND = -62_135_596_800 + 2 * DAY, 253_402_300_799 - 2 * DAY
BEYOND = 10**12
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
# Zones whose clocks moved in the past and have stood still since: gaps and repeated hours, one of them a whole day.
ZONES = ("UTC", "Asia/Kolkata", "America/Sao_Paulo", "Asia/Tehran", "Pacific/Apia")

Values = st.SearchStrategy[Any]


@dataclass(frozen=True)
class Kind:
    """A type of column and the values it is filled with."""

    type: pa.DataType
    values: Values
    says: dict[bytes, bytes] | None = None


# ------------------------------------------------------------------------------------------------------------ values

nasty_text = st.one_of(
    st.sampled_from(
        ["", " ", "\t\n", "\u00a0", "v", "null", "true", '"', "\\", "'", "\u2028\u2029", "\x00\x1f\x7f", "😀é"]
    ),
    st.sampled_from(['{"a":1}', "[1]", "0", "1.50", "NaN", "2024-05-06", "2024-05-06T07:08:09Z", "a.b", "{}"]),
    st.text(max_size=12),
)
floats = st.one_of(
    st.floats(), st.sampled_from([0.0, -0.0, 1.0, -7.0, 5e-324, 1e22, 1e300, 0.1, 2.0**53, float("nan"), float("-inf")])
)


def is_json(value: Any) -> str:
    return json.dumps(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abx") | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
objects = st.dictionaries(
    st.sampled_from(["a", "x", "y", "email", "ip"]) | st.text(max_size=3), json_values, max_size=3
)
json_texts = st.one_of(
    objects.map(is_json),
    json_values.map(is_json),
    st.sampled_from(
        [
            "123456789012345678901234567890",
            "1.50",
            "-0.0",
            "1E300",
            ' { "a" : [ 1 , 2 ] } ',
            r'"\u00e9\ud83d\ude00"',
            "[[[]]]",
        ]
    ),
)
numerals = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=4).map(lambda number: format(number, "f")),
    st.sampled_from(
        ["0", "5.00", "12.50", "-7", "1" * 60, "0." + "0" * 30 + "1", "1E-10", "0E-10", "NaN", "Infinity", "-Infinity"]
    ),
)


def decimals(precision: int, scale: int) -> Values:
    top = 10**precision - 1
    return st.integers(-top, top).map(lambda n: Decimal(n).scaleb(-scale) if abs(n) < 10**28 else _exact(n, scale))


def _exact(unscaled: int, scale: int) -> Decimal:
    """Beyond the 28 digits that a decimal context keeps."""
    digits = tuple(map(int, str(abs(unscaled))))
    return Decimal((int(unscaled < 0), digits, -scale))


def moments(unit: str) -> Values:
    low, high = FIRST_SECOND * UNITS[unit], LAST_SECOND * UNITS[unit]
    if unit == "ns":
        low, high = -(2**63), 2**63 - 1
    beyond = [] if unit == "ns" else [BEYOND * UNITS[unit], -BEYOND * UNITS[unit]]
    recent = st.integers(-2 * 10**9 * UNITS[unit], 4 * 10**9 * UNITS[unit])
    return st.one_of(recent, st.integers(low, high), st.sampled_from([0, -1, 1, low, high, *beyond]))


def bits(size: int, *, signed: bool) -> Values:
    low, high = (-(2 ** (size - 1)), 2 ** (size - 1) - 1) if signed else (0, 2**size - 1)
    return st.one_of(st.integers(low, high), st.sampled_from([low, high, 0, 1]))


# ------------------------------------------------------------------------------------------------------------- types

TEXT = Kind(pa.string(), nasty_text)
JSON = Kind(pa.string(), json_texts, JSON_FIELD)
JSON_OBJECT = Kind(pa.string(), objects.map(is_json), JSON_FIELD)
NUMERIC = Kind(pa.string(), numerals, NUMERIC_FIELD)
NULL = Kind(pa.null(), st.none())
BOOL = Kind(pa.bool_(), st.booleans())
INTEGERS = [
    Kind(getattr(pa, f"{'' if signed else 'u'}int{size}")(), bits(size, signed=signed))
    for size in (8, 16, 32, 64)
    for signed in (True, False)
]
FLOAT = Kind(pa.float64(), floats)
FLOAT32 = Kind(pa.float32(), st.floats(width=32))
DECIMALS = [
    Kind(pa.decimal128(38, 10), decimals(38, 10)),
    Kind(pa.decimal128(12, 2), decimals(12, 2)),
    Kind(pa.decimal256(50, 5), decimals(50, 5)),
]
TIMESTAMPS = [
    Kind(pa.timestamp(unit, zone), moments(unit)) for unit in UNITS for zone in (None, "UTC", "America/New_York")
]
DATES = [
    Kind(pa.date32(), st.integers(FIRST_SECOND // DAY, LAST_SECOND // DAY) | st.sampled_from([2**31 - 1, -(2**31)])),
    Kind(pa.date64(), st.integers(FIRST_SECOND // DAY, LAST_SECOND // DAY).map(lambda day: day * DAY * 1000)),
]
TIMES = [
    Kind(kind, st.integers(0, DAY * UNITS[kind.unit] - 1) | st.sampled_from([0, UNITS[kind.unit] // 2 or 1]))
    for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))
]
DURATIONS = [
    Kind(pa.duration(unit), st.integers(-(2**50), 2**50) | st.sampled_from([0, -1, UNITS[unit] * 3 // 2]))
    for unit in UNITS
]
BINARY = [
    Kind(pa.binary(), st.binary(max_size=5)),
    Kind(pa.large_binary(), st.binary(max_size=5)),
    Kind(pa.binary(3), st.binary(min_size=3, max_size=3)),
]
OTHER_TEXT = [
    Kind(pa.large_string(), nasty_text),
    Kind(pa.string_view(), nasty_text),
    Kind(DICTIONARY, nasty_text),
]
POINT = pa.struct([("a", pa.int64()), ("x", pa.string()), ("l", pa.list_(pa.float64()))])
points = st.fixed_dictionaries(
    {
        "a": st.none() | st.integers(-(2**63), 2**63 - 1),
        "x": st.none() | nasty_text,
        "l": st.none() | st.lists(floats, max_size=2),
    }
)
NESTED = [
    Kind(pa.list_(pa.int64()), st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3)),
    Kind(pa.list_(pa.string()), st.lists(st.none() | nasty_text, max_size=3)),
    Kind(pa.large_list(pa.binary()), st.lists(st.binary(max_size=3), max_size=2)),
    Kind(pa.list_(pa.decimal128(12, 2)), st.lists(decimals(12, 2), max_size=2)),
    Kind(
        pa.list_(pa.timestamp("us")), st.lists(st.integers(-2 * 10**9, 4 * 10**9).map(lambda n: n * 10**6), max_size=2)
    ),
    Kind(pa.list_(POINT), st.lists(st.none() | points, max_size=2)),
    Kind(POINT, points),
    Kind(
        pa.struct([("p", POINT), ("on", pa.bool_())]),
        st.fixed_dictionaries({"p": st.none() | points, "on": st.booleans()}),
    ),
    Kind(
        pa.map_(pa.string(), pa.float64()),
        st.dictionaries(st.text(max_size=3), st.none() | floats, max_size=3).map(lambda pairs: list(pairs.items())),
    ),
    Kind(
        pa.map_(pa.int32(), pa.string()),
        st.dictionaries(st.integers(-9, 9), nasty_text, max_size=3).map(lambda pairs: list(pairs.items())),
    ),
]
SCALARS = [TEXT, TEXT, JSON, JSON_OBJECT, NUMERIC, NULL, BOOL, FLOAT, FLOAT32, *INTEGERS, *DECIMALS, *OTHER_TEXT]
EVERY = st.sampled_from([*SCALARS, *TIMESTAMPS, *DATES, *TIMES, *DURATIONS, *BINARY, *NESTED])

# ------------------------------------------------------------------------------------- what suits the reserved names

IDENTITY = st.sampled_from(
    [Kind(pa.string(), st.sampled_from(["7", "ann", " x ", "é"])), TEXT, FLOAT, NUMERIC, *INTEGERS[:4]]
)
WHOLE = st.sampled_from(
    [Kind(pa.string(), objects.map(is_json) | st.sampled_from(["", " "])), JSON_OBJECT, NESTED[6], JSON]
)
iso_texts = st.builds(
    "{}{}{}{}{}".format,
    st.dates().map(str),
    st.sampled_from("T "),
    st.sampled_from(["00:00:00", "07:08:09", "23:59:59", "02:30:00"]),
    st.sampled_from(["", ".1", ".123", ".999999", ".123456789"]),
    st.sampled_from(["", "Z", "+02", "-0930", "+05:45", "+00:00"]),
).filter(lambda text: "0002" <= text[:4] < "9999")
unix_times = st.integers(-(10**11), 4 * 10**18) | st.integers(0, 4 * 10**9)
MOMENT = st.sampled_from(
    [
        Kind(pa.string(), iso_texts | unix_times.map(str) | st.sampled_from(["", "soon", "2024-02-30", "2024-02-29"])),
        Kind(pa.int64(), unix_times),
        Kind(pa.float64(), st.integers(-(10**12), 10**13).map(lambda ms: ms / 1000)),
        NUMERIC,
        *DATES,
        *TIMESTAMPS,
    ]
)
YES_OR_NO = st.sampled_from(
    [
        BOOL,
        INTEGERS[0],
        Kind(pa.string(), st.sampled_from(["true", "T", "Yes", "1", "false", "f", "NO", "0", "maybe"])),
        JSON,
    ]
)
TYPE_ID = st.sampled_from(
    [INTEGERS[0], Kind(pa.string(), st.sampled_from(["1", "2", "x"])), Kind(pa.int64(), st.integers(0, 9))]
)
SUITED: dict[str, st.SearchStrategy[Kind]] = {
    "timestamp": MOMENT,
    "context": WHOLE,
    "integrations": WHOLE,
    "traits": WHOLE,
    "properties": WHOLE,
    "relationshipattributes": WHOLE,
    "_update": YES_OR_NO,
    "object_type_id": TYPE_ID,
    "objecttypeid": TYPE_ID,
    **dict.fromkeys(["userid", "anonymousid", "groupid", "previousid", "messageid", "event"], IDENTITY),
}

NAMES = st.one_of(
    st.sampled_from(
        ["userId", "USERID", "anonymousId", "groupid", "messageId", "timestamp", "Timestamp", "event", "previousId"]
    ),
    st.sampled_from(
        [
            "context",
            "context.ip",
            "CONTEXT.OS.name",
            "context.Own",
            "context.os",
            "integrations",
            "Integrations.Mixpanel",
        ]
    ),
    st.sampled_from(
        ["traits", "traits.plan", "properties", "Properties.plan", "TRAITS.a.b", "plan", "Plan", "email", "EMAIL"]
    ),
    st.sampled_from(
        ["cart", "cart.x", "cart.x.y", "cart.z", "a", "a.b", "a.b.c", "name", "NAME", "category", "name.x"]
    ),
    st.sampled_from(
        ["_update", "_UPDATE", "relationshipAttributes", "relationshipAttributes.x", "objectTypeId", "object_type_id"]
    ),
    st.sampled_from(
        ["", ".", "a..b", ".a", "a.", r"a\.b", r"a\b", 'say "hi"', "tab\t\n\x00", "ключ", "😀.x", "{}", "null", "v"]
    ),
    st.text(min_size=1, max_size=8),
)
ENOUGH = {"track": ("userId", "event"), "group": ("groupId",), "alias": ("userId", "previousId")}


@st.composite
def options(draw: st.DrawFn) -> MapOptions:
    handling = st.sampled_from(["send", "omit"])
    return MapOptions(
        null_handling=draw(handling),
        null_columns=draw(
            st.dictionaries(st.sampled_from(["cart", "cart.x", "plan", "a", "a.b", "context.ip"]), handling, max_size=3)
        ),
        timezone=draw(st.sampled_from(ZONES)),
        decimals=draw(st.sampled_from(["number", "number", "string"])),
        big_integers=draw(st.sampled_from(["number", "number", "string"])),
        binary=draw(st.sampled_from(["base64", "hex"])),
        lower_case=draw(st.sampled_from([False, False, False, True])),
        email_identity=draw(st.booleans()),
    )


@st.composite
def tables(draw: st.DrawFn, kind: CallKind, fits: Callable[[list[str]], bool]) -> pa.RecordBatch:
    """A batch of 1 to 12 columns and 0 to 40 rows. ``fits`` tells whether a list of names can stand together."""
    names: list[str] = list(ENOUGH.get(kind.value, ("userId",))) if draw(st.integers(0, 5)) else []
    for name in draw(st.lists(NAMES, min_size=0 if names else 1, max_size=12 - len(names))):
        if fits([*names, name]):
            names.append(name)
    rows = draw(st.integers(0, 40))
    columns = [draw(_columns(name, rows)) for name in names or ["plan"]]
    arrays, fields = [array for array, _ in columns], []
    for name, (array, says) in zip(names or ["plan"], columns, strict=True):
        fields.append(pa.field(name, array.type, metadata=says))
    batch = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))
    return batch.slice(draw(st.integers(0, 2))) if draw(st.booleans()) else batch


@st.composite
def _columns(draw: st.DrawFn, name: str, rows: int) -> tuple[pa.Array, dict[bytes, bytes] | None]:
    suited = SUITED.get(name.rsplit(".", 1)[-1].lower())
    kind = draw(suited if suited is not None and draw(st.integers(0, 9)) else EVERY)
    pool = draw(st.lists(kind.values, min_size=1, max_size=5))
    if draw(st.booleans()):
        pool.append(None)
    order = draw(st.randoms(use_true_random=False))
    return filled(kind, [order.choice(pool) for _ in range(rows)]), kind.says


def filled(kind: Kind, values: list[Any]) -> pa.Array:
    return ticks(values, kind.type) if pa.types.is_temporal(kind.type) else pa.array(values, kind.type)
