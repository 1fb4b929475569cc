"""The files source on buckets: the whole contract against a stand-in for S3, and the same files in the other stores."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.fs as arrow
import pytest

from headrace.calls.batch import JSON_FIELD, NUMERIC_FIELD
from headrace.errors import QueryError, SourceError, StageFull
from headrace.model import Secret
from headrace.ports import Source
from headrace.sources import buckets_objects
from headrace.sources.buckets_source import BucketSource
from headrace.sources.files import SPEC
from headrace.testing.source_contract import SourceContract, Typed
from tests.emulators.process import Emulator
from tests.sources.buckets import AZURE_KEY, S3, Answer, Azurite, made, opened, put, rows, s3_client

MANY = 5_000_000


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Parquet file of many rows."""
    path = tmp_path_factory.mktemp("series") / "series.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select range + 1 as n, 'row ' || (range + 1) as label from range({MANY})) to '{path}'"
        )
    return path


@pytest.fixture(scope="module")
def s3(series: Path) -> Iterator[Emulator]:
    """A stand-in for S3 with files that tests do not change."""
    with Emulator("s3") as server:
        client = s3_client(server.port)
        for bucket in ("lake", "other", "scratch"):
            client.create_dir(bucket)
        put(client, "lake/data/people.csv", "id,name\n1,Ada\n2,Zoë\n")
        put(client, "lake/data/series.parquet", series)
        put(client, "lake/data/notes.txt", "in the folder, and no table")
        put(client, "other/secret.csv", "a\n1\n")
        yield server


def settings(server: Emulator, **more: Any) -> dict[str, Any]:
    bucket = {**S3, "endpoint": f"http://127.0.0.1:{server.port}", **more.pop("bucket", {})}
    return {"path": "s3://lake/data", "bucket": bucket, **more}


async def exhausted(batches: AsyncIterator[pa.RecordBatch]) -> int:
    """How many rows are still to come."""
    return sum([batch.num_rows async for batch in batches])


class TestFilesInS3(SourceContract):
    catalog = SPEC.catalog_query({}), ("main", "people", "id BIGINT, name VARCHAR")
    series = "select n, label from series where n <= {rows}"
    slow = "select count(*) from range(1000000000000) where range % 7 = 8"
    fails_late = "select case when n = 900000 then error('late') else n end as n from series"
    many = MANY
    wrong = (
        ("select nope from people", 1, 8, 'Referenced column "nope" not found'),
        ("selec 1 from people", 1, 1, 'syntax error at or near "selec"'),
        ("select * from nobody", 1, 15, "The tables are: people, series"),
    )
    writes = (
        "insert into people values (11, 'x')",
        "create table more (n int)",
        "drop view people",
        "copy people to 's3://lake/data/people.csv'",
        "copy people to 's3://lake/data/more.csv'",
        "set allowed_paths = ['s3://other/secret.csv']",
        "set enable_external_access = true",
        "load httpfs",
        "select * from read_csv('/etc/passwd'), people",
        "select * from read_text('s3://other/secret.csv')",
        "select * from read_parquet('s3://other/secret.csv')",
        "select * from read_csv('s3://lake/data/*')",
        "select * from read_text('s3://lake/data/notes.txt')",
        "select * from read_csv('gs://lake/data/people.csv')",
        "select * from read_csv('http://127.0.0.1/x.csv')",
        "select * from glob('s3://**'), people",
        "select * from glob('*')",
        "select * from glob('home/**'), people",
    )
    types = (
        Typed("9223372036854775807", pa.int64(), 9223372036854775807),
        Typed("9223372036854775808::hugeint", pa.string(), "9223372036854775808", NUMERIC_FIELD),
        Typed("""'{"a":1}'::json""", pa.string(), '{"a":1}', JSON_FIELD),
        Typed("null", pa.string(), None),
    )

    @pytest.fixture(autouse=True)
    def _given(self, tmp_path: Path, s3: Emulator) -> None:
        self.base, self.server = tmp_path, s3

    def source(self, **more: Any) -> Source:
        return made(self.base, settings(self.server, **more))

    def contents(self) -> object:
        client = s3_client(self.server.port)
        found = [
            info
            for name in ("lake", "other")
            for info in client.get_file_info(arrow.FileSelector(name, recursive=True))
        ]
        return sorted((info.path, info.size, info.mtime_ns) for info in found)

    def broken(self) -> Sequence[tuple[Mapping[str, Any], str]]:
        return (
            ({"path": "s3://nobucket/data"}, "There is no such bucket: s3://nobucket/data"),
            ({"path": "s3://lake/empty"}, "There are no files below 's3://lake/empty'"),
            ({"path": None, "tables": {"p": "s3://lake/*/p*.parquet"}}, "Table 'p': no file matches 's3://lake/*/p*"),
            ({"memory_limit": "lots"}, "Check `memory_limit`"),
        )


# ----------------------------------------------------------------------------------------------------- which files


def fill(client: arrow.FileSystem, bucket: str, tmp_path: Path) -> None:
    """All formats, awkward names, files below folders."""
    client.create_dir(bucket)
    with duckdb.connect() as connection:
        for number in (1, 2, 3):
            connection.execute(f"copy (select {number} as n) to '{tmp_path}/{number}.parquet'")
    put(client, f"{bucket}/in/orders/2025/one.parquet", tmp_path / "1.parquet")
    put(client, f"{bucket}/in/orders/two.parquet", tmp_path / "2.parquet")
    put(client, f"{bucket}/in/packed.csv.gz", gzip.compress(b"a;b\n00501;x\n"))
    put(client, f"{bucket}/in/2024-v[1].tsv", "a\tb\n1\tx\n")
    put(client, f"{bucket}/in/late.ndjson", '{"v": 1}\n' * 30_000 + '{"v": 1.5, "w": {"k": [1]}}\n')
    put(client, f"{bucket}/in/README.md", "no table")
    put(client, f"{bucket}/in/.hidden.csv", "a\n1\n")
    put(client, f"{bucket}/elsewhere/x-3.parquet", tmp_path / "3.parquet")


async def reads_all(base: Path, given: Mapping[str, Any], url: str) -> None:
    """Every table of what `fill` made is found and read, in a run and in a preview."""
    folder = {**given, "path": f"{url}/in", "tables": None}
    async with opened(base, folder) as source:
        before = datetime.now(UTC)
        check = await source.check()
        assert check.ok, check.problems
        assert check.facts["tables"] == "_2024_v_1_, late, orders, packed"
        assert check.facts["grants"]
        await source.now()
        for sql, expected in {
            "select * from orders order by n": [{"n": 1}, {"n": 2}],
            "select * from packed": [{"a": "00501", "b": "x"}],
            "select * from _2024_v_1_": [{"a": 1, "b": "x"}],
            "select * from late where v > 1": [{"v": 1.5, "w": '{"k":[1]}'}],
        }.items():
            found = pa.Table.from_batches([batch async for batch in source.read(sql)]).to_pylist()
            assert found == (await source.preview(sql, 9)).to_pylist() == expected
        [row] = (await source.preview("from orders_with_file where n = 2", 9)).to_pylist()
        assert row["_file_name"] == f"{url}/in/orders/two.parquet"
        assert abs(row["_file_modified_at"] - before) < timedelta(minutes=1)
    found = await rows(base, {**given, "path": None, "tables": {"t": f"{url}/**/*.parquet"}}, "from t order by n")
    assert found == [{"n": 1}, {"n": 2}, {"n": 3}]
    for pattern, expected in {"elsewhere/x-3.parquet": [3], "in/*/[st]*.parquet": [2], "*/orders/**": [1, 2]}.items():
        tables = {"path": None, "tables": {"t": f"{url}/{pattern}"}}
        assert await rows(base, {**given, **tables}, "from t order by n") == [{"n": n} for n in expected]
    with pytest.raises(SourceError, match=r"There is no such bucket: .*nowhere-at-all"):
        await rows(
            base, {**given, "path": f"{url.split('/', maxsplit=1)[0]}//nowhere-at-all/x", "tables": None}, "select 1"
        )


async def test_files_in_s3(tmp_path: Path, s3: Emulator) -> None:
    """Folders, patterns, formats and times of files in S3."""
    fill(s3_client(s3.port), "all-s3", tmp_path)
    await reads_all(tmp_path, settings(s3), "s3://all-s3")


async def test_files_in_google_cloud_storage(tmp_path: Path) -> None:
    """Folders, patterns, formats and times of files in Google Cloud Storage."""
    with Emulator("gcs") as server:
        client = arrow.GcsFileSystem(
            anonymous=True, scheme="http", endpoint_override=f"127.0.0.1:{server.port}", project_id="p"
        )
        fill(client, "all-gcs", tmp_path)
        given = {"bucket": {"anonymous": True, "endpoint": f"http://127.0.0.1:{server.port}"}}
        await reads_all(tmp_path, given, "gs://all-gcs")


async def test_files_in_azure(tmp_path: Path) -> None:
    """Folders, patterns, formats and times of files in Azure Blob Storage; a wrong key is told."""
    with Azurite() as server:
        fill(server.client(), "all-azure", tmp_path)
        endpoint = f"http://127.0.0.1:{server.port}"
        bucket = {"account": Azurite.account, "account_key": Secret(AZURE_KEY), "endpoint": endpoint}
        await reads_all(tmp_path, {"bucket": bucket}, "az://all-azure")
        wrong = {"path": "az://all-azure/in", "bucket": {**bucket, "account_key": Secret("d3Jvbmc=")}}
        with pytest.raises(SourceError) as caught:
            await rows(tmp_path, wrong, "select 1")
        assert caught.value.code == "password"
        assert "d3Jvbmc=" not in caught.value.message


# ----------------------------------------------------------------------------------------- what changes meanwhile


async def test_an_object_that_changes_while_it_is_read_ends_the_reading(tmp_path: Path, s3: Emulator) -> None:
    """A Parquet file is read in ranges; if it is another one after the last row, the run fails."""
    client = s3_client(s3.port)
    for name, count in (("old", 500_000), ("new", 499_999)):
        with duckdb.connect() as connection:
            sql = f"copy (select range as n from range({count})) to '{tmp_path}/{name}.parquet' (row_group_size 500000)"
            connection.execute(sql)
    put(client, "scratch/changes/t.parquet", tmp_path / "old.parquet")
    given = settings(s3, path="s3://scratch/changes")
    async with opened(tmp_path, given) as source, aclosing(source.read("select n from t")) as batches:
        await anext(batches)
        put(client, "scratch/changes/t.parquet", tmp_path / "new.parquet")
        with pytest.raises(SourceError, match="changed while it was read") as caught:
            await exhausted(batches)
    assert caught.value.code == "file"


async def test_an_object_that_changes_while_it_is_copied(
    tmp_path: Path, s3: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text file is copied before it is read; a copy of two versions is not used, and the disk is given back."""
    client = s3_client(s3.port)
    put(client, "scratch/copied/t.csv", "a\n1\n")
    copy_block = buckets_objects.Bucket._copy_block

    def changed_first(self: Any, *block: Any) -> None:
        put(client, "scratch/copied/t.csv", "a\n2\n")
        copy_block(self, *block)

    monkeypatch.setattr(buckets_objects.Bucket, "_copy_block", changed_first)
    with pytest.raises(SourceError, match="changed while it was read"):
        await rows(tmp_path, settings(s3, path="s3://scratch/copied"), "from t")
    assert list((tmp_path / "home").iterdir()) == []


async def test_a_copied_file_stays_as_it_was(tmp_path: Path, s3: Emulator) -> None:
    """What happens to a text file after it was copied is for the next run."""
    client = s3_client(s3.port)
    put(client, "scratch/stays/t.csv", "a\n" + "1\n" * 200_000)
    given = settings(s3, path="s3://scratch/stays")
    async with opened(tmp_path, given) as source, aclosing(source.read("from t")) as batches:
        count = (await anext(batches)).num_rows
        put(client, "scratch/stays/t.csv", "other\nx\n")
        count += await exhausted(batches)
    assert count == 200_000


async def test_a_file_that_has_gone(tmp_path: Path, s3: Emulator) -> None:
    """A file that is deleted between the listing and the reading is told by name."""
    client = s3_client(s3.port)
    put(client, "scratch/gone/t.csv", "a\n1\n")
    async with opened(tmp_path, settings(s3, path="s3://scratch/gone")) as source:
        await source.now()
        client.delete_file("scratch/gone/t.csv")
        with pytest.raises(SourceError, match=r"The file is gone: s3://scratch/gone/t\.csv"):
            await anext(source.read("from t"))


async def test_a_store_that_gives_fewer_bytes_than_there_are(
    tmp_path: Path, s3: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is too short, and no error, is not taken for the file."""
    put(s3_client(s3.port), "scratch/short/t.csv", "a\n1\n2\n")
    open_object = buckets_objects.Bucket._open

    class Short:
        """An open object whose reads lack the last two bytes."""

        def __init__(self, stream: Any) -> None:
            self.size, self.close = stream.size, stream.close
            self.read_at = lambda size, start: stream.read_at(size, start)[:-2]

    def short(self: Any, url: str) -> Any:
        opened = open_object(self, url)
        return replace(opened, stream=Short(opened.stream))

    monkeypatch.setattr(buckets_objects.Bucket, "_open", short)
    with pytest.raises(SourceError) as caught:
        await rows(tmp_path, settings(s3, path="s3://scratch/short"), "from t")
    assert caught.value.code == "connection_lost"


async def test_a_store_that_breaks_off_amid_the_rows(tmp_path: Path, series: Path) -> None:
    """A store that ends while rows come ends the reading with an error."""
    with Emulator("s3") as server:
        client = s3_client(server.port)
        client.create_dir("lake")
        put(client, "lake/data/t.parquet", series)
        async with opened(tmp_path, settings(server)) as source, aclosing(source.read("from t")) as batches:
            await anext(batches)
            server.process.kill()
            with pytest.raises(SourceError) as caught:
                await exhausted(batches)
        assert caught.value.code in ("connection_lost", "refused"), caught.value.message


async def test_a_full_disk_is_told_before_anything_is_copied(
    tmp_path: Path, s3: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text files that do not fit on the disk are not copied."""
    monkeypatch.setattr(buckets_objects, "_SPARE", 2**62)
    with pytest.raises(StageFull, match="The files of the query take 21 bytes"):
        await rows(tmp_path, settings(s3), "from people")


async def test_nothing_is_left_behind(tmp_path: Path, s3: Emulator) -> None:
    """The copies end with the source, also when its reader is cancelled while copying."""
    source = made(tmp_path, settings(s3))
    assert await anext(source.read("from people"))
    reading = asyncio.ensure_future(anext(source.read("select * from series, people")))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await source.close()
    assert list((tmp_path / "home").iterdir()) == []


# ------------------------------------------------------------------------------------------------------- the clock


async def test_now_is_the_store_s(tmp_path: Path, s3: Emulator) -> None:
    """However wrong this machine's clock is, the store's answer tells the time, asked before the listing."""
    http = Answer("Mon, 05 Jan 2026 10:00:00 GMT")
    async with opened(tmp_path, settings(s3), http) as source:
        assert isinstance(source, BucketSource)
        assert await source.now() == await source.now() == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert http.asked == [("HEAD", f"http://127.0.0.1:{s3.port}")]


@pytest.mark.parametrize("date", [None, "yesterday"])
async def test_without_the_store_s_time_it_is_ours(tmp_path: Path, s3: Emulator, date: str | None) -> None:
    """A store that tells no time is read all the same."""
    before = datetime.now(UTC)
    async with opened(tmp_path, settings(s3), Answer(date)) as source:
        assert before - timedelta(seconds=1) <= await source.now() <= datetime.now(UTC)


async def test_files_that_come_after_now_are_left_to_the_next_run(tmp_path: Path, s3: Emulator) -> None:
    """The files are listed once, when `now` has been told."""
    client = s3_client(s3.port)
    put(client, "scratch/early/a.csv", "a\n1\n")
    async with opened(tmp_path, settings(s3, path="s3://scratch/early")) as source:
        await source.now()
        put(client, "scratch/early/b.csv", "a\n1\n")
        with pytest.raises(QueryError, match="b does not exist"):
            await source.preview("select * from b", 1)
