"""What a batch left out, put into quarantine; never in the way of what it could carry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass

import polars as pl

from cdc_daemon.cdc.row_hash import key_digest
from cdc_daemon.errors import CdcError, LostRace
from cdc_daemon.extract.apart import UNLISTED, Apart
from cdc_daemon.model.change import POSITION
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.rejection import Rejection
from cdc_daemon.model.run import Batch, Job
from cdc_daemon.ports.flow import Compared
from cdc_daemon.ports.quarantine import Quarantine
from cdc_daemon.ports.target import Refusal
from cdc_daemon.ports.telemetry import RunObserver


@dataclass(slots=True)
class Aside:
    """One batch's rejections; an observer between the flow and another one, to know its number."""

    quarantine: Quarantine
    job: Job
    observer: RunObserver
    refused: tuple[Rejection, ...] = ()
    """Rows that the target did not take."""
    batch: Batch | None = None

    def step(self, name: str) -> AbstractContextManager[None]:
        """Passed on."""
        return self.observer.step(name)

    def numbered(self, batch: Batch) -> None:
        """Remembered, and passed on."""
        self.batch = batch
        self.observer.numbered(batch)

    def rows(self, n: int, total: int | None) -> None:
        """Passed on."""
        self.observer.rows(n, total)

    def passed(self, guards: tuple[Guard, ...]) -> None:
        """Passed on."""
        self.observer.passed(guards)

    def unrecorded(self, error: CdcError) -> None:
        """Passed on."""
        self.observer.unrecorded(error)

    @asynccontextmanager
    async def recorded(self, apart: Apart) -> AsyncIterator[None]:
        """What the block leaves out goes on record, whether its batch is promoted or not.

        The next batch finds it again where that fails: a promoted batch does not fail for it.
        Who has lost the race has read what is no longer so, and writes nothing (law 2).
        """
        try:
            yield
        except LostRace:
            raise
        except CdcError:
            await self._record(apart, promoted=False)
            raise
        await self._record(apart, promoted=True)

    async def _record(self, apart: Apart, *, promoted: bool) -> None:
        if self.batch is None:
            return
        found = (*apart.summary().rejections, *self.refused)
        try:
            if found:
                await self.quarantine.record(self.batch, found)
            # of rejections that are only counted, nobody knows which were found again
            if promoted and all(one.reason != UNLISTED for one in found):
                await self.quarantine.settle(self.batch, self.job.replay)
        except CdcError as error:
            self.unrecorded(error)


async def rejections(
    compared: Compared, refused: tuple[Refusal, ...]
) -> tuple[pl.Series, tuple[Rejection, ...]]:
    """Positions of rows that the target does not take, sorted, and what tells them."""
    by_position = {one.position: one for one in refused}
    positions = pl.Series(sorted(by_position), dtype=pl.UInt32)
    key = compared.begun.history.table.key_columns
    told: list[Rejection] = []
    async for rows in compared.landed.rows.take(positions):
        for position, digest in zip(rows[POSITION], key_digest(rows, key), strict=True):
            one = by_position[position]
            told.append(Rejection(reason=one.reason, column=one.column, key=digest))
    return positions, tuple(told)
