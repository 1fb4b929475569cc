"""T-SQL types on the wire: their description in COLMETADATA, and how a column's values are written in ROW."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

COLLATION = bytes([0x09, 0x04, 0xD0, 0x00, 0x34])
_DAY_ONE = date(1, 1, 1).toordinal()
_UTF16 = "utf-16-le"

Write = Callable[[Any], bytes]  # never called with None


@dataclass(frozen=True)
class Column:
    """A column of a result; ``kind`` is its T-SQL type, such as ``decimal(12, 2)``."""

    name: str
    kind: str

    @property
    def parts(self) -> tuple[str, list[str]]:
        word, *rest = re.findall(r"\w+", self.kind.lower())
        return word, rest


def words(text: str, size: int) -> bytes:
    """Text with its count of characters in front, in ``size`` bytes."""
    raw = text.encode(_UTF16)
    return (len(raw) // 2).to_bytes(size, "little") + raw


def column_metadata(columns: Sequence[Column]) -> bytes:
    head = b"\x81" + struct.pack("<H", len(columns))
    return head + b"".join(struct.pack("<IH", 0, 0x09) + _wire(column)[0] + words(column.name, 1) for column in columns)


def rows(columns: Sequence[Column], values: Sequence[Sequence[Any]]) -> bytes:
    """The rows whose columns are ``values``."""
    written = [_column(column, own) for column, own in zip(columns, values, strict=True)]
    return b"\xd1" + b"\xd1".join(map(b"".join, zip(*written, strict=True)))


def _column(column: Column, values: Sequence[Any]) -> Iterator[bytes]:
    _, null, write = _wire(column)
    return (null if value is None else write(value) for value in values)


def _wire(column: Column) -> tuple[bytes, bytes, Write]:
    """Description, NULL, and how a value is written."""
    word, rest = column.parts
    sizes = {"tinyint": ("B", 1), "smallint": ("h", 2), "int": ("i", 4), "bigint": ("q", 8)}
    if word in sizes:
        letter, size = sizes[word]
        return bytes([0x26, size]), b"\0", _sized(letter, size)
    if word == "bit":
        return b"\x68\x01", b"\0", lambda value: bytes([1, int(value)])
    if word in ("float", "real"):
        letter, size = ("f", 4) if word == "real" else ("d", 8)
        return bytes([0x6D, size]), b"\0", _sized(letter, size)
    if word in ("money", "smallmoney"):
        return _money(word)
    if word in ("decimal", "numeric"):
        return _decimal(int(rest[0]) if rest else 18, int(rest[1]) if len(rest) > 1 else 0)
    if word == "uniqueidentifier":
        return b"\x24\x10", b"\0", lambda value: b"\x10" + UUID(str(value)).bytes_le
    if word in ("date", "time", "datetime2", "datetimeoffset", "datetime", "smalldatetime"):
        return _moments(word, int(rest[0]) if rest else 7)
    return _texts(word, rest)


def _sized(letter: str, size: int) -> Write:
    pack = struct.Struct(f"<B{letter}").pack
    return lambda value: pack(size, value)


def _money(word: str) -> tuple[bytes, bytes, Write]:
    def write(value: Any) -> bytes:
        number = int(Decimal(value).scaleb(4))
        if word == "smallmoney":
            return struct.pack("<Bi", 4, number)
        return struct.pack("<BiI", 8, number >> 32, number & 0xFFFFFFFF)

    return bytes([0x6E, 4 if word == "smallmoney" else 8]), b"\0", write


def _decimal(precision: int, scale: int) -> tuple[bytes, bytes, Write]:
    size = 4 * (1 + (precision > 9) + (precision > 19) + (precision > 28)) + 1

    def write(value: Any) -> bytes:
        sign, digits, exponent = Decimal(value).as_tuple()
        number = int("".join(map(str, digits))) * 10 ** (scale + int(exponent))
        return bytes([size, 1 - sign]) + number.to_bytes(size - 1, "little")

    return bytes([0x6A, size, precision, scale]), b"\0", write


def _moments(word: str, scale: int) -> tuple[bytes, bytes, Write]:
    width = 3 if scale <= 2 else 4 if scale <= 4 else 5

    def clock(value: time | datetime) -> bytes:
        ticks = ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
        return (ticks * 10**scale // 1_000_000).to_bytes(width, "little")

    def day(value: date) -> bytes:
        return (value.toordinal() - _DAY_ONE).to_bytes(3, "little")

    def old(value: datetime) -> bytes:
        days = value.toordinal() - date(1900, 1, 1).toordinal()
        minutes = value.hour * 60 + value.minute
        if word == "smalldatetime":
            return struct.pack("<BHH", 4, days, minutes)
        ticks = round((minutes * 60 + value.second + value.microsecond / 1_000_000) * 300)
        return struct.pack("<BiI", 8, days, ticks)

    def with_offset(value: datetime) -> bytes:
        moment = value.astimezone(UTC)
        return bytes([width + 5]) + clock(moment) + day(moment) + struct.pack("<h", 0)

    if word == "date":
        return b"\x28", b"\0", lambda value: b"\x03" + day(value)
    if word == "time":
        return bytes([0x29, scale]), b"\0", lambda value: bytes([width]) + clock(value)
    if word == "datetime2":
        return bytes([0x2A, scale]), b"\0", lambda value: bytes([width + 3]) + clock(value) + day(value)
    if word == "datetimeoffset":
        return bytes([0x2B, scale]), b"\0", with_offset
    return bytes([0x6F, 4 if word == "smalldatetime" else 8]), b"\0", old


def _texts(word: str, rest: list[str]) -> tuple[bytes, bytes, Write]:
    kinds = {"nvarchar": 0xE7, "varchar": 0xA7, "nchar": 0xEF, "char": 0xAF, "varbinary": 0xA5, "binary": 0xAD}
    if word == "xml":
        return b"\xf1\x00", b"\xff" * 8, lambda value: _long(str(value).encode(_UTF16))
    if word == "sql_variant":
        return b"\x62" + struct.pack("<I", 8009), bytes(4), lambda value: struct.pack("<IBBi", 6, 0x38, 0, int(value))
    binary = "binary" in word
    collation = b"" if binary else COLLATION
    encoding = _UTF16 if word.startswith("n") else "cp1252"

    def raw(value: Any) -> bytes:
        return bytes(value) if binary else str(value).encode(encoding, "replace")

    if rest[:1] == ["max"]:
        return bytes([kinds[word]]) + b"\xff\xff" + collation, b"\xff" * 8, lambda value: _long(raw(value))
    length = int(rest[0]) if rest else (4000 if word == "nvarchar" else 8000 if word == "varchar" else 1)
    unit = 2 if word.startswith("n") else 1
    fixed = word in ("char", "nchar", "binary")

    def short(value: Any) -> bytes:
        data = raw(value)
        if fixed:
            data += (b"\0" if binary else " ".encode(encoding)) * (length - len(data) // unit)
        return len(data).to_bytes(2, "little") + data

    return bytes([kinds[word]]) + struct.pack("<H", length * unit) + collation, b"\xff\xff", short


def _long(data: bytes) -> bytes:
    chunk = struct.pack("<I", len(data)) + data if data else b""
    return struct.pack("<Q", len(data)) + chunk + bytes(4)
