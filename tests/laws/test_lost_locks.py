"""A lock whose connection dies in the middle of a batch, on real PostgreSQL (law 2)."""

from __future__ import annotations

import asyncio

import pytest

from cdc_daemon.model.run import RunOutcome, Status
from tests.laws.daemons import (
    FENCE,
    FIRST_LOAD,
    SECONDS,
    TABLE,
    begun,
    daemons,
    next_run_is_right,
    written,
)
from tests.support.databases import Database
from tests.support.failpoints import Verdict
from tests.support.proxy import Proxy
from tests.support.rig import Rig

pytestmark = pytest.mark.asyncio


@FIRST_LOAD
async def test_a_lock_that_dies_while_the_source_is_read(
    source_db: Database, target_db: Database, *, loaded: bool
) -> None:
    """Law 2: the batch is stopped in mid-extraction, nothing is written, the next run is right."""
    async with Rig(source_db, target_db, tables=[TABLE]) as rig, source_db.connect() as gate:
        await begun(rig, loaded=loaded)
        await _gated(rig)
        before = await written(rig)
        await gate.execute("SELECT pg_advisory_lock(42)")
        running = asyncio.create_task(rig.run())
        async with asyncio.timeout(SECONDS):
            while not await gate.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            ):
                assert not running.done()
        assert await _terminate_locks(rig) == 1
        async with asyncio.timeout(SECONDS):
            outcome = await running
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "LockLost")
        assert not outcome.held
        assert await written(rig) == before
        await gate.execute("SELECT pg_advisory_unlock(42)")
        await next_run_is_right(rig)


async def _gated(rig: Rig) -> None:
    """Behind the table's name there is now a view that waits, at the server, for lock 42."""
    await rig.source.execute(f"ALTER TABLE {TABLE} RENAME TO kept")
    await rig.source.execute(
        f"CREATE VIEW {TABLE} AS SELECT k.* FROM kept k, "
        "(SELECT pg_advisory_xact_lock_shared(42) OFFSET 0) g"
    )
    rig.change(TABLE, key=("id",))


async def _terminate_locks(rig: Rig) -> int:
    """End the connections that hold advisory locks in the target; how many there were."""
    rows = await rig.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return len(rows)


@pytest.mark.parametrize("table", ["cdc.table_state", "bronze.src_account", "cdc.window_state"])
async def test_a_lock_that_dies_in_promote(
    source_db: Database, target_db: Database, target_proxy: Proxy, table: str
) -> None:
    """Law 2: promote is all or nothing, whichever statement the loss of the lock finds it at."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via) as (rig,), target_db.connect() as gate:
        await begun(rig, loaded=True)
        before = await written(rig)
        hold = target_proxy.hold(FENCE)
        running = asyncio.create_task(rig.run())
        await hold.reached()
        rows = table == "cdc.table_state"
        wanted = (
            f"SELECT 1 FROM {table} FOR UPDATE" if rows else f"LOCK TABLE {table} IN SHARE MODE"
        )
        await gate.execute(f"BEGIN; {wanted}")
        hold.release()
        async with asyncio.timeout(SECONDS):
            await _until_waiting(rig, running)
            assert await _terminate_locks(rig) == 1
            while await _waiting(rig):
                assert not running.done()
            await gate.execute("ROLLBACK")
            outcome = await running
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "LockLost")
        assert await written(rig) == before
        await next_run_is_right(rig)


async def test_a_lock_that_dies_while_promote_hears_nothing(
    source_db: Database, target_db: Database, target_proxy: Proxy
) -> None:
    """DESIGN 6.5: a network that swallows promote's statement delays the end of the run, no more."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via) as (rig,):
        await begun(rig, loaded=True)
        before = await written(rig)
        hold = target_proxy.hold(FENCE)
        running = asyncio.create_task(rig.run())
        await hold.reached()
        assert await _terminate_locks(rig) == 1
        ended, _ = await asyncio.wait({running}, timeout=SECONDS)
        hold.release(Verdict.CUT)
        outcome = await running
        assert ended, f"the run was still there after {SECONDS} s"
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "LockLost")
        assert await written(rig) == before
        await next_run_is_right(rig)


async def _until_waiting(rig: Rig, running: asyncio.Task[RunOutcome]) -> None:
    while not await _waiting(rig):
        assert not running.done()


async def _waiting(rig: Rig) -> int:
    """Statements in the target that wait for a lock."""
    ((waiting,),) = await rig.rows(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return waiting
