"""Law 7, at length: hundreds of kills at any time, over a source that goes on changing."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import CreateDatabase
from tests.support.databases import Database
from tests.support.histories import broken
from tests.support.kills import Child, Lane, lanes
from tests.support.process import environment

TABLES = ("item", "line")
KILLS = 150
CREATE = """
    CREATE TABLE item (id int PRIMARY KEY, quantity int, note text);
    CREATE TABLE line (region text, id int, price numeric(12,2), tags text[], PRIMARY KEY (region, id));
    INSERT INTO item SELECT g, g, 'note ' || g FROM generate_series(1, 3000) AS g;
    INSERT INTO line SELECT 'r' || g % 3, g, g * 1.01, ARRAY['a', 'b'] FROM generate_series(1, 3000) AS g;
"""
CHANGE = """
    UPDATE item SET quantity = quantity + 1 WHERE id % 7 = {n} % 7;
    DELETE FROM item WHERE id % 11 = {n} % 11;
    INSERT INTO item SELECT g, g, 'note ' || g FROM generate_series(1, 3000) AS g
        WHERE g % 11 = ({n} - 2) % 11 ON CONFLICT DO NOTHING;
    UPDATE line SET price = price + 0.01 WHERE id % 13 = {n} % 13;
    DELETE FROM line WHERE id % 17 = {n} % 17;
    INSERT INTO line SELECT 'r' || g % 3, g, g * 1.01, ARRAY['a', 'b'] FROM generate_series(1, 3000) AS g
        WHERE g % 17 = ({n} - 3) % 17 ON CONFLICT DO NOTHING;
"""
Way = Callable[[Lane, float], float]


def child(lane: Lane, seconds: float) -> float:
    """Runs for so long or less, imports apart, and is killed; the seconds that it had."""
    with Child() as process:
        process.is_ready()
        began = time.monotonic()
        process.go([lane.direct])
        process.ends_within(seconds)
        return time.monotonic() - began


def command(lane: Lane, seconds: float) -> float:
    """The same for the command line, imports and all."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "cdc_daemon", "once", "--config", str(lane.direct)],
        env=environment(None, None),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with process, suppress(subprocess.TimeoutExpired):
        try:
            process.wait(seconds)
        finally:
            process.kill()
    return time.monotonic() - began


@pytest.mark.long
@pytest.mark.parametrize("way", [child, command])
@pytest.mark.asyncio
async def test_kills_at_any_time(
    way: Way,
    source_db: Database,
    create_database: CreateDatabase,
    tmp_path: Path,
) -> None:
    """However often it is killed, each batch that is promoted is what the source was (law 4)."""
    dice = random.Random(7)
    source_db.execute(CREATE)
    with lanes(source_db, tmp_path, TABLES, 1) as (lane,):
        lane.renew(create_database())
        longest = await asyncio.to_thread(way, lane, 60)
        assert [row[0] for row in lane.target.fetch(_STATUSES)] == ["promoted"] * len(TABLES)
        lane.renew(create_database())
        async with source_db.connect() as source, lane.target.connect() as target:
            known: dict[str, dict[datetime, object]] = {table: {} for table in TABLES}
            for n in range(KILLS):
                await asyncio.to_thread(way, lane, dice.uniform(0, longest))
                await _succeeds(lane)
                await _remember(source, target, known)
                assert lane.landed() == []
                await source.execute(CHANGE.format(n=n + 5))
            assert "abandoned" in {row[0] for row in await target.fetch(_STATUSES)}
            for table, key in (("item", ["id"]), ("line", ["region", "id"])):
                assert await broken(target, table, key) == []
                for instant, contents in known[table].items():
                    assert await _as_of(target, table, instant) == contents


async def _succeeds(lane: Lane) -> None:
    """The next run; one that meets the last commit of the dead process loses the race to it."""
    outcomes = await lane.again()
    if any(outcome.error_kind == "LostRace" for outcome in outcomes):
        outcomes = await lane.again()
    assert [outcome.error for outcome in outcomes] == [None] * len(TABLES)


async def _remember(
    source: asyncpg.Connection,
    target: asyncpg.Connection,
    known: dict[str, dict[datetime, object]],
) -> None:
    """What the source is, at the instants of the batches that have read it."""
    for table in TABLES:
        contents = await source.fetchrow(_CONTENTS.format(table, _COLUMNS[table]))
        rows = await target.fetch(
            "SELECT instant FROM cdc.batch WHERE table_name = $1 AND status = 'promoted'", table
        )
        for (instant,) in rows:
            known[table].setdefault(instant, tuple(contents))


async def _as_of(connection: asyncpg.Connection, table: str, instant: datetime) -> object:
    held = (
        f"(SELECT * FROM bronze.src_{table} WHERE _valid_from <= $1 "
        "AND ($1 < _valid_to OR _valid_to IS NULL)) AS held"
    )
    row = await connection.fetchrow(_CONTENTS.format(held, _COLUMNS[table]), instant)
    return tuple(row)


_STATUSES = "SELECT status FROM cdc.batch"
_CONTENTS = "SELECT count(*), sum(hashtext(ROW({1})::text)::bigint) FROM {0}"
_COLUMNS = {"item": "id, quantity, note", "line": "region, id, price, tags"}
