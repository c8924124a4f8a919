"""What a run leaves behind: its steps in their order, and of a replay nothing for the schedule."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cdc_daemon.errors import DatabaseUnavailable, DataError
from cdc_daemon.memory.control import MemoryControl
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.event import WHOLE_RUN
from cdc_daemon.model.run import Batch
from cdc_daemon.model.window import REPLAY
from cdc_daemon.orchestration.record import Recorder, RunRecord
from tests.factories import TABLE


class Deaf:
    """Progress and telemetry that nobody reads."""

    def step(self, table, name) -> None:
        """Not shown."""

    def numbered(self, number) -> None:
        """Not logged."""

    def unrecorded(self, error) -> None:
        raise AssertionError from error


def record(*, replay: bool) -> RunRecord:
    found = RunRecord(TABLE, Deaf(), Deaf(), replay)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    found.numbered(Batch(number=1, table=TABLE, window=REPLAY, read_at=at))
    return found


async def ended(control, found, error) -> None:
    control.batches[1] = (found.batch, "running", None)
    recorder = Recorder(events=control, states=control, telemetry=Deaf(), run_id="a run")
    await recorder.ended(found.failed(error, ()), found)


def test_a_step_that_is_begun_once_more_is_the_last_one():
    """A first load that the target refused goes on with its rows landed: seconds add up."""
    found = record(replay=False)
    for name in ("EXTRACT", "CDC_PROMOTION", "SCD2_PROMOTION"):
        with found.step(name):
            pass
    found.seconds["EXTRACT"] = 100.0
    with found.step("EXTRACT"):
        pass
    assert list(found.seconds) == ["CDC_PROMOTION", "SCD2_PROMOTION", "EXTRACT"]
    assert found.seconds["EXTRACT"] >= 100.0


@pytest.mark.asyncio
async def test_a_failure_is_told_of_the_step_that_failed():
    """Though other steps were done, or tried, before it."""
    control, found = MemoryControl(), record(replay=False)
    for name in ("EXTRACT", "CDC_PROMOTION", "EXTRACT"):
        with found.step(name):
            pass
    await ended(control, found, DatabaseUnavailable("down"))
    assert [(one.kind, one.status) for one in control.events] == [
        ("CDC_PROMOTION", "succeeded"),
        ("EXTRACT", "failed"),
        (WHOLE_RUN, "failed"),
    ]


@pytest.mark.asyncio
async def test_a_replay_that_fails_leaves_the_schedule_alone():
    """Neither its beginning nor its failure moves when the table is due, or how long it waits."""
    control = MemoryControl()
    await ended(control, record(replay=True), DatabaseUnavailable("down"))
    assert await control.state(TABLE) == TableState(table=TABLE)
    await ended(control, record(replay=False), DatabaseUnavailable("down"))
    assert (await control.state(TABLE)).failures == 1


@pytest.mark.asyncio
async def test_a_replay_may_hold_its_table():
    """What is wrong with the table is wrong with its next batch, too."""
    control = MemoryControl()
    await ended(control, record(replay=True), DataError("bad"))
    state = await control.state(TABLE)
    assert (state.held, state.last_ended) == ("bad", None)
