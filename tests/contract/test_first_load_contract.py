"""``ports.target.Target.first_load``: rows on their way become history, or leave no trace at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest

from cdc_daemon.cdc.row_hash import CURRENT, HASH, RECIPES
from cdc_daemon.errors import (
    CdcError,
    ClockSkew,
    DatabaseUnavailable,
    DuplicateKey,
    GuardTripped,
    LostRace,
    NullKey,
)
from cdc_daemon.extract.extractor import with_text
from cdc_daemon.model.change import Counts
from cdc_daemon.model.run import Job
from cdc_daemon.model.table import TableSpec
from cdc_daemon.ports.flow import Arriving, Begun
from cdc_daemon.ports.source import DoesNotFit
from cdc_daemon.schema.table import Column, SourceTable
from tests.contract.engines.base import Row
from tests.contract.engines.flow import Flow, Silent
from tests.factories import make_frame

pytestmark = pytest.mark.asyncio

A = ("a", "bc", "x", 1, Decimal("1.50"))
B = ("ab", "c", None, None, None)
C = ("c", "", "", 0, Decimal(0))
AMOUNT = "c4"
GUARD = GuardTripped("guard count: no", guards=("count",))
Step = Sequence[Row] | Exception | asyncio.Event


@dataclass
class Coming:
    """Rows in pieces; an error among them is raised, an event is waited for."""

    begun: Begun
    steps: Sequence[Step]
    refusal: CdcError | None = None
    said: list[str] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    rows: AsyncGenerator[pl.DataFrame, None] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = self._rows()

    @property
    def arriving(self) -> Arriving:
        return Arriving(begun=self.begun, rows=self.rows, verdict=self._verdict)

    async def _rows(self) -> AsyncGenerator[pl.DataFrame, None]:
        columns = self.begun.history.table.columns
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, asyncio.Event):
                self.reached.set()
                await step.wait()
                continue
            self.said.append("rows")
            frame = make_frame(columns, step)
            yield frame.with_columns(RECIPES[CURRENT](frame, columns).alias(HASH))
        self.said.append("end")

    async def _verdict(self) -> Counts:
        self.said.append("verdict")
        if self.refusal is not None:
            raise self.refusal
        n = sum(len(step) for step in self.steps if isinstance(step, Sequence))
        return Counts(extracted=n, inserted=n)

    async def is_closed(self) -> bool:
        """No row comes of it any more."""
        return await anext(self.rows, None) is None


async def coming(flow: Flow, *steps: Step, refusal: CdcError | None = None) -> Coming:
    return Coming(await flow.begun(), steps, refusal)


async def leaves_nothing(flow: Flow, rows: Coming, error: type[Exception]) -> None:
    """The load raises ``error``, has written nothing, and lets go of the rows."""
    before = await flow.everything()
    with pytest.raises(error):
        await flow.target.first_load(rows.arriving)
    assert await flow.everything() == before
    assert await rows.is_closed()


async def test_rows_become_open_versions_as_they_come(flow: Flow) -> None:
    """In however many pieces: all are ``I`` of one instant, and none is in stage."""
    rows = await coming(flow, [A], [], [B, C])
    promoted = await flow.target.first_load(rows.arriving)
    assert [(v.row, v.operation, v.valid_from, v.valid_to) for v in await flow.versions()] == [
        (row, "I", promoted.instant, None) for row in (A, B, C)
    ]
    assert promoted.instant == flow.target.clock
    assert (promoted.epoch, promoted.counts) == (1, Counts(extracted=3, inserted=3))
    assert await flow.feed() == []
    assert await rows.is_closed()
    assert (await flow.batch([A, B, C])).counts.unchanged == 3


async def test_state_and_checkpoint_move_with_the_rows(flow: Flow) -> None:
    """Law 1: epoch, instant, checkpoint and the batch's record say what was loaded."""
    rows = await coming(flow, [A], [B])
    promoted = await flow.target.first_load(rows.arriving)
    number, state = promoted.batch.number, await flow.engine.states.state(flow.spec.id)
    assert (state.epoch, state.last_batch, state.open_versions) == (1, number, 2)
    assert await flow.engine.checkpoint(flow.spec.id) == (number, flow.target.clock, 2)
    assert await flow.engine.status(number) == "promoted"


@pytest.mark.parametrize("pieces", [[[A], [B, C]], [[A]], [[]], []])
async def test_the_verdict_is_asked_once_after_the_last_row(flow: Flow, pieces) -> None:
    """What it judges is the whole table: never a part, and no row after it."""
    rows = await coming(flow, *pieces)
    await flow.target.first_load(rows.arriving)
    assert rows.said == [*["rows"] * len(pieces), "end", "verdict"]


async def test_a_table_without_rows_so_far_is_loaded_as_a_new_one(flow: Flow) -> None:
    """A first load of nothing leaves tables behind: the rows go into them later on."""
    await flow.target.first_load((await coming(flow)).arriving)
    await flow.target.first_load((await coming(flow)).arriving)
    rows = await coming(flow, [A], [B])
    assert (await flow.target.first_load(rows.arriving)).epoch == 3
    assert await flow.open_rows() == [A, B]


@pytest.mark.parametrize("pieces", [[[A], [B]], []], ids=["rows", "none"])
async def test_a_verdict_that_refuses_writes_nothing(flow: Flow, pieces) -> None:
    """Law 10: rows that were loaded before the guards had their say do not stay."""
    await leaves_nothing(flow, await coming(flow, *pieces, refusal=GUARD), GuardTripped)
    await flow.batch([A])
    assert await flow.open_rows() == [A]


@pytest.mark.parametrize("before", [[], [[A], [B]]], ids=["at once", "midway"])
@pytest.mark.parametrize(
    "error", [NullKey("no key"), DatabaseUnavailable("the source is gone"), DoesNotFit(AMOUNT)]
)
async def test_rows_that_stop_coming_write_nothing(flow: Flow, before, error) -> None:
    """Law 7: a read that fails is no shorter table; no verdict is asked, and the error is its own."""
    rows = await coming(flow, *before, error, [C])
    await leaves_nothing(flow, rows, type(error))
    assert "verdict" not in rows.said


async def test_a_column_that_does_not_fit_is_loaded_as_text(flow: Flow) -> None:
    """Law 6: the second try carries it as text into the same column, with the same hash."""
    first = await coming(flow, [A], DoesNotFit(AMOUNT))
    await leaves_nothing(flow, first, DoesNotFit)
    history = first.begun.history
    shape = with_text(flow.spec.id, history.table, AMOUNT)
    begun = replace(first.begun, history=replace(history, table=shape))
    rows = Coming(begun, ([(*A[:4], "1.50")], [B]))
    assert (await flow.target.first_load(rows.arriving)).counts.inserted == 2
    assert [Decimal(row[4] or 0) for row in await flow.open_rows()] == [Decimal("1.50"), 0]
    assert await rows.is_closed()
    assert (await flow.batch([A, B])).counts.unchanged == 2


async def test_an_epoch_that_somebody_raised_loses_the_race(flow: Flow) -> None:
    """Law 2: rows that were read under another epoch do not become history."""
    rows = await coming(flow, [A], [B])
    await flow.engine.raise_epoch(flow.spec.id)
    await leaves_nothing(flow, rows, LostRace)


async def test_somebody_else_who_loaded_the_table_wins_the_race(flow: Flow) -> None:
    """Law 2: whoever promotes first has the table; the other load leaves no trace."""
    rows = await coming(flow, [A], [B])
    winner = await coming(flow, [C])
    await flow.target.first_load(winner.arriving)
    await leaves_nothing(flow, rows, LostRace)
    assert await flow.open_rows() == [C]


async def test_a_race_for_a_table_that_is_there_is_lost_too(flow: Flow) -> None:
    """Law 2: the same where the tables exist, empty, and nothing but the fence is in the way."""
    await flow.target.first_load((await coming(flow)).arriving)
    rows = await coming(flow, [A], [B])
    await flow.target.first_load((await coming(flow, [C])).arriving)
    await leaves_nothing(flow, rows, LostRace)
    assert await flow.open_rows() == [C]


async def test_an_abandoned_load_is_not_promoted(flow: Flow) -> None:
    """Law 2: who begins a batch has the table; an earlier one that wakes up has lost it."""
    rows = await coming(flow, [A])
    await coming(flow)
    await leaves_nothing(flow, rows, LostRace)


async def test_a_clock_that_stepped_back_far_stops_the_load(flow: Flow) -> None:
    """A last instant more than five minutes ahead is ``ClockSkew``; the rows are let go of."""
    await flow.target.first_load((await coming(flow)).arriving)
    await flow.engine.set_last_instant(flow.spec.id, flow.target.clock + timedelta(minutes=6))
    await leaves_nothing(flow, await coming(flow, [A]), ClockSkew)


async def test_a_load_that_is_cancelled_writes_nothing(flow: Flow) -> None:
    """Law 7: a batch that is stopped while its rows come is rolled back, and closes them."""
    rows = await coming(flow, [A], asyncio.Event(), [B])
    before = await flow.everything()
    loading = asyncio.create_task(flow.target.first_load(rows.arriving))
    await rows.reached.wait()
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert await flow.everything() == before
    assert await rows.is_closed()


@dataclass
class Moving:
    """A source without snapshot: implements ``Source`` and ``Reading``, a reading after another."""

    table: SourceTable
    readings: list[Sequence[Row]]

    @asynccontextmanager
    async def read(self, _: TableSpec) -> AsyncIterator[Moving]:
        yield self

    async def count(self) -> int | None:
        return None

    async def batches(self, columns: Sequence[Column]) -> AsyncGenerator[pl.DataFrame, None]:
        yield make_frame(columns, self.readings.pop(0))

    async def table_now(self) -> SourceTable:
        return self.table


async def test_a_row_that_moved_while_it_was_read_is_read_again(flow: Flow) -> None:
    """DESIGN 4: without a snapshot a duplicate is read once more, and nothing of the first stays."""
    moved = (*A[:2], "y", *A[3:])
    source = Moving(replace(flow.table, snapshot=False), [[A, B, moved], [B, moved]])
    flow.pipeline = replace(flow.pipeline, source=source)
    promoted = await flow.pipeline.run(Job(table=flow.spec), Silent())
    assert promoted.counts == Counts(extracted=2, inserted=2)
    assert sorted(await flow.open_rows(), key=repr) == sorted([B, moved], key=repr)
    source.readings = [[A, A], [A, A]]
    with pytest.raises(DuplicateKey):
        await flow.pipeline.run(Job(table=flow.spec), Silent())
