"""How a batch's rows come: landed, or straight into a table that has no history yet.

Reading, hashing and landing run side by side, and so do the count and the open versions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from cdc_daemon.cdc.guards import Facts, trips
from cdc_daemon.cdc.row_hash import HASH, KEY
from cdc_daemon.errors import DuplicateKey, IncompatibleChange, NoHistory, RowRefused
from cdc_daemon.extract.extractor import Extractor, bound, with_text
from cdc_daemon.model.change import Counts
from cdc_daemon.model.run import Batch, Job, Promoted
from cdc_daemon.orchestration.comparison import Comparison
from cdc_daemon.orchestration.steps import COMPARE, EXTRACT, PROMOTE, Steps
from cdc_daemon.orchestration.together import together
from cdc_daemon.orchestration.verdict import judge
from cdc_daemon.orchestration.workspace import Workspace
from cdc_daemon.ports.flow import Arriving, Begun, History, Landed
from cdc_daemon.ports.source import DoesNotFit, Reading, Source
from cdc_daemon.ports.target import Batches, Target
from cdc_daemon.ports.telemetry import RunObserver
from cdc_daemon.transformation.configured import TableRules
from cdc_daemon.transformation.resolved import Resolved

BEGIN_SECONDS = 5.0
"""How long a batch that is being stopped is waited for to get its number."""
BY_RULES = (
    "Rules of transformation decide about columns, too: give the column back its type or take the "
    "rule away; undo the change at the source; or set `target_table:` to begin a new history."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One reading of a table, from the fence to its last row."""

    job: Job
    rules: TableRules
    source: Source
    target: Target
    batches: Batches
    reads: asyncio.Semaphore
    run_id: str
    max_key_bytes: int
    space: Workspace
    observer: RunObserver

    async def landed(self, comparison: Comparison, *, numbered: bool) -> Landed:
        """All rows on disk, and what they are compared with; without a number nothing is written
        to the target.
        """
        async with together() as beside, self._opened(numbered=numbered) as opened:
            return await self._landed(*opened, comparison, beside)

    async def landed_or_promoted(self, comparison: Comparison, steps: Steps) -> Landed | Promoted:
        """The same; but a table without history has one by the time all its rows have come."""
        async with together() as beside, self._opened(numbered=True) as opened:
            if opened[0].history.is_empty:
                try:
                    return await self._promoted(*opened, steps)
                except RowRefused:  # which one is found among rows that have landed
                    for pile in (self.space.captured, self.space.apart):
                        await asyncio.to_thread(pile.clear)
                    steps.begin(EXTRACT)
            return await self._landed(*opened, comparison, beside)

    @asynccontextmanager
    async def _opened(self, *, numbered: bool) -> AsyncIterator[tuple[Begun, Reading, Resolved]]:
        table = self.job.table
        async with self.reads:
            fence = await self.target.fence(table)  # before the snapshot: law 2
            async with self.source.read(table) as reading:
                read_at = await self.target.now()  # just after it opened
                rules = await bound(self.rules, table, reading.table)
                prepared = await self._prepared(rules)
                if prepared.is_empty and self.job.replay is not None:
                    raise NoHistory(f"{table.id}: nothing was loaded yet")
                batch = Batch(number=0, table=table.id, window=self.job.window, read_at=read_at)
                if numbered:
                    batch = await self._numbered(read_at)
                history = replace(prepared, state=fence)
                yield (
                    Begun(
                        job=self.job,
                        batch=batch,
                        history=history,
                        rules=rules.descriptions,
                        told=rules.told,
                    ),
                    reading,
                    rules,
                )

    async def _prepared(self, rules: Resolved) -> History:
        try:
            return await self.target.prepare(self.job.table, rules.table)
        except IncompatibleChange as error:
            if rules.table == rules.source:
                raise
            raise IncompatibleChange(str(error), remedy=BY_RULES) from error

    async def _numbered(self, read_at: datetime) -> Batch:
        beginning = asyncio.ensure_future(
            self.batches.begin(self.job.table, self.job.window.name, read_at, self.run_id)
        )
        try:
            batch = await asyncio.shield(beginning)
        except asyncio.CancelledError:
            # the number may be on record by now: whoever closes the record must know it
            await asyncio.wait({beginning}, timeout=BEGIN_SECONDS)
            if beginning.done() and not beginning.cancelled() and beginning.exception() is None:
                self.observer.numbered(beginning.result())
            raise
        self.observer.numbered(batch)
        return batch

    async def _landed(
        self,
        begun: Begun,
        reading: Reading,
        rules: Resolved,
        comparison: Comparison,
        beside: asyncio.TaskGroup,
    ) -> Landed:
        if not begun.history.is_empty:
            beside.create_task(comparison.read(begun))
        async with together() as group:
            counting = group.create_task(self._count(reading))
            extractor = self._extractor(reading, rules, counting)
            shape = await extractor.land_unique(self.space.rows, self.space.captured)
        await extractor.unmoved()
        return Landed(
            begun=replace(begun, history=replace(begun.history, table=shape)),
            rows=self.space.rows,
            extracted=self.space.captured.rows + self.space.apart.rows,
            counted=counting.result(),
            apart=self.space.apart.summary(),
        )

    async def _count(self, reading: Reading) -> int | None:
        """Of a replay, no count says whether it was read whole: it deletes nothing (law 10)."""
        return await reading.count() if self.job.replay is None else None

    def _extractor(
        self, reading: Reading, rules: Resolved, counting: asyncio.Task[int | None]
    ) -> Extractor:
        def progress(rows: int) -> None:
            self.observer.rows(rows, counting.result() if counting.done() else None)

        replay = self.job.replay
        return Extractor(
            spec=self.job.table,
            reading=reading,
            rules=self.rules,
            resolved=rules,
            apart=self.space.apart,
            max_key_bytes=self.max_key_bytes,
            only=None if replay is None else pl.Series(sorted(replay), dtype=pl.UInt128),
            progress=progress,
        )

    async def _promoted(
        self, begun: Begun, reading: Reading, rules: Resolved, steps: Steps
    ) -> Promoted:
        table = begun.job.table
        # asked before: the load holds a session of the target, and must not wait for another
        usual = await self.batches.usual(table, table.guards.usual_batches)
        again = not reading.table.snapshot
        while True:
            try:
                return await self._streamed(begun, rules, reading, steps, usual)
            except DoesNotFit as unfit:
                shape = with_text(table.id, rules.source, unfit.column)
                rules = await bound(self.rules, table, shape)
            except DuplicateKey:
                if not again:
                    raise
                again = False  # it may have moved while it was read: once more, as when landed
            for pile in (self.space.captured, self.space.apart):
                await asyncio.to_thread(pile.clear)

    async def _streamed(
        self,
        begun: Begun,
        rules: Resolved,
        reading: Reading,
        steps: Steps,
        usual: tuple[int, ...],
    ) -> Promoted:
        async with together() as group:
            counting = group.create_task(reading.count())
            extractor = self._extractor(reading, rules, counting)
            captured, apart = self.space.captured, self.space.apart

            async def rows() -> AsyncGenerator[pl.DataFrame, None]:
                async with aclosing(extractor.rows(rules)) as frames:
                    async for frame in frames:
                        await captured.add(frame.select(KEY, HASH))
                        yield frame

            async def verdict() -> Counts:
                counted = await counting
                extractor.keyed(captured.rows)
                await extractor.unique(rules.table, captured)
                await extractor.unmoved()
                steps.begin(COMPARE)
                self._judge(begun, counted, usual)
                steps.begin(PROMOTE)
                return Counts(
                    extracted=captured.rows + apart.rows,
                    inserted=captured.rows,
                    quarantined=apart.rejected,
                    filtered=apart.filtered,
                )

            shaped = replace(begun, history=replace(begun.history, table=rules.table))
            arriving = Arriving(begun=shaped, rows=rows(), verdict=verdict)
            return await self.target.first_load(arriving)

    def _judge(self, begun: Begun, counted: int | None, usual: tuple[int, ...]) -> None:
        facts = Facts(
            extracted=self.space.captured.rows + self.space.apart.rows,
            counted=counted,
            usual=usual,
            rejected=self.space.apart.rejected,
        )
        judge(begun, trips(facts, begun.job.table.guards), self.observer)
