"""The daemon's own tables: migrations, batches, states, and an event for every way a run ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from cdc_daemon.errors import ControlSchemaError, ExitCode
from cdc_daemon.model.change import Counts
from cdc_daemon.model.config import TargetSpec
from cdc_daemon.model.run import Status
from cdc_daemon.model.table import QualifiedName, TableId
from tests.support.databases import Database
from tests.support.proxy import Proxy
from tests.support.rig import TARGET, Rig

T = TableId("src", "public", "t")
FILL = "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)"
EVENTS = "SELECT kind, status, error_kind, batch_id IS NOT NULL FROM cdc.pipeline_event ORDER BY event_id"
BATCHES = "SELECT status, error_kind FROM cdc.batch ORDER BY batch_id"
TABLES = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema = 'cdc'"


@asynccontextmanager
async def starters(source: Database, target: Database, number: int) -> AsyncIterator[list[Rig]]:
    """Applications that have not looked at the control schema yet."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Rig(source, target, migrate=False))
            for _ in range(number)
        ]


@pytest.mark.asyncio
async def test_migrations_are_applied_once(source_db: Database, target_db: Database) -> None:
    """``apply`` brings the schema to this version; again it finds nothing to do."""
    async with Rig(source_db, target_db, migrate=False) as rig:
        control = rig.app.control
        with pytest.raises(ControlSchemaError, match="pending") as refused:
            await control.require_current()
        assert refused.value.exit_code is ExitCode.ENVIRONMENT
        pending = await control.pending()
        assert await rig.rows(TABLES) == []  # only looked
        assert await control.apply() == pending
        assert await control.apply() == ()
        assert await control.pending() == ()
        await control.require_current()
        assert await rig.rows("SELECT version, name FROM cdc.schema_migration ORDER BY 1") == [
            (one.version, one.name) for one in pending
        ]


@pytest.mark.asyncio
async def test_concurrent_starters_migrate_once(source_db: Database, target_db: Database) -> None:
    """Eight daemons that start at once: one applies, the others find it done, none fails."""
    async with starters(source_db, target_db, 8) as rigs:
        applied = await asyncio.gather(*(rig.app.control.apply() for rig in rigs))
        assert sorted(map(bool, applied)) == [False] * 7 + [True]
        await asyncio.gather(*(rig.app.control.require_current() for rig in rigs))


@pytest.mark.asyncio
async def test_a_newer_schema_is_refused(source_db: Database, target_db: Database) -> None:
    """A daemon neither migrates nor runs on a control schema newer than itself."""
    async with Rig(source_db, target_db) as rig:
        await rig.target.execute("INSERT INTO cdc.schema_migration VALUES (999, 'later', now())")
        for refused in (rig.app.control.pending, rig.app.control.apply):
            with pytest.raises(ControlSchemaError, match="version 999") as caught:
                await refused()
            assert "version of cdc-daemon" in caught.value.remedy
        with pytest.raises(ControlSchemaError):
            await rig.app.control.require_current()
        assert await rig.rows("SELECT max(version) FROM cdc.schema_migration") == [(999,)]


@pytest.mark.asyncio
async def test_a_migration_that_fails_leaves_nothing(
    source_db: Database, target_db: Database
) -> None:
    """Migrations are one transaction: what stands in the way leaves no half of them behind."""
    async with Rig(source_db, target_db, migrate=False) as rig:
        await rig.target.execute("CREATE SCHEMA cdc; CREATE TABLE cdc.pipeline_event (a int)")
        with pytest.raises(Exception, match="42P07"):
            await rig.app.control.apply()
        assert await rig.rows(TABLES) == [("cdc", "pipeline_event")]
        await rig.target.execute("DROP TABLE cdc.pipeline_event")
        await rig.app.control.apply()
        await rig.app.control.require_current()


@pytest.mark.asyncio
async def test_schemas_may_have_any_name(source_db: Database, target_db: Database) -> None:
    """Control, bronze and stage schemas are quoted wherever they go."""
    rig = Rig(source_db, target_db, tables=["t"])
    names = {"control_schema": 'c"dc', "bronze_schema": "Bron ze", "stage_schema": "order;--"}
    spec = replace(
        rig.spec(),
        bronze=QualifiedName("Bron ze", "src_t"),
        stage=QualifiedName("order;--", "src_t"),
    )
    rig.config = replace(rig.config, target=TargetSpec(connection=TARGET, **names), tables=(spec,))
    async with rig:
        await rig.source.execute(FILL)
        await rig.succeeds()
        await rig.source.execute("DELETE FROM t WHERE id = 1")
        await rig.succeeds()
        await rig.mirrors()
        assert await rig.rows('SELECT id, _operation FROM "order;--".src_t') == [(1, "D")]
        assert await rig.rows('SELECT epoch FROM "c""dc".table_state') == [(2,)]


@pytest.mark.asyncio
async def test_what_a_success_leaves_on_record(source_db: Database, target_db: Database) -> None:
    """State, checkpoint, batch and events of two batches say what was done, and agree."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute(FILL)
        await rig.succeeds()
        await rig.source.execute(
            "DELETE FROM t WHERE id = 1; UPDATE t SET v = 0 WHERE id = 2; INSERT INTO t VALUES (9)"
        )
        outcome = (await rig.succeeds())["t"]
        assert outcome.counts == Counts(extracted=3, inserted=1, updated=1, deleted=1, unchanged=1)
        state = await rig.app.states.state(T)
        assert (state.epoch, state.open_versions, state.failures) == (2, 3, 0)
        assert state.last_batch == outcome.batch_id
        assert state.last_instant is not None
        assert outcome.read_at is not None
        assert state.last_instant >= outcome.read_at
        assert (await rig.app.states.all()) == {T: state}
        assert await rig.rows(
            "SELECT window_name, batch_id, read_at, row_count FROM cdc.window_state"
        ) == [("all", outcome.batch_id, outcome.read_at, 3)]
        assert await rig.rows(
            "SELECT status, error_kind, window_name, read_at, instant, extracted, inserted, updated, "
            "reopened, deleted, unchanged FROM cdc.batch WHERE batch_id = $1 "
            "AND finished_at >= read_at",
            outcome.batch_id,
        ) == [
            ("promoted", None, "all", outcome.read_at, state.last_instant, 3, 1, 1, 0, 1, 1),
        ]
        steps = ("EXTRACT", "CDC_PROMOTION", "SCD2_PROMOTION", "TABLE_TOTAL")
        assert await rig.rows(EVENTS) == [(step, "succeeded", None, True) for step in steps] * 2
        detail = await rig.target.fetchval(
            "SELECT detail FROM cdc.pipeline_event ORDER BY event_id DESC LIMIT 1"
        )
        told = json.loads(detail)
        work = told.pop("work")
        assert {"extract", "decode", "hash", "land", "read", "compare", "promote"} <= work.keys()
        assert all(seconds >= 0 for seconds in work.values())
        assert told == {
            "extracted": 3,
            "inserted": 1,
            "updated": 1,
            "reopened": 0,
            "deleted": 1,
            "unchanged": 1,
            "rewritten": 0,
            "quarantined": 0,
            "filtered": 0,
        }
        assert await rig.rows(
            "SELECT count(DISTINCT run_id), min(seconds) > 0 FROM cdc.pipeline_event"
        ) == [(1, True)]


@pytest.mark.asyncio
async def test_failed_runs_are_counted_and_recorded(
    source_db: Database, target_db: Database
) -> None:
    """T26: a failure before a batch has its number, and one after it, are events of their steps."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.run()  # no such table
        await rig.app.states.release(T)
        await rig.source.execute("CREATE TABLE t (id int)")
        await rig.source.execute("INSERT INTO t VALUES (NULL)")
        rig.change("t", key=("id",))
        await rig.run()
        assert await rig.rows(EVENTS) == [
            ("EXTRACT", "failed", "TableNotFound", False),
            ("TABLE_TOTAL", "failed", "TableNotFound", False),
            ("EXTRACT", "failed", "NullKey", True),
            ("TABLE_TOTAL", "failed", "NullKey", True),
        ]
        assert await rig.rows(BATCHES) == [("failed", "NullKey")]
        state = await rig.app.states.state(T)
        assert state.failures == 1  # release had begun anew
        assert "NullKey" not in (state.held or "")
        assert "key column id" in (state.held or "")
        skipped = await rig.run()
        assert skipped.status is Status.SKIPPED
        assert (await rig.rows(EVENTS))[-1] == ("TABLE_TOTAL", "skipped", None, False)


@pytest.mark.asyncio
async def test_a_locked_table_is_skipped_on_record(
    source_db: Database, target_db: Database
) -> None:
    """Law 2: while another process has the table, a run is an event ``skipped``, no failure."""
    async with (
        Rig(source_db, target_db, tables=["t"]) as rig,
        Rig(source_db, target_db, tables=["t"]) as other,
    ):
        await rig.source.execute(FILL)
        async with other.app.runner.locks.hold(T):
            outcome = await rig.run()
        assert (outcome.status, outcome.held) == (Status.SKIPPED, False)
        assert await rig.rows(EVENTS) == [("TABLE_TOTAL", "skipped", "TableLocked", False)]
        assert await rig.rows("SELECT failures FROM cdc.table_state") in ([], [(0,)])
        await rig.succeeds()


RACES = {
    "epoch raised": "UPDATE cdc.table_state SET epoch = epoch + 1",
    "batch abandoned": "UPDATE cdc.batch SET status = 'abandoned' WHERE status = 'running'",
    "version closed": "UPDATE bronze.src_t SET _valid_to = clock_timestamp(), _is_current = false, "
    "_closed_by = 'D' WHERE id = 2",
    "version of the key opened": "INSERT INTO bronze.src_t SELECT 9, 9, now(), NULL, true, 'I', "
    "NULL, _row_hash, 1, 1, NULL FROM bronze.src_t LIMIT 1",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("race", RACES)
async def test_a_lost_race_is_skipped_on_record(
    source_db: Database, target_db: Database, target_proxy: Proxy, race: str
) -> None:
    """The fence: what somebody else did since the comparison rolls the batch back; none is held."""
    via = target_db.through(target_proxy.port)
    async with Rig(source_db, target_db, tables=["t"], target_via=via) as rig:
        await rig.source.execute(FILL)
        await rig.succeeds()
        await rig.source.execute(
            "DELETE FROM t WHERE id = 1; UPDATE t SET v = 0 WHERE id = 2; INSERT INTO t VALUES (9)"
        )
        hold = target_proxy.hold("SET epoch = epoch + 1")
        running = asyncio.create_task(rig.run())
        await hold.reached()
        await rig.target.execute(RACES[race])
        before = await rig.bronze()
        hold.release()
        outcome = await running
        assert await rig.bronze() == before
        assert await rig.rows("SELECT * FROM stage.src_t") == []
        assert not outcome.held
        status, kind = ("skipped", "LostRace")
        if race == "version of the key opened":  # past the fence: no daemon does that
            status, kind = ("failed", "StatementFailed")
        assert (await rig.rows(EVENTS))[-2:] == [
            ("SCD2_PROMOTION", status, kind, True),
            ("TABLE_TOTAL", status, kind, True),
        ]
        await rig.succeeds()
        await rig.mirrors()


@pytest.mark.asyncio
@pytest.mark.parametrize("at", ["SELECT count(*)", "COPY (", "ROLLBACK"])
async def test_a_cancelled_run_is_recorded(
    source_db: Database, target_db: Database, source_proxy: Proxy, at: str
) -> None:
    """A run stopped before its time leaves a cancelled batch and event, and nothing else."""
    via = source_db.through(source_proxy.port)
    async with Rig(source_db, target_db, tables=["t"], source_via=via) as rig:
        await rig.source.execute(FILL)
        hold = source_proxy.hold(at)
        running = asyncio.create_task(rig.run())
        await hold.reached()
        running.cancel()
        await asyncio.sleep(0)
        hold.release()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await rig.rows(BATCHES) == [("cancelled", None)]
        assert await rig.rows(EVENTS) == [
            ("EXTRACT", "cancelled", None, True),
            ("TABLE_TOTAL", "cancelled", None, True),
        ]
        assert (await rig.app.states.state(T)).failures == 0
        await rig.succeeds()
        await rig.mirrors()


@pytest.mark.asyncio
async def test_batches_of_the_dead_are_abandoned(source_db: Database, target_db: Database) -> None:
    """Law 7: a batch left running by a killed process is marked by the table's next one."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute(FILL)
        for name in ("t", "other"):
            await rig.target.execute(
                "INSERT INTO cdc.batch (source, schema_name, table_name, window_name, run_id, read_at) "
                f"VALUES ('src', 'public', '{name}', 'all', 'dead', now())"
            )
        await rig.succeeds()
        assert await rig.rows(
            "SELECT table_name, status, finished_at IS NOT NULL FROM cdc.batch ORDER BY batch_id"
        ) == [("t", "abandoned", True), ("other", "running", False), ("t", "promoted", True)]


@pytest.mark.asyncio
async def test_without_control_tables_nothing_runs(
    source_db: Database, target_db: Database
) -> None:
    """Before the first migration a run fails as a value, writes nothing, and says it is unrecorded."""
    async with Rig(source_db, target_db, tables=["t"], migrate=False) as rig:
        await rig.source.execute(FILL)
        outcome = await rig.run()
        assert (outcome.status, outcome.held) == (Status.FAILED, False)
        assert "42P01" in (outcome.error or "")
        assert len(rig.telemetry.lost) == 1
        assert len(rig.telemetry.outcomes) == 1
        assert (
            await rig.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'bronze'")
            == []
        )
