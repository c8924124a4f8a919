"""Quarantine in a SQL Server's control tables: what housekeeping deletes, what ``status`` says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cdc_daemon.control.housekeeping import ControlHousekeeping, Retention
from cdc_daemon.control.status import ControlStatus
from cdc_daemon.model.rejection import Rejection
from cdc_daemon.model.run import Batch
from cdc_daemon.model.table import TableSpec
from cdc_daemon.model.window import WHOLE
from tests.contract.engines.base import Specs
from tests.contract.engines.sqlserver import CONTROL, DIALECT, SqlServerEngine, sqlserver_engine
from tests.support.sqlserver import SqlServer

pytestmark = [pytest.mark.sqlserver, pytest.mark.asyncio]

READ_AT = datetime(2026, 1, 1, tzinfo=UTC)
KEEP = timedelta(days=30)


def batch(spec: TableSpec, number: int) -> Batch:
    return Batch(number=number, table=spec.id, window=WHOLE, read_at=READ_AT)


def keeping(engine: SqlServerEngine) -> ControlHousekeeping:
    return ControlHousekeeping(
        database=engine.states.database,
        dialect=DIALECT,
        control_schema=CONTROL,
        retention=Retention(events=KEEP, batches=KEEP, quarantine=KEEP, usual=1),
        piece_rows=2,
    )


async def test_what_left_quarantine_long_ago_goes(sqlserver: SqlServer) -> None:
    """By when it was resolved, piece by piece; what is open, or was until of late, stays."""
    spec = Specs().fresh()
    async with sqlserver_engine(sqlserver) as engine:
        found = [Rejection(reason="failed", key=key) for key in range(6)]
        for number, one in enumerate(found, 1):
            await engine.quarantine.record(batch(spec, number), [one])
        await engine.quarantine.settle(batch(spec, 9), frozenset(range(5)))
        sqlserver.execute(
            "UPDATE cdc.quarantine SET resolved_at = DATEADD(day, -31, SYSUTCDATETIME()) "
            "WHERE first_batch_id IN (2, 3, 5)"
        )
        deleted, go_on = [], 0
        while go_on is not None:
            piece = await keeping(engine).quarantine(go_on)
            deleted.append(piece.deleted)
            go_on = piece.go_on
        assert deleted == [1, 1, 1, 0]
        left = await engine.quarantine.entries(spec.id, 10, resolved=True)
        assert [one.rejection.key for one in left] == [5, 3, 0]


async def test_status_knows_of_rows_in_quarantine(sqlserver: SqlServer) -> None:
    """Of the last promoted batch, whatever came of those after it."""
    spec = Specs().fresh()
    async with sqlserver_engine(sqlserver) as engine:
        promoted = await engine.batches.begin(spec, "all", READ_AT, "r")
        sqlserver.execute(
            f"UPDATE cdc.batch SET status = 'promoted', quarantined = 4, filtered = 2 "
            f"WHERE batch_id = {promoted.number}",
            f"UPDATE cdc.table_state SET last_batch_id = {promoted.number}",
        )
        told = (await ControlStatus(engine.states).read()).tables[spec.id]
        assert told.last is not None
        last = told.last
        assert (last.quarantined, last.filtered, last.rewritten) == (4, 2, None)
        await engine.batches.begin(spec, "all", READ_AT, "r")
        told = (await ControlStatus(engine.states).read()).tables[spec.id]
        assert told.last is not None
        assert (told.quarantined, told.last.quarantined) == (4, None)
