"""A lock whose connection dies in the middle of a batch, on real databases (law 2)."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from cdc_daemon.model.run import RunOutcome, Status
from tests.laws.daemons import (
    FENCE,
    FIRST_LOAD,
    NAME,
    SECONDS,
    TABLE,
    Daemon,
    Waiting,
    begun,
    daemons,
    end_locks,
    ended,
    lawful,
    next_run_is_right,
    until_waiting,
    waiting,
    written,
)
from tests.laws.places import PAIRED, Place
from tests.support.failpoints import Verdict

pytestmark = pytest.mark.asyncio
WRITTEN = pytest.mark.parametrize(
    "table", ["cdc.table_state", "bronze.src_account", "cdc.window_state"]
)


@PAIRED
@FIRST_LOAD
async def test_a_lock_that_dies_while_the_source_is_read(place: Place, *, loaded: bool) -> None:
    """Law 2: the batch is stopped in mid-extraction, nothing is written, the next run is right."""
    async with daemons(place, None) as (daemon,), place.source.behind.connect() as gate:
        await begun(daemon, loaded=loaded)
        await _gated(daemon)
        before = await written(place)
        await gate.execute("SELECT pg_advisory_lock(42)")
        running = asyncio.create_task(daemon.run())
        await until_waiting(place.source, gate, running)
        assert await end_locks(place.target) == 1
        outcome = await ended(running)
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "LockLost")
        assert not outcome.held
        assert await written(place) == before
        await gate.execute("SELECT pg_advisory_unlock(42)")
        await next_run_is_right(daemon)


async def _gated(daemon: Daemon) -> None:
    """Behind the table's name there is now a view that waits, at the server, for lock 42."""
    await daemon.place.source.inside(f"ALTER TABLE {TABLE} RENAME TO kept")
    await daemon.place.source.inside(
        f"CREATE VIEW {TABLE} AS SELECT k.* FROM app.kept k, "
        "(SELECT pg_advisory_xact_lock_shared(42) OFFSET 0) g"
    )
    daemon.change(NAME, key=("id",))


@WRITTEN
async def test_a_lock_that_dies_in_promote(place: Place, table: str) -> None:
    """Law 2: promote is all or nothing, whichever statement the loss of the lock finds it at."""
    async with daemons(place, place.via) as (daemon,), place.target.behind.connect() as gate:
        await begun(daemon, loaded=True)
        before = await written(place)
        running, statement = await _stopped_before(daemon, gate, table)
        assert await end_locks(place.target) == 1
        async with asyncio.timeout(SECONDS):
            while statement in await waiting(place.target, gate):
                assert not running.done()
        await gate.execute("ROLLBACK")
        outcome = await ended(running)
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "LockLost")
        assert await written(place) == before
        await next_run_is_right(daemon)


@WRITTEN
async def test_a_session_that_the_server_ends_in_promote(place: Place, table: str) -> None:
    """Laws 1 and 7: whichever statement it finds, the table fails and nothing is half done."""
    async with daemons(place, place.via) as (daemon,), place.target.behind.connect() as gate:
        await begun(daemon, loaded=True)
        before = await written(place)
        running, (session, _) = await _stopped_before(daemon, gate, table)
        await place.target.inside(f"SELECT pg_terminate_backend({session})")
        await gate.execute("ROLLBACK")
        outcome = await ended(running)
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "DatabaseUnavailable")
        assert not outcome.held
        assert await written(place) == before
        await next_run_is_right(daemon)


async def _stopped_before(
    daemon: Daemon, gate: asyncpg.Connection, table: str
) -> tuple[asyncio.Task[RunOutcome], Waiting]:
    """A run whose promote waits, at the server, to write ``table``, which ``gate`` has locked."""
    hold = daemon.place.harm.hold(FENCE)
    running = asyncio.create_task(daemon.run())
    await hold.reached()
    rows = table == "cdc.table_state"
    wanted = f"SELECT 1 FROM {table} FOR UPDATE" if rows else f"LOCK TABLE {table} IN SHARE MODE"
    await gate.execute(f"BEGIN; {wanted}")
    hold.release()
    return running, await until_waiting(daemon.place.target, gate, running)


async def test_a_lock_that_dies_after_the_commit(place: Place) -> None:
    """Laws 1 and 5: what was committed stays, whatever the run says of it, and is done only once."""
    async with daemons(place, None) as (daemon,), place.target.behind.connect() as gate:
        await begun(daemon, loaded=True)
        await gate.execute("BEGIN; LOCK TABLE cdc.quarantine IN SHARE MODE")
        running = asyncio.create_task(daemon.run())
        await until_waiting(place.target, gate, running)  # to settle what the batch has made right
        promoted = await written(place)
        assert await end_locks(place.target) == 1
        outcome = await ended(running)
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "LockLost")
        await gate.execute("ROLLBACK")
        await lawful(daemon)
        assert (await daemon.succeeds())[NAME].counts.opened == 0
        assert (await written(place))[:2] == promoted[:2]
        await next_run_is_right(daemon)


async def test_a_lock_that_dies_while_promote_hears_nothing(place: Place) -> None:
    """DESIGN 6.5: a network that swallows promote's statement delays the end of the run, no more."""
    async with daemons(place, place.via) as (daemon,):
        await begun(daemon, loaded=True)
        before = await written(place)
        hold = place.harm.hold(FENCE)
        running = asyncio.create_task(daemon.run())
        await hold.reached()
        assert await end_locks(place.target) == 1
        over, _ = await asyncio.wait({running}, timeout=SECONDS)
        hold.release(Verdict.CUT)
        outcome = await running
        assert over, f"the run was still there after {SECONDS} s"
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "LockLost")
        assert await written(place) == before
        await next_run_is_right(daemon)
