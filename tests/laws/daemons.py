"""Daemons on one table of real databases, and what must hold whatever happened to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.support.databases import Database
from tests.support.rig import Rig

TABLE = "account"
FENCE = "SET epoch = epoch + 1"
"""What promote's compare-and-set of the epoch has in its text."""
SECONDS = 30
FIRST_LOAD = pytest.mark.parametrize("loaded", [False, True], ids=["first load", "changes"])


@asynccontextmanager
async def daemons(
    source: Database, target: Database, *ways: Database | None
) -> AsyncIterator[list[Rig]]:
    """One daemon for each way to the target; they share the source, the target and the table."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Rig(source, target, tables=[TABLE], target_via=way))
            for way in ways
        ]


async def filled(rig: Rig, rows: int = 3) -> None:
    """The source table with that many rows."""
    await rig.source.execute(f"CREATE TABLE {TABLE} (id bigint PRIMARY KEY, v text)")
    await rig.source.execute(
        f"INSERT INTO {TABLE} SELECT n, 'v' || n FROM generate_series(1, {rows}) n"
    )


async def changed(rig: Rig) -> None:
    """One row more, one row less, one row other."""
    await rig.source.execute(f"DELETE FROM {TABLE} WHERE id = (SELECT min(id) FROM {TABLE})")
    await rig.source.execute(f"INSERT INTO {TABLE} SELECT max(id) + 1, 'new' FROM {TABLE}")
    await rig.source.execute(
        f"UPDATE {TABLE} SET v = v || '+' WHERE id = (SELECT min(id) FROM {TABLE})"
    )


async def begun(rig: Rig, *, loaded: bool) -> None:
    """A source table that has not been loaded yet, or that has changed since."""
    await filled(rig)
    if loaded:
        await rig.succeeds()
        await changed(rig)


async def written(rig: Rig) -> tuple[object, ...]:
    """All that a promote writes."""
    there = await rig.rows("SELECT to_regclass('bronze.src_account') IS NOT NULL")
    bronze = await rig.bronze() if there[0][0] else None
    stage = await rig.rows("SELECT t::text FROM stage.src_account t") if there[0][0] else None
    state = await rig.rows("SELECT last_batch_id, last_instant, open_versions FROM cdc.table_state")
    return (
        bronze,
        stage,
        state or [(None, None, 0)],
        await rig.rows("SELECT * FROM cdc.window_state"),
    )


async def lawful(rig: Rig) -> None:
    """Laws 3 and 4 now: one open version a key, no overlap, and bronze is the source."""
    await rig.mirrors()
    overlapping = await rig.rows(
        "SELECT a.id FROM bronze.src_account a JOIN bronze.src_account b ON a.id = b.id "
        "AND a.ctid <> b.ctid AND tstzrange(a._valid_from, a._valid_to) "
        "&& tstzrange(b._valid_from, b._valid_to)"
    )
    assert overlapping == []
    running = await rig.rows("SELECT batch_id FROM cdc.batch WHERE status = 'running'")
    assert running == []


async def next_run_is_right(rig: Rig) -> None:
    """Law 7: nothing has to be repaired by hand, and running once more changes nothing (law 5)."""
    await rig.succeeds()
    await lawful(rig)
    counts = (await rig.succeeds())[TABLE].counts
    assert (counts.opened, counts.closed) == (0, 0)
