"""Law 7 where no statement ends: in the middle of a COPY, of a landing file, of a full disk."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from cdc_daemon.extract.landing import FILE
from cdc_daemon.model.run import Status
from tests.conftest import CreateDatabase
from tests.support.databases import Database
from tests.support.disks import MEGABYTE, small_disk
from tests.support.histories import broken
from tests.support.kills import Child, Lane, lanes

ROWS = 150_000
BIG = f"""
    CREATE TABLE item (id int PRIMARY KEY, quantity int, note text);
    INSERT INTO item SELECT g, g, repeat(md5(g::text), 8) FROM generate_series(1, {ROWS}) AS g;
"""
"""40 MB: three batches of the Arrow driver, three pieces of a COPY into the target."""
CHANGE = "UPDATE item SET quantity = -1 WHERE id % 5 < 2"
Reached = Callable[[Lane, asyncpg.Connection], Awaitable[bool]]


async def reading(lane: Lane, connection: asyncpg.Connection) -> bool:
    return await _copies(connection, "COPY TO", lane.source)


async def loading(lane: Lane, connection: asyncpg.Connection) -> bool:
    return await _copies(connection, "COPY FROM", lane.target)


async def landing(lane: Lane, connection: asyncpg.Connection) -> bool:
    return any(file.stat().st_size for file in lane.landing.glob(f"*/*/{FILE}"))


async def _copies(connection: asyncpg.Connection, command: str, database: Database) -> bool:
    """Whether rows are on their way that a first row has preceded."""
    found = await connection.fetchval(
        "SELECT max(tuples_processed) FROM pg_stat_progress_copy "
        "WHERE command = $1 AND datname = $2",
        command,
        database.name,
    )
    return bool(found) and found < ROWS


@pytest.fixture
def empty(create_database: CreateDatabase) -> Database:
    return create_database()


@pytest.fixture
def lane(source_db: Database, tmp_path: Path) -> Iterator[Lane]:
    """One lane over a big table."""
    source_db.execute(BIG)
    with lanes(source_db, tmp_path, ["item"], 1) as made:
        yield made[0]


async def _kill_when(reached: Reached, lane: Lane) -> None:
    """Kills a run in a state that a frozen process was seen to stay in."""
    async with lane.source.connect() as connection:
        with Child() as child:
            child.go([lane.direct])
            while not child.ends_within(0):
                if await reached(lane, connection):
                    child.signal(signal.SIGSTOP)
                    if await reached(lane, connection):
                        return
                    child.signal(signal.SIGCONT)
            raise AssertionError(f"ended before: {child.end()}")


async def _is_right(lane: Lane) -> None:
    """Bronze equals the source and breaks no promise, and nothing is left on disk."""
    contents = "SELECT count(*), sum(hashtext(t::text)::bigint) FROM {} AS t"
    async with lane.source.connect() as source, lane.target.connect() as target:
        captured = await source.fetchrow(contents.format("item"))
        assert await target.fetchrow(contents.format("bronze.src_item_current")) == captured
        assert await broken(target, "item", ["id"]) == []
    assert lane.landed() == []


async def _bronze(lane: Lane) -> list[tuple[object, ...]]:
    """How many versions there are by operation; none where there is no table."""
    async with lane.target.connect() as target:
        if await target.fetchval("SELECT to_regclass('bronze.src_item')") is None:
            return []
        rows = await target.fetch(
            "SELECT _operation, _closed_by, count(*) FROM bronze.src_item GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("reached", [reading, loading])
@pytest.mark.asyncio
async def test_kill_in_the_middle_of_a_first_load(
    reached: Reached, lane: Lane, empty: Database
) -> None:
    """A process killed in mid-stream has written nothing; the next run loads all."""
    lane.renew(empty)
    await _kill_when(reached, lane)
    assert await _bronze(lane) == []
    (outcome,) = await lane.again()
    assert outcome.status is Status.SUCCEEDED, outcome
    await _is_right(lane)


@pytest.mark.parametrize("reached", [reading, landing, loading])
@pytest.mark.asyncio
async def test_kill_in_the_middle_of_changes(reached: Reached, lane: Lane, empty: Database) -> None:
    """A process killed while it reads, lands or loads has changed nothing; the next run does."""
    loaded = await _loaded_and_changed(lane, empty)
    await _kill_when(reached, lane)
    assert await _bronze(lane) == loaded
    (outcome,) = await lane.again()
    assert outcome.counts is not None
    assert outcome.counts.updated == 2 * ROWS // 5
    await _is_right(lane)


async def _loaded_and_changed(lane: Lane, empty: Database) -> list[tuple[object, ...]]:
    """The history after a first load; then the source changes."""
    lane.renew(empty)
    await lane.again()
    async with lane.source.connect() as source:
        await source.execute(CHANGE)
    return await _bronze(lane)


@contextmanager
def small_landing(folder: Path) -> Iterator[int | None]:
    """A landing folder that is soon full: a file system of 5 MB, or where only root may, a limit."""
    with small_disk(folder) as disk:
        yield None if disk.holds else MEGABYTE


@contextmanager
def small_files(_: Path) -> Iterator[int | None]:
    """A limit to the size of files."""
    yield MEGABYTE


@pytest.mark.parametrize("limited", [small_landing, small_files])
@pytest.mark.asyncio
async def test_a_disk_that_is_full_stops_the_batch(
    limited: Callable[[Path], Iterator[int | None]], lane: Lane, empty: Database
) -> None:
    """No room for landing files: the batch fails with a name, writes nothing, and goes next time."""
    loaded = await _loaded_and_changed(lane, empty)
    with limited(lane.landing) as file_bytes:
        with Child() as child:
            child.go([lane.direct], file_bytes=file_bytes)
            ended = child.end()
        assert lane.landed() == []
    (said,) = ended.events()
    assert (said["status"], said["error_kind"]) == ("failed", "LandingFailed"), ended
    assert await _bronze(lane) == loaded
    async with lane.target.connect() as target:
        rows = await target.fetch("SELECT status, error_kind FROM cdc.batch ORDER BY batch_id")
        assert [tuple(row) for row in rows] == [("promoted", None), ("failed", "LandingFailed")]
        assert await target.fetchval("SELECT epoch FROM cdc.table_state") == 1
    (outcome,) = await lane.again()
    assert outcome.status is Status.SUCCEEDED, outcome
    await _is_right(lane)
