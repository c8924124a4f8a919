"""What housekeeping deletes from the control tables, what it never does, and how much at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cdc_daemon.control.housekeeping import ControlHousekeeping
from cdc_daemon.model.config import ControlSpec
from cdc_daemon.model.guard import GuardLimits
from cdc_daemon.ports.control import Piece
from tests.support.databases import Database
from tests.support.replicas import until
from tests.support.rig import Rig, table

USUAL = 14
ENDED = ("failed", "skipped", "cancelled", "abandoned")
EVENT = """INSERT INTO cdc.pipeline_event (recorded_at, run_id, source, schema_name, table_name, kind,
    status, seconds, detail) SELECT clock_timestamp() - $2 * interval '1 day', 'r', 'src', 'public',
    't', 'EXTRACT', 'succeeded', 0, '{}' FROM generate_series(1, $1)"""
BATCH = """INSERT INTO cdc.batch (source, schema_name, table_name, window_name, run_id, status, read_at,
    extracted, inserted, updated, reopened, deleted, unchanged) VALUES ('src', 'public', $1, 'all', 'r',
    $2, clock_timestamp() - $3 * interval '1 day', 10, $4, $5, $6, $7, 10) RETURNING batch_id"""
MANY_CHANGES = """INSERT INTO cdc.batch (source, schema_name, table_name, window_name, run_id, status,
    read_at, extracted, inserted, updated, reopened, deleted, unchanged) SELECT 'src', 'public', 't',
    'all', 'r', 'promoted', '2001-01-01', 1, 1, 0, 0, 0, 0 FROM generate_series(1, 20000)"""
RESOLVED = """INSERT INTO cdc.quarantine (source, schema_name, table_name, reason, row_count,
    first_batch_id, last_batch_id, first_seen_at, resolved_at) VALUES ('src', 'public', 't', 'failed',
    1, 1, 1, '2001-01-01', clock_timestamp() - $1 * interval '1 day') RETURNING quarantine_id"""
UNCHANGED = (0, 0, 0, 0)


class House:
    """A rig, and rows of any age."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    @property
    def keeping(self) -> ControlHousekeeping:
        return self.rig.app.housekeeping

    async def events(self, number: int, days: float) -> None:
        await self.rig.target.execute(EVENT, number, days)

    async def batch(
        self, status: str, days: float, counts: Sequence[int] = UNCHANGED, name: str = "t"
    ) -> int:
        return await self.rig.target.fetchval(BATCH, name, status, days, *counts)

    async def ages(self, relation: str) -> list[int]:
        """Whole days, oldest first."""
        column = {"pipeline_event": "recorded_at", "batch": "read_at"}[relation]
        rows = await self.rig.rows(
            f"SELECT extract(day FROM clock_timestamp() - {column})::int "
            f"FROM cdc.{relation} ORDER BY 1 DESC"
        )
        return [row[0] for row in rows]

    async def numbers(self) -> list[int]:
        return [n for (n,) in await self.rig.rows("SELECT batch_id FROM cdc.batch ORDER BY 1")]

    async def entry(self, resolved: float | None) -> int:
        """In quarantine for years, until so many days ago, or still."""
        return await self.rig.target.fetchval(RESOLVED, resolved)

    async def sweep(self) -> list[int]:
        """What each piece deleted of batches, until there is none."""
        deleted, go_on = [], 0
        while go_on is not None:
            piece = await self.keeping.batches(go_on)
            deleted.append(piece.deleted)
            go_on = piece.go_on
        return deleted


def rig_of(source: Database, target: Database, usual: int = USUAL, **control: int) -> Rig:
    """A table ``t``, whose guards look at so many batches."""
    rig = Rig(source, target, tables=[table("t", guards=GuardLimits(usual_batches=usual))])
    rig.config = replace(rig.config, control=ControlSpec(**control))
    return rig


@pytest.mark.asyncio
async def test_old_events_go(source_db: Database, target_db: Database) -> None:
    """Those older than configured by the target's clock, and no others."""
    async with rig_of(source_db, target_db, event_days=30) as rig:
        house = House(rig)
        for days in (400, 31, 30.01, 29.99, 1, 0):
            await house.events(1, days)
        assert (await house.keeping.events(0)).deleted == 3
        assert await house.ages("pipeline_event") == [29, 1, 0]


@pytest.mark.asyncio
async def test_old_attempts_that_changed_nothing_go(
    source_db: Database, target_db: Database
) -> None:
    """However they ended; younger ones stay, and so does one that runs, however long."""
    async with rig_of(source_db, target_db, batch_days=100) as rig:
        house = House(rig)
        gone = [await house.batch(status, 101) for status in ENDED]
        gone += [await house.batch("promoted", 101) for _ in range(3)]
        kept = [await house.batch("running", 500)]
        kept += [await house.batch(status, 99) for status in ENDED]
        kept += [await house.batch("promoted", 99) for _ in range(USUAL)]
        assert await house.numbers() == gone + kept
        assert sum(await house.sweep()) == len(gone)
        assert await house.numbers() == kept


@pytest.mark.asyncio
async def test_batches_that_changed_a_table_stay(source_db: Database, target_db: Database) -> None:
    """Law 4: their instants say what held when, whatever they did, and however long ago."""
    async with rig_of(source_db, target_db) as rig:
        house = House(rig)
        kept = [
            await house.batch("promoted", 5_000, [int(n == one) for n in range(4)])
            for one in range(4)
        ]
        gone = [await house.batch("promoted", 5_000)]
        last = [await house.batch("promoted", 5_000) for _ in range(USUAL)]
        assert sum(await house.sweep()) == len(gone)
        assert await house.numbers() == kept + last


@pytest.mark.asyncio
async def test_each_table_keeps_its_last_attempt_and_what_its_guards_look_at(
    source_db: Database, target_db: Database
) -> None:
    """A table that has not run for years is as safe as before, and its status is told."""
    usual = USUAL + 2
    async with rig_of(source_db, target_db, usual=usual, batch_days=1) as rig:
        house, spec = House(rig), rig.spec()
        for name in ("t", "other"):
            for _ in range(usual + 3):
                await house.batch("promoted", 900, name=name)
            for _ in range(3):
                await house.batch("failed", 800, name=name)
        before = await rig.app.states.usual(spec, usual)
        assert sum(await house.sweep()) == 2 * (3 + 2)
        rows = await rig.rows(
            "SELECT table_name, status, count(*) FROM cdc.batch GROUP BY 1, 2 ORDER BY 1, 2"
        )
        assert rows == [
            ("other", "failed", 1),
            ("other", "promoted", usual),
            ("t", "failed", 1),
            ("t", "promoted", usual),
        ]
        assert await rig.app.states.usual(spec, usual) == before


@pytest.mark.asyncio
async def test_what_really_ran_can_be_asked_for_after_it(
    source_db: Database, target_db: Database
) -> None:
    """Batches of the flow itself: as of every change history says what was captured then (law 4)."""
    async with rig_of(source_db, target_db, batch_days=1, event_days=1) as rig:
        await rig.source.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
        captured = []
        for n in range(3):
            await rig.source.execute(f"INSERT INTO t VALUES ({n}, {n})")
            await rig.succeeds()
            captured.append(await rig.captured())
            for _ in range(USUAL // 2):
                await rig.succeeds()
        await rig.target.execute("UPDATE cdc.batch SET read_at = read_at - interval '9 years'")
        await rig.target.execute("UPDATE cdc.pipeline_event SET recorded_at = '2001-01-01'")
        house = House(rig)
        assert sum(await house.sweep()) == 3 * (USUAL // 2) + 1 - USUAL
        assert (await house.keeping.events(0)).deleted > 0
        instants = await rig.rows("SELECT instant FROM cdc.batch WHERE inserted > 0 ORDER BY 1")
        assert [await rig.as_of("t", instant) for (instant,) in instants] == captured
        await rig.succeeds()


@pytest.mark.asyncio
async def test_a_piece_is_bounded(source_db: Database, target_db: Database) -> None:
    """Never more rows than it says, each piece a transaction of its own, until none is old."""
    async with rig_of(source_db, target_db) as rig:
        house = House(rig)
        await house.events(25, 100)
        await house.events(25, 1)
        keeping = replace(house.keeping, piece_rows=10)
        seen, go_on = [], 0
        while go_on is not None:
            piece = await keeping.events(go_on)
            seen.append((piece.deleted, len(await house.ages("pipeline_event"))))
            go_on = piece.go_on
        assert seen == [(10, 40), (10, 30), (5, 25), (0, 25)]


@pytest.mark.asyncio
async def test_pieces_pass_over_what_stays(source_db: Database, target_db: Database) -> None:
    """Old rows are found behind more kept ones than a piece looks at, though none of those goes."""
    async with rig_of(source_db, target_db) as rig:
        house = House(rig)
        for _ in range(USUAL):
            await house.batch("promoted", 1_000)
        gone = [await house.batch("failed", 900) for _ in range(3)]
        kept = await house.batch("failed", 800)
        rig.app = replace(rig.app, housekeeping=replace(house.keeping, piece_rows=5))
        assert sum(await house.sweep()) == len(gone)
        assert await house.numbers() == [*range(1, USUAL + 1), kept]


@pytest.mark.asyncio
async def test_what_left_quarantine_long_ago_goes(source_db: Database, target_db: Database) -> None:
    """By when it was resolved, whatever its number; what is open stays, however old."""
    async with rig_of(source_db, target_db, quarantine_days=30) as rig:
        house, kept = House(rig), []
        for days in (29, None, 31, 0, 400, None, 1, 30.01):
            number = await house.entry(days)
            if days is None or days < 30:
                kept.append(number)
        keeping = replace(house.keeping, piece_rows=1)
        deleted, go_on = [], 0
        while go_on is not None:
            piece = await keeping.quarantine(go_on)
            deleted.append(piece.deleted)
            go_on = piece.go_on
        assert deleted == [0, 1, 0, 1, 0, 1, 0]
        left = await rig.rows("SELECT quarantine_id FROM cdc.quarantine ORDER BY 1")
        assert [number for (number,) in left] == kept


@pytest.mark.asyncio
async def test_one_process_keeps_house_at_a_time(source_db: Database, target_db: Database) -> None:
    """While another one is at it nothing is deleted here, and nobody waits."""
    async with rig_of(source_db, target_db) as rig:
        house, lock = House(rig), rig.app.target.dialect.housekeeping_lock
        await house.events(5, 100)
        async with rig.target.transaction():
            assert await rig.target.fetchval(lock, "cdc")
            assert await house.keeping.events(0) == Piece(deleted=0, go_on=None)
        async with rig.target.transaction():
            assert await rig.target.fetchval(lock, "another")
            assert (await house.keeping.events(0)).deleted == 5


@pytest.mark.asyncio
async def test_kept_batches_cost_nothing(source_db: Database, target_db: Database) -> None:
    """Attempts without a change are found by their index, not by passing over those with one."""
    async with rig_of(source_db, target_db) as rig:
        house = House(rig)
        await rig.target.execute(MANY_CHANGES)
        await house.batch("failed", 900)
        await house.batch("promoted", 900)
        await rig.target.execute("ANALYZE cdc.batch")
        assert await house.sweep() == [1, 0]
    until(lambda: _scans(target_db), what="the index was used")


def _scans(target: Database) -> int:
    ((scans,),) = target.fetch(
        "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'batch_without_change'"
    )
    return int(scans)
