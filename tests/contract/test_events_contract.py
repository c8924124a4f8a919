"""``ports.control.EventLog``: what is put on record about runs."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType

import pytest

from cdc_daemon.model.event import Event
from tests.contract.engines.base import Engine, Specs
from tests.contract.engines.flow import Flow

pytestmark = pytest.mark.asyncio

READ_AT = datetime(2026, 1, 1, tzinfo=UTC)
ROW = ("a", "b", "v", 1, None)


async def test_events_are_kept_in_order_and_whole(engine: Engine, specs: Specs) -> None:
    """Every field of an event can be read back, in the order of recording."""
    table = specs.fresh().id
    full = Event(
        run_id="r",
        table=table,
        kind="TABLE_TOTAL",
        status="failed",
        batch=17,
        started_at=READ_AT,
        seconds=1.5,
        error_kind="Conflict",
        error="a sentence: ' \" ; -- é",
        rows=MappingProxyType({"extracted": 3}),
        detail=MappingProxyType({"guards": "empty", "share": 0.5, "first": True, "none": None}),
    )
    await engine.events.record(full)
    await engine.events.record(Event(run_id="r", table=table, kind="PAUSE", status="done"))
    whole, bare = await engine.recorded(table)
    assert (whole.kind, whole.status, whole.batch, whole.seconds) == (
        full.kind,
        full.status,
        full.batch,
        full.seconds,
    )
    assert (whole.error_kind, whole.error) == (full.error_kind, full.error)
    assert whole.detail == {**full.rows, **full.detail}
    assert (bare.kind, bare.batch, bare.error, bare.detail) == ("PAUSE", None, None, {})


async def test_one_event_twice_is_two_events(engine: Engine, specs: Specs) -> None:
    """The log is append-only: nothing is merged or replaced."""
    table = specs.fresh().id
    event = Event(run_id="r", table=table, kind="EXTRACT", status="succeeded")
    await engine.events.record(event)
    await engine.events.record(event)
    assert len(await engine.recorded(table)) == 2


@pytest.mark.parametrize("status", ["failed", "skipped", "cancelled"])
async def test_a_batch_that_is_finished_is_no_longer_running(
    engine: Engine, specs: Specs, status: str
) -> None:
    """``finish`` closes the record of a running batch with what it came to."""
    batch = await engine.batches.begin(specs.fresh(), "all", READ_AT, "r")
    await engine.events.finish(batch.number, status, "Conflict")
    assert await engine.status(batch.number) == status


async def test_what_is_closed_stays_as_it_was(flow: Flow) -> None:
    """Law 1: a promoted or abandoned batch is never said to have failed afterwards."""
    engine = flow.engine
    promoted = (await flow.batch([ROW])).batch.number
    abandoned = (await engine.batches.begin(flow.spec, "all", READ_AT, "r")).number
    await engine.batches.begin(flow.spec, "all", READ_AT, "r")
    await engine.events.finish(promoted, "failed", "Conflict")
    await engine.events.finish(abandoned, "failed", "Conflict")
    assert await engine.status(promoted) == "promoted"
    assert await engine.status(abandoned) == "abandoned"


async def test_finishing_a_batch_leaves_others_alone(engine: Engine, specs: Specs) -> None:
    """Only the batch that is named is closed."""
    first = await engine.batches.begin(specs.fresh(), "all", READ_AT, "r")
    second = await engine.batches.begin(specs.fresh(), "all", READ_AT, "r")
    await engine.events.finish(first.number, "failed", None)
    assert await engine.status(second.number) == "running"
