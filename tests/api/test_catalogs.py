"""Tables and columns of a source over the API: bounded, kept for a minute, and read like any other rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from headrace.app import specs
from headrace.sources import catalog
from headrace.sources.catalog import Catalog, Catalogs, Table, read_catalog
from headrace.testing.destination_contract import StillClock
from tests.api.conftest import CONFIG, Service

PATH = "/api/v1/sources/shop/schema"


async def test_tables_and_columns(service: Service) -> None:
    """Every table with its columns and their types, and the dialect that an editor should speak."""
    answer = await service.as_role("viewer", preview=True).get(PATH)
    assert answer.status == 200, answer.text
    columns = [("number", "integer"), ("id", "text"), ("name", "text"), ("changed", "integer")]
    table = {"schema": "", "name": "people", "columns": [{"name": name, "type": kind} for name, kind in columns]}
    assert answer.json == {"dialect": "sqlite", "tables": [table], "cut": False}
    assert (await service.as_role("owner").get(PATH)).code == "forbidden"
    assert (await service.owner.get("/api/v1/sources/nope/schema")).code == "unknown_source"


async def test_as_of_the_last_minute(service: Service) -> None:
    """It is kept for a while, unless the source is changed."""
    assert len((await service.owner.get(PATH)).json["tables"]) == 1
    service.sql("CREATE TABLE orders (total)")
    assert len((await service.owner.get(PATH)).json["tables"]) == 1
    text = CONFIG.replace("path: shop.sqlite", "path: ./shop.sqlite")
    (service.folder / "headrace.yaml").write_text(text)
    await service.app.reload(files=True)
    assert [table["name"] for table in (await service.owner.get(PATH)).json["tables"]] == ["orders", "people"]


async def test_a_database_that_does_not_answer(service: Service) -> None:
    """What keeps the source from being read is told as with any other query."""
    (service.folder / "shop.sqlite").unlink()
    answer = await service.owner.get(PATH)
    assert (answer.status, answer.code) == (502, "file")


async def test_what_cannot_be_told(service: Service) -> None:
    """A source of type http has nothing to query."""
    text = CONFIG.replace(
        "sources:\n", "sources:\n  app: {type: http, write_key: abcdefghijklmnopqrstuvwxyz123456}\n", 1
    )
    (service.folder / "headrace.yaml").write_text(text)
    await service.app.reload(files=True)
    assert (await service.owner.get("/api/v1/sources/app/schema")).json == {"dialect": "", "tables": [], "cut": False}


class Database:
    """A source that answers every query with so many columns of so many tables."""

    def __init__(self, tables: int, columns: int) -> None:
        rows = [(f"t{t:05}", f"c{c}") for t in range(tables) for c in range(columns)]
        names = [name for name, _ in rows]
        self.table = pa.table(
            {"s": ["main"] * len(rows), "t": names, "c": [c for _, c in rows], "k": ["int"] * len(rows)}
        )
        self.asked = 0

    async def preview(self, sql: str, limit: int) -> pa.Table:
        assert sql
        self.asked += 1
        return self.table.slice(0, limit)


@pytest.mark.parametrize(
    ("tables", "columns", "told", "cut"), [(2_000, 10, 2_000, False), (2_001, 2, 2_000, True), (30, 1_000, 20, True)]
)
async def test_what_is_too_much_is_cut(tables: int, columns: int, told: int, cut: bool) -> None:
    """2,000 tables and 20,000 columns at most; that there are more is said."""
    found = await read_catalog(Database(tables, columns), "select")  # type: ignore[arg-type]  # all that is asked of it
    assert (len(found.tables), found.cut) == (told, cut)
    assert found.tables[0] == Table("main", "t00000", tuple((f"c{c}", "int") for c in range(columns)))


async def test_who_asks_meanwhile_waits_for_the_one_answer(service: Service) -> None:
    """However many editors open at once, the database is asked once a minute."""
    connection, asked, clock = service.app.project.sources["shop"], 0, StillClock()

    async def read(_: object) -> Catalog:
        nonlocal asked
        asked += 1
        await clock.sleep(0)
        return Catalog()

    catalogs = Catalogs(read, clock)
    for _ in range(3):
        await catalogs.of(connection)
    assert asked == 1
    clock.monotonic = lambda: catalog.KEPT  # type: ignore[method-assign]
    await catalogs.of(connection)
    assert asked == 2


async def test_connectors_say_how_they_are_used(service: Service) -> None:
    """Each source that is queried names its dialect; servers name the account to make; guides exist."""
    items = (await service.as_role("viewer").get("/api/v1/connectors")).json["items"]
    by_name = {(item["role"], item["type"]): item for item in items}
    assert len(by_name) == len(specs())
    assert {item["type"] for item in items if item["role"] == "source" and not item["dialect"]} == {"http"}
    assert "GRANT SELECT" in by_name["source", "postgresql"]["grants"]
    docs = Path(__file__).parents[2] / "docs"
    assert [item["guide"] for item in items if item["guide"] and not (docs / item["guide"]).is_file()] == []
