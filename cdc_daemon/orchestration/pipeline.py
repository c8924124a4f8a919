"""The flow: extract → compare → promote.

Each step takes what the one before made and nothing else; a step out of order does not
type-check. ``plan`` is the same flow without promote.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from cdc_daemon.cdc.compare import LATER, OPEN_SCHEMA, VERSION, compare
from cdc_daemon.cdc.guards import Facts, trips
from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY, RECIPES, key_digest
from cdc_daemon.errors import GuardTripped, TooManyChanges
from cdc_daemon.extract.extractor import extract
from cdc_daemon.extract.landing import Landing, LandingArea
from cdc_daemon.model.change import Changes
from cdc_daemon.model.run import Batch, Job, Promoted
from cdc_daemon.ports.flow import POSITION, Compared, Landed
from cdc_daemon.ports.source import Source
from cdc_daemon.ports.target import Batches, Target
from cdc_daemon.ports.telemetry import RunObserver

KEYS_AT_A_TIME = 100_000
BEGIN_SECONDS = 5.0
"""How long a batch that is being stopped is waited for to get its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The flow between one source and the target."""

    source: Source
    target: Target
    batches: Batches
    landings: LandingArea
    max_key_bytes: int
    run_id: str
    reads: asyncio.Semaphore
    """One place for each session the source has for us: batches beyond that wait their turn."""

    async def run(self, job: Job, observer: RunObserver) -> Promoted:
        """One batch of the job's table.

        Raises:
            GuardTripped: the batch looks like an accident; nothing was written.
            CdcError: anything else that stopped it; nothing was written either.
        """
        async with self.compared(job, observer, numbered=True) as compared:
            _judge(compared, observer)
            with observer.step("SCD2_PROMOTION"):
                return await self.target.promote(compared)

    @asynccontextmanager
    async def compared(
        self, job: Job, observer: RunObserver, *, numbered: bool
    ) -> AsyncIterator[Compared]:
        """The flow as far as the guards; without a number nothing at all is written."""
        with self.landings.landing() as rows, self.landings.landing() as keys:
            async with self.reads:
                with observer.step("EXTRACT"):
                    landed = await self._extract(job, rows, observer, numbered=numbered)
            with observer.step("CDC_PROMOTION"):
                compared = await self._compare(landed, keys)
            yield compared

    async def _extract(
        self, job: Job, landing: Landing, observer: RunObserver, *, numbered: bool
    ) -> Landed:
        table = job.table
        fence = await self.target.fence(table)  # before the snapshot: law 2
        async with self.source.read(table) as reading:
            read_at = await self.target.now()  # just after it opened
            history = replace(await self.target.prepare(table, reading.table), state=fence)
            batch = Batch(number=0, table=table.id, window=job.window, read_at=read_at)
            if numbered:
                batch = await self._begin(job, read_at, observer)
            counted = await reading.count()
            extracted = await extract(
                table.id,
                reading,
                landing,
                max_key_bytes=self.max_key_bytes,
                progress=lambda rows: observer.rows(rows, counted),
            )
        return Landed(
            job=job,
            batch=batch,
            history=replace(history, table=extracted.table),
            digests=extracted.digests,
            rows=landing,
            counted=counted,
        )

    async def _begin(self, job: Job, read_at: datetime, observer: RunObserver) -> Batch:
        beginning = asyncio.ensure_future(
            self.batches.begin(job.table, job.window.name, read_at, self.run_id)
        )
        try:
            batch = await asyncio.shield(beginning)
        except asyncio.CancelledError:
            # the number may be on record by now: whoever closes the record must know it
            await asyncio.wait({beginning}, timeout=BEGIN_SECONDS)
            if beginning.done() and not beginning.cancelled() and beginning.exception() is None:
                observer.numbered(beginning.result())
            raise
        observer.numbered(batch)
        return batch

    async def _compare(self, landed: Landed, keys: Landing) -> Compared:
        opened = await self._open_versions(landed, keys)
        older = await _rehashed(landed, opened)
        changes = await asyncio.to_thread(compare, landed.digests, opened, older)
        if landed.counted is None or landed.counted != landed.digests.height:
            # law 10: a read that is not whole, or not of one instant, earns no deletes
            changes = replace(changes, deleted=changes.deleted.clear())
        return Compared(
            landed=landed,
            changes=changes,
            reopened=await self._reopened(landed, changes),
            opened=opened,
            opened_keys=keys,
            trips=trips(
                Facts(
                    extracted=landed.digests.height,
                    counted=landed.counted,
                    usual=await self._usual(landed),
                    opened=opened.height,
                    updated=changes.updated.height,
                    deleted=changes.deleted.len(),
                ),
                landed.job.table.guards,
            ),
        )

    async def _usual(self, landed: Landed) -> tuple[int, ...]:
        table = landed.job.table
        return await self.batches.usual(table, table.guards.usual_batches)

    async def _open_versions(self, landed: Landed, keys: Landing) -> pl.DataFrame:
        frames = [pl.DataFrame(schema=OPEN_SCHEMA)]
        history = landed.history
        if history.is_empty:
            return frames[0]
        fields = [column.field for column in history.table.key_columns]
        digest = key_digest(history.table.key_columns).alias(KEY)
        # what began before we read has an instant up to the last one known then, even where
        # the clock has stepped back since
        after = max(landed.batch.read_at, history.state.last_instant or landed.batch.read_at)
        found = self.target.open_versions(landed.job.table, history, after)
        async with aclosing(found) as versions:
            async for frame in versions:
                await keys.add(frame.select(fields))
                frames.append(await asyncio.to_thread(frame.select, digest, HASH, VERSION, LATER))
        return pl.concat(frames)

    async def _reopened(self, landed: Landed, changes: Changes) -> pl.Series:
        found = [pl.Series([], dtype=pl.UInt32)]
        if landed.history.is_empty:
            return found[0]
        fields = [column.field for column in landed.history.table.key_columns]
        async for rows in landed.rows.take(changes.inserted):
            for piece in rows.select(*fields, POSITION).iter_slices(KEYS_AT_A_TIME):
                found.append(await self.target.known(landed.job.table, landed.history, piece))
        return pl.concat(found)


async def _rehashed(landed: Landed, opened: pl.DataFrame) -> dict[int, pl.Series]:
    """The landed rows' hashes under each older recipe that open versions still have (law 5)."""
    found = await asyncio.to_thread(opened[VERSION].unique)
    versions = [v for v in found.to_list() if v != CURRENT and v in RECIPES]
    result = {}
    for version in versions:
        recipe = RECIPES[version](landed.history.table.columns)
        parts = [pl.Series([], dtype=pl.UInt128)]
        async for rows in landed.rows.all():
            parts.append((await asyncio.to_thread(rows.select, recipe)).to_series())
        result[version] = pl.concat(parts)
    return result


def _judge(compared: Compared, observer: RunObserver) -> None:
    landed = compared.landed
    job, accepted = landed.job, landed.job.accepted | landed.history.state.accepted
    tripped = [trip for trip in compared.trips if trip.guard not in accepted]
    observer.passed(tuple(trip.guard for trip in compared.trips if trip.guard in accepted))
    if tripped:
        raise GuardTripped(
            f"{job.table.id}: {'; '.join(f'guard {t.guard.value}: {t.reason}' for t in tripped)}",
            guards=tuple(t.guard.value for t in tripped),
        )
    size, allowed = compared.changes.size, job.table.max_batch_rows
    if size > allowed and not landed.history.is_empty:
        raise TooManyChanges(f"{job.table.id}: {size} changes in one batch, allowed are {allowed}")
