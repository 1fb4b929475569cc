"""The test rows: 10 columns as a shop's table of people has them, the same for everybody on every machine.

Made in row groups of 131,072, each from a seed of its own, so that any number of rows takes the same memory. One to
ten per cent of the values are null; names are in many scripts and hold quotes, backslashes and tabs.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.places import DATA

GROUP = 131_072  # rows
SEED = 20_261_123
TABLE = "people"
JSON_COLUMNS = ("profile",)

FIRST = ["Ann", "Bob", "Zoë", "José", "Łukasz", "Мария", "王伟", 'J. "Jay"', "O'Neil", "Ana\tMaria", "Søren", "Wei"]
LAST = ["Jones", "Müller", "García", "Kowalski", "Иванова", "李娜", "Back\\slash", "Brown", "Nguyễn", "🙂", "Taylor"]
CITIES = ["Warsaw", "Kraków", "London", "Paris", "São Paulo", "東京", "New York", "Berlin", "Zürich", "Madrid"]
SOURCES = ["web", "ios", "android"]

POSTGRES_TABLE = f"""
CREATE TABLE {TABLE} (
    user_id bigint, email text, name text, ip text, city text, balance numeric(12, 2), active boolean,
    updated_at timestamptz, score double precision, profile jsonb
)"""


def groups(rows: int, *, message_ids: bool = False) -> Iterator[pa.RecordBatch]:
    """The rows, one batch per row group."""
    for start in range(0, rows, GROUP):
        yield _group(start, min(GROUP, rows - start), message_ids)


def parquet(rows: int, *, message_ids: bool = False) -> Path:
    """The Parquet file with that many rows, made if need be."""
    path = DATA / f"people-{rows}{'-ids' if message_ids else ''}.parquet"
    if path.exists():
        return path
    DATA.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    batches = groups(rows, message_ids=message_ids)
    first = next(batches)
    with pq.ParquetWriter(unfinished, first.schema, compression="zstd") as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)
    return unfinished.rename(path)


def duckdb_file(rows: int) -> Path:
    """A DuckDB database with the same rows in the table ``people``, made if need be."""
    path = DATA / f"people-{rows}.duckdb"
    if path.exists():
        return path
    source, unfinished = parquet(rows), path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with duckdb.connect(str(unfinished)) as database:
        replaced = ", ".join(f"{name}::JSON AS {name}" for name in JSON_COLUMNS)
        database.execute(f"CREATE TABLE {TABLE} AS SELECT * REPLACE ({replaced}) FROM read_parquet('{source}')")
    return unfinished.rename(path)


def load_postgres(dsn: str, rows: int) -> None:
    """Put the same rows into the table ``people`` of a PostgreSQL database."""
    source = pq.ParquetFile(parquet(rows))
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(POSTGRES_TABLE)
        with cursor.copy(f"COPY {TABLE} FROM STDIN (FORMAT csv)") as copy:
            for batch in source.iter_batches(GROUP):
                text = io.BytesIO()
                pa.csv.write_csv(batch, text, pa.csv.WriteOptions(include_header=False))
                copy.write(text.getvalue())
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"VACUUM ANALYZE {TABLE}")


def _group(start: int, rows: int, message_ids: bool) -> pa.RecordBatch:
    chance = np.random.default_rng([SEED, start])
    cents = chance.integers(-1_000_000, 1_000_000_000, rows)
    seconds = chance.integers(0, 30 * 86_400 * 1_000_000, rows) + 1_767_225_600_000_000
    number = pc.cast(pa.array(chance.integers(0, 1 << 40, rows)), pa.string())
    visits = pc.cast(pa.array(chance.integers(0, 1000, rows)), pa.string())
    profile = ('{"visits":', visits, ',"source":"', _pick(chance, SOURCES, rows), '","prefs":{"dark":true}}')
    ip = [pc.cast(pa.array(part), pa.string()) for part in chance.integers(1, 255, (4, rows))]
    name = pc.binary_join_element_wise(_pick(chance, FIRST, rows), _pick(chance, LAST, rows), " ")
    columns = {
        "user_id": pa.array(np.arange(start, start + rows) + 10_000_000),
        "email": _nulls(chance, pc.binary_join_element_wise("user", number, "@example.com", ""), 0.02),
        "name": _nulls(chance, name, 0.02),
        "ip": _nulls(chance, pc.binary_join_element_wise(*ip, "."), 0.05),
        "city": _nulls(chance, _pick(chance, CITIES, rows), 0.05),
        "balance": _nulls(chance, _decimals(cents), 0.05),
        "active": _nulls(chance, pa.array(chance.random(rows) < 0.7), 0.05),
        "updated_at": pa.array(seconds).cast(pa.timestamp("us", "UTC")),
        "score": _nulls(chance, pa.array(np.round(chance.random(rows) * 100, 4)), 0.05),
        "profile": _nulls(chance, pc.binary_join_element_wise(*profile, ""), 0.10),
    }
    if message_ids:
        columns["message_id"] = _hex(chance, rows)
    return pa.RecordBatch.from_pydict(columns)


def _pick(chance: np.random.Generator, words: list[str], rows: int) -> pa.Array:
    return pa.array(words).take(pa.array(chance.integers(0, len(words), rows)))


def _nulls(chance: np.random.Generator, values: pa.Array, share: float) -> pa.Array:
    return pc.if_else(pa.array(chance.random(len(values)) < share), pa.scalar(None, values.type), values)


def _decimals(cents: np.ndarray) -> pa.Array:
    """decimal(12,2) straight from its 128-bit words."""
    words = np.stack([cents, np.where(cents < 0, -1, 0)], axis=1).astype("<i8")
    return pa.Array.from_buffers(pa.decimal128(12, 2), len(cents), [None, pa.py_buffer(words.tobytes())])


def _hex(chance: np.random.Generator, rows: int) -> pa.Array:
    """Random 128-bit ids as 32 hexadecimal digits."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)[chance.integers(0, 16, (rows, 32), np.uint8)]
    offsets = np.arange(0, 32 * (rows + 1), 32, dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(digits)])


def main() -> None:
    """Make the files for a number of rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--message-ids", action="store_true", help="one more column: a messageId of the query's own")
    options = parser.parse_args()
    print(parquet(options.rows, message_ids=options.message_ids))
    if not options.message_ids:
        print(duckdb_file(options.rows))


if __name__ == "__main__":
    main()
