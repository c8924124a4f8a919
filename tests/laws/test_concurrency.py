"""Two daemons on one table, and databases and locks that go away, on real PostgreSQL (law 2, 7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from cdc_daemon.control.states import identity
from cdc_daemon.model.run import RunOutcome, Status
from cdc_daemon.model.table import TableId
from tests.support.databases import Database
from tests.support.failpoints import Action, Verdict
from tests.support.proxy import Proxy
from tests.support.rig import Rig
from tests.support.session import Statement

pytestmark = pytest.mark.asyncio

TABLE = "account"
FENCE = "SET epoch = epoch + 1"
SECONDS = 30
FIRST_LOAD = pytest.mark.parametrize("loaded", [False, True], ids=["first load", "changes"])


class NoLock:
    """Implements ``HeldLock``: it is never lost."""

    async def lost(self) -> None:
        await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class NoLocks:
    """Implements ``Locks``: everybody holds everything, and the epoch is the only proof left."""

    @asynccontextmanager
    async def hold(self, table: TableId) -> AsyncIterator[NoLock]:
        yield NoLock()


def unlocked(rig: Rig) -> Rig:
    """The same daemon, its locks bypassed."""
    rig.app = replace(rig.app, runner=replace(rig.app.runner, locks=NoLocks()))
    return rig


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


# -- two at once ----------------------------------------------------------------------------------


@FIRST_LOAD
async def test_a_table_that_is_worked_on_is_skipped(
    source_db: Database, target_db: Database, target_proxy: Proxy, *, loaded: bool
) -> None:
    """Law 2: the second daemon says ``TableLocked`` at once and leaves the first to its work."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via, None) as (first, second):
        await begun(second, loaded=loaded)
        hold = target_proxy.hold(FENCE)
        running = asyncio.create_task(first.run())
        await hold.reached()
        outcome = await second.run()
        assert (outcome.status, outcome.error_kind) == (Status.SKIPPED, "TableLocked")
        assert not outcome.held
        hold.release()
        assert (await running).status is Status.SUCCEEDED
        await next_run_is_right(second)


async def test_daemons_that_start_together_share_the_work(
    source_db: Database, target_db: Database
) -> None:
    """Law 2: whoever gets the lock promotes, the others are skipped, round after round."""
    async with daemons(source_db, target_db, None, None, None) as rigs:
        await filled(rigs[0])
        for _ in range(3):
            outcomes = await asyncio.gather(*(rig.run() for rig in rigs))
            _agree(outcomes, {"TableLocked", "LostRace"})
            await next_run_is_right(rigs[0])
            await changed(rigs[0])


@FIRST_LOAD
async def test_without_locks_one_promotes_and_the_other_loses(
    source_db: Database, target_db: Database, target_proxy: Proxy, *, loaded: bool
) -> None:
    """Law 2: the epoch is the proof: a whole batch of another between compare and promote."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via, None) as (slow, fast):
        await begun(fast, loaded=loaded)
        # the fence of a first load comes last; its first statement is the table's
        hold = target_proxy.hold(FENCE if loaded else 'CREATE TABLE "bronze"')
        running = asyncio.create_task(unlocked(slow).run())
        await hold.reached()
        assert (await unlocked(fast).run()).status is Status.SUCCEEDED
        before = await written(fast)
        hold.release()
        outcome = await running
        assert (outcome.status, outcome.error_kind, outcome.held) == (
            Status.SKIPPED,
            "LostRace",
            False,
        )
        assert await written(fast) == before
        await next_run_is_right(slow)


async def test_without_locks_many_at_once_keep_the_laws(
    source_db: Database, target_db: Database
) -> None:
    """Laws 2 to 5: first loads and changes of three daemons at once, with nothing but the fence."""
    async with daemons(source_db, target_db, None, None, None) as rigs:
        await filled(rigs[0], 200)
        for _ in range(3):
            outcomes = await asyncio.gather(*(unlocked(rig).run() for rig in rigs))
            _agree(outcomes, {"LostRace"})
            await next_run_is_right(rigs[0])
            await changed(rigs[0])


def _agree(outcomes: list[RunOutcome], excuses: set[str]) -> None:
    """Somebody succeeded, and everybody else was skipped for one of these reasons."""
    others = [o for o in outcomes if o.status is not Status.SUCCEEDED]
    assert len(others) < len(outcomes)
    assert {o.status for o in others} <= {Status.SKIPPED}, others
    assert {o.error_kind for o in others} <= excuses


@FIRST_LOAD
async def test_an_epoch_raised_between_compare_and_promote(
    source_db: Database, target_db: Database, target_proxy: Proxy, *, loaded: bool
) -> None:
    """Law 2: whoever raised the epoch, the batch is rolled back, skipped, and nothing is held."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via) as (rig,):
        await begun(rig, loaded=loaded)
        before = await written(rig)
        hold = target_proxy.hold(FENCE)
        running = asyncio.create_task(rig.run())
        await hold.reached()
        await rig.target.execute(
            "UPDATE cdc.table_state SET epoch = epoch + 1 "
            "WHERE source = $1 AND schema_name = $2 AND table_name = $3",
            *identity(rig.spec().id),
        )
        hold.release()
        outcome = await running
        assert (outcome.status, outcome.error_kind, outcome.held) == (
            Status.SKIPPED,
            "LostRace",
            False,
        )
        assert await written(rig) == before
        await next_run_is_right(rig)


# -- a lock that dies -----------------------------------------------------------------------------


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


# -- a target that goes away ----------------------------------------------------------------------


def gone(proxy: Proxy) -> Action:
    """The target is not there any more, for anybody, until the proxy is healed."""

    def act(_: Statement) -> Verdict:
        proxy.refuse()
        proxy.cut_all()
        return Verdict.RESET

    return act


@pytest.mark.parametrize(
    "at",
    [
        'INSERT INTO "cdc"."batch"',
        '"_valid_to" IS NULL',
        "_cdc_load",
        FENCE,
        'UPDATE "bronze"',
        'INSERT INTO "bronze"',
        "window_state",
        "COMMIT",
    ],
)
async def test_a_target_that_goes_away_and_comes_back(
    source_db: Database, target_db: Database, target_proxy: Proxy, at: str
) -> None:
    """Laws 7 and 8: the table fails, nothing is written, and when the target is back it is right."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via) as (rig,):
        await begun(rig, loaded=True)
        before = await written(rig)
        rule = target_proxy.on_statement(at, gone(target_proxy))
        outcome = await _while_gone(rig)
        assert rule.fired == 1
        assert outcome.error_kind in {"DatabaseUnavailable", "LockLost"}  # the lock went too
        assert await written(rig) == before
        target_proxy.heal()
        await rig.succeeds()
        await lawful(rig)


async def test_a_target_that_goes_away_after_the_commit(
    source_db: Database, target_db: Database, target_proxy: Proxy
) -> None:
    """Laws 1 and 5: the answer was lost, the rows were not: the next run finds nothing to do."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via) as (rig,):
        await begun(rig, loaded=True)
        marked: list[Statement] = []
        target_proxy.on_statement("status = 'promoted'", marked.append)
        target_proxy.on_statement(
            lambda s: bool(marked) and s.connection == marked[0].connection and s.sql == "COMMIT;",
            gone(target_proxy),
            after=True,
        )
        await _while_gone(rig)
        await lawful(rig)
        promoted = await written(rig)
        target_proxy.heal()
        assert (await rig.succeeds())[TABLE].counts.opened == 0
        assert (await written(rig))[:2] == promoted[:2]


async def _while_gone(rig: Rig) -> RunOutcome:
    async with asyncio.timeout(SECONDS):
        outcome = await rig.run()
    assert (outcome.status, outcome.held) == (Status.FAILED, False)
    assert rig.telemetry.lost  # the end of the run could not be put on record
    return outcome


async def test_a_target_that_is_down_before_the_run(
    source_db: Database, target_db: Database, target_proxy: Proxy
) -> None:
    """Law 8: a target that cannot be reached fails the table, not the daemon."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via) as (rig,):
        await begun(rig, loaded=True)
        target_proxy.refuse()
        target_proxy.cut_all()
        outcome = await rig.run()
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "DatabaseUnavailable")
        target_proxy.heal()
        await next_run_is_right(rig)
