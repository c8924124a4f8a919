"""What a batch left out goes on record, whether it is promoted or not, and never stops it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl
import pytest

from cdc_daemon.errors import DatabaseUnavailable, DataError, LostRace
from cdc_daemon.extract import apart as extracted
from cdc_daemon.extract.apart import APART_SCHEMA, Apart, Left
from cdc_daemon.extract.digests import Digests
from cdc_daemon.extract.landing import Landing
from cdc_daemon.memory.quarantine import MemoryQuarantine
from cdc_daemon.model.rejection import Rejection
from cdc_daemon.model.run import Batch, Job
from cdc_daemon.model.window import WHOLE
from cdc_daemon.orchestration.aside import Aside
from tests.contract.engines.flow import Silent
from tests.factories import TABLE, make_spec

pytestmark = pytest.mark.asyncio


@dataclass
class Told(Silent):
    """Keeps what could not be recorded."""

    errors: list[Exception] = field(default_factory=list)

    def unrecorded(self, error) -> None:
        self.errors.append(error)


class Down(MemoryQuarantine):
    """Cannot be written."""

    async def settle(self, batch, keys=None):
        raise DatabaseUnavailable("it is down")


@dataclass
class Case:
    """Batches of one table, and its quarantine."""

    folder: object
    quarantine: MemoryQuarantine = field(default_factory=MemoryQuarantine)
    observer: Told = field(default_factory=Told)
    number: int = 0

    async def batch(self, *keys, ends=None, replay=None, refused=(), numbered=True):
        """One that leaves ``keys`` out, and ends with an error or well."""
        self.number += 1
        aside = Aside(self.quarantine, Job(table=make_spec(), replay=replay), self.observer)
        apart = Apart(Digests(Landing(self.folder), APART_SCHEMA))
        if numbered:
            read_at = datetime(2026, 1, 1, tzinfo=UTC)
            aside.numbered(Batch(number=self.number, table=TABLE, window=WHOLE, read_at=read_at))
        async with aside.recorded(apart):
            found = tuple(Rejection(reason="odd", key=key) for key in keys)
            await apart.add(Left(keys=pl.Series(keys, dtype=pl.UInt128), rejections=found))
            aside.refused = tuple(Rejection(reason="refused", key=key) for key in refused)
            if ends is not None:
                raise ends

    async def open(self) -> set:
        found = await self.quarantine.open(TABLE)
        return {(one.rejection.key, one.rejection.reason) for one in found}


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


async def test_a_promoted_batch_records_what_it_found_and_settles_the_rest(case):
    """Of rules and of the target alike; what is not found again is resolved."""
    await case.batch(1, 2, refused=[3])
    assert await case.open() == {(1, "odd"), (2, "odd"), (3, "refused")}
    await case.batch(2)
    assert await case.open() == {(2, "odd")}
    await case.batch()
    assert await case.open() == set()


async def test_a_batch_that_fails_records_and_settles_nothing(case):
    """What it found is told; what it did not find may be behind the error."""
    await case.batch(1)
    with pytest.raises(DataError):
        await case.batch(2, ends=DataError("stopped"))
    assert await case.open() == {(1, "odd"), (2, "odd")}


@pytest.mark.parametrize("end", [asyncio.CancelledError(), RuntimeError("a bug")])
async def test_a_batch_that_is_stopped_or_breaks_writes_nothing(case, end):
    """Nothing more is awaited on its way out: the next batch finds the same."""
    with pytest.raises(type(end)):
        await case.batch(1, ends=end)
    assert await case.open() == set()


async def test_a_batch_that_lost_the_race_writes_nothing(case):
    """Law 2: what it found is older than what the winner found mended."""
    await case.batch()
    with pytest.raises(LostRace):
        await case.batch(1, ends=LostRace("promoted by somebody else"))
    assert await case.open() == set()


async def test_a_batch_without_a_number_writes_nothing(case):
    """It ended before it was on record itself."""
    with pytest.raises(DataError):
        await case.batch(1, ends=DataError("stopped"), numbered=False)
    assert await case.open() == set()


async def test_a_replay_settles_no_other_keys(case):
    """It read no others."""
    await case.batch(1, 2, 3)
    await case.batch(1, replay=frozenset({1, 2}))
    assert await case.open() == {(1, "odd"), (3, "odd")}


async def test_a_quarantine_that_cannot_be_written_fails_no_batch(case):
    """A promoted batch is history; that it is not on record is told."""
    case.quarantine = Down()
    await case.batch(1)
    assert [type(error) for error in case.observer.errors] == [DatabaseUnavailable]


async def test_what_is_only_counted_resolves_nothing(case, monkeypatch):
    """Beyond the limit nobody knows which rows were found again, so none counts as mended."""
    await case.batch(1, 2)
    monkeypatch.setattr(extracted, "MOST", 1)
    await case.batch(3, 1, 2)
    assert {(1, "odd"), (2, "odd"), (3, "odd"), (None, "unlisted")} == await case.open()
    await case.batch(3)
    assert await case.open() == {(3, "odd")}
