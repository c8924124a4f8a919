"""``ports.target.Target.promote`` under the fence: all of a batch, or nothing at all (law 2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from cdc_daemon.errors import ClockSkew, LandingFailed, LostRace
from tests.contract.engines.flow import Flow

pytestmark = pytest.mark.asyncio

MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
A = ("a", "b", "x", 1, None)
A2 = ("a", "b", "y", 1, None)
B = ("b", "b", "x", 1, None)
HISTORIES = pytest.mark.parametrize("loaded", [[], [A]], ids=["first load", "changes"])


async def _begun(flow: Flow, loaded) -> None:
    if loaded:
        await flow.batch(loaded)


@HISTORIES
async def test_an_epoch_that_somebody_raised_loses_the_race(flow: Flow, loaded) -> None:
    """Law 2: the epoch is compared and set; where it moved, nothing of the batch is written."""
    await _begun(flow, loaded)
    async with flow.compared([A2, B]) as compared:
        await flow.engine.raise_epoch(flow.spec.id)
        before = await flow.everything()
        with pytest.raises(LostRace, match=str(flow.spec.id)):
            await flow.target.promote(compared)
        assert await flow.everything() == before
    await flow.batch([A2, B])
    assert await flow.open_rows() == [A2, B]


@HISTORIES
async def test_of_two_compared_batches_one_is_promoted(flow: Flow, loaded) -> None:
    """Law 2: two writers that saw one epoch; the second to promote is the loser, and no trace."""
    await _begun(flow, loaded)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(flow.compared([A2]))
        second = await stack.enter_async_context(flow.compared([B]))
        await flow.target.promote(second)
        before = await flow.everything()
        with pytest.raises(LostRace):
            await flow.target.promote(first)
        assert await flow.everything() == before
    assert await flow.open_rows() == [B]


@HISTORIES
async def test_one_batch_is_promoted_once(flow: Flow, loaded) -> None:
    """Law 5: promoting the same comparison again is a lost race, not a second version."""
    await _begun(flow, loaded)
    async with flow.compared([A2, B]) as compared:
        await flow.target.promote(compared)
        before = await flow.everything()
        with pytest.raises(LostRace):
            await flow.target.promote(compared)
        assert await flow.everything() == before


@HISTORIES
async def test_an_abandoned_batch_is_not_promoted(flow: Flow, loaded) -> None:
    """Law 2: who begins a batch has the table; an earlier one that wakes up has lost it."""
    await _begun(flow, loaded)
    async with flow.compared([A2]) as compared:
        await flow.engine.batches.begin(flow.spec, "all", flow.target.clock, "another")
        before = await flow.everything()
        with pytest.raises(LostRace, match="abandoned"):
            await flow.target.promote(compared)
        assert await flow.everything() == before


@pytest.mark.parametrize("rows", [[A2], []], ids=["update", "delete"])
async def test_a_version_with_another_hash_is_not_closed(flow: Flow, rows) -> None:
    """Law 2: versions close by key *and* the hash seen at compare, or the batch is rolled back."""
    await flow.batch([A])
    async with flow.compared([*rows, B]) as compared:
        await flow.engine.rehash(flow.spec, A[:2])
        before = await flow.everything()
        with pytest.raises(LostRace):
            await flow.target.promote(compared)
        assert await flow.everything() == before


@HISTORIES
async def test_rows_that_cannot_be_read_back_leave_nothing(flow: Flow, loaded) -> None:
    """Law 7: a landing that fails in the middle of promote rolls everything back."""
    await _begun(flow, loaded)
    async with flow.compared([A2, B]) as compared:
        before = await flow.everything()
        broken = replace(compared, landed=replace(compared.landed, rows=_Broken()))
        with pytest.raises(LandingFailed):
            await flow.target.promote(broken)
        assert await flow.everything() == before
        await flow.target.promote(compared)
    assert await flow.open_rows() == [A2, B]


class _Broken:
    """Rows on a disk that has gone; implements ``ports.flow.LandedRows``."""

    async def take(self, positions: pl.Series) -> AsyncIterator[pl.DataFrame]:
        raise LandingFailed("the disk is gone")
        yield

    async def all(self) -> AsyncIterator[pl.DataFrame]:
        raise LandingFailed("the disk is gone")
        yield


@pytest.mark.parametrize("behind", [MICROSECOND, MINUTE, 5 * MINUTE])
async def test_a_clock_that_stepped_back_a_little_is_absorbed(flow: Flow, behind) -> None:
    """Law 3: the instant is the last one plus 1 µs, and the change is captured as any other."""
    await flow.batch([A])
    last = flow.target.clock + behind
    await flow.engine.set_last_instant(flow.spec.id, last)
    promoted = await flow.batch([A2])
    assert promoted.instant == last + MICROSECOND
    assert await flow.open_rows() == [A2]


async def test_a_clock_that_stepped_back_far_stops_the_table(flow: Flow) -> None:
    """A last instant more than five minutes ahead is ``ClockSkew``, and nothing is written."""
    await flow.batch([A])
    await flow.engine.set_last_instant(flow.spec.id, flow.target.clock + 5 * MINUTE + MICROSECOND)
    async with flow.compared([A2]) as compared:
        before = await flow.everything()
        with pytest.raises(ClockSkew, match=str(flow.spec.id)):
            await flow.target.promote(compared)
        assert await flow.everything() == before
    await flow.batch([A2], flow.target.clock + 6 * MINUTE)
    assert await flow.open_rows() == [A2]
