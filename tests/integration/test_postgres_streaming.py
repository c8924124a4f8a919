"""A first load streams: rows are on their way into the target while the source is being read."""

from __future__ import annotations

import asyncio

import pytest

from cdc_daemon.model.change import Counts
from tests.support.databases import Database
from tests.support.rig import Rig, table

ROWS = 150_000
"""Two batches of the Arrow driver, and a third that is not full."""
GATE = 4711
GATED = f"""
CREATE TABLE item (id int PRIMARY KEY, note text);
INSERT INTO item SELECT g, repeat(md5(g::text), 8) FROM generate_series(1, {ROWS}) AS g;
CREATE FUNCTION gate() RETURNS int LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN 1; END';
CREATE VIEW gated AS
    SELECT id, CASE WHEN id = {ROWS} THEN gate() ELSE 0 END AS passed, note FROM item;
"""
"""A relation whose last row comes when nobody holds the gate."""
PATIENT = {"lock_timeout_seconds": 120.0}
COPIED = (
    "SELECT coalesce(max(tuples_processed), 0) FROM pg_stat_progress_copy "
    "WHERE command = 'COPY FROM' AND datname = $1"
)
AT_THE_GATE = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = $1 AND query LIKE 'COPY%' AND wait_event = 'advisory'"
)


@pytest.mark.asyncio
async def test_the_load_begins_before_the_last_row_is_read(
    source_db: Database, target_db: Database
) -> None:
    """COPY into bronze has taken rows while the source still owes its last; nobody sees them yet."""
    gated = table("gated", key=("id",))
    async with (
        Rig(source_db, target_db, tables=[gated], settings=PATIENT) as rig,
        source_db.connect() as keeper,
    ):
        await rig.source.execute(GATED)
        await keeper.execute(f"SELECT pg_advisory_lock({GATE})")
        running = asyncio.create_task(rig.run())
        copied = 0
        while not (copied and await rig.source.fetchval(AT_THE_GATE, source_db.name)):
            assert not running.done(), running.result()
            copied = await rig.target.fetchval(COPIED, target_db.name)
        assert 0 < copied < ROWS
        assert await rig.rows("SELECT to_regclass('bronze.src_gated')::text") == [(None,)]
        assert await rig.rows("SELECT status FROM cdc.batch") == [("running",)]
        await keeper.execute(f"SELECT pg_advisory_unlock({GATE})")
        outcome = await running
        assert outcome.counts == Counts(extracted=ROWS, inserted=ROWS), outcome
        await rig.mirrors()
