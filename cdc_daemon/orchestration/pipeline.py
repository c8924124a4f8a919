"""The flow: extract → compare → promote.

Each step takes what the one before made and nothing else; a step out of order does not
type-check. ``plan`` is the same flow without promote.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from cdc_daemon.errors import RowRefused
from cdc_daemon.extract.landing import LandingArea
from cdc_daemon.model.run import Job, Promoted
from cdc_daemon.model.table import TableId
from cdc_daemon.orchestration.arrival import Arrival
from cdc_daemon.orchestration.aside import Aside, rejections
from cdc_daemon.orchestration.comparison import Comparison
from cdc_daemon.orchestration.steps import COMPARE, EXTRACT, PROMOTE, Steps
from cdc_daemon.orchestration.verdict import judge_compared
from cdc_daemon.orchestration.workspace import workspace
from cdc_daemon.ports.flow import Compared
from cdc_daemon.ports.quarantine import Quarantine
from cdc_daemon.ports.source import Source
from cdc_daemon.ports.target import Batches, Target
from cdc_daemon.ports.telemetry import RunObserver
from cdc_daemon.transformation.configured import NO_RULES, TableRules


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
    quarantine: Quarantine
    rules: Mapping[TableId, TableRules] = field(default_factory=lambda: MappingProxyType({}))
    """Of every table that has some, built with the secrets they name."""

    async def run(self, job: Job, observer: RunObserver) -> Promoted:
        """One batch of the job's table.

        Raises:
            GuardTripped: the batch looks like an accident; nothing was written.
            CdcError: anything else that stopped it; nothing was written either.
        """
        aside = Aside(self.quarantine, job, observer)
        async with (
            self._begun(job, aside) as (arrival, comparison, steps),
            aside.recorded(arrival.space.apart),
        ):
            arrived = await arrival.landed_or_promoted(comparison, steps)
            if isinstance(arrived, Promoted):
                return arrived
            steps.begin(COMPARE)
            compared = await comparison.compare(arrived)
            judge_compared(compared, aside)
            steps.begin(PROMOTE)
            try:
                return await self.target.promote(compared)
            except RowRefused:
                compared = await self._without_refused(compared, comparison, aside)
            return await self.target.promote(compared)

    async def _without_refused(
        self, compared: Compared, comparison: Comparison, aside: Aside
    ) -> Compared:
        """The batch without the rows that the target does not take; to be asked in an except.

        Raises:
            RowRefused: it was not a row.
            GuardTripped: they are too many.
        """
        refused = await self.target.refused(compared)
        if not refused:
            raise  # noqa: PLE0704 - in the caller's except
        positions, aside.refused = await rejections(compared, refused)
        left = await comparison.without(compared, positions, aside.refused)
        judge_compared(left, aside)
        return left

    @asynccontextmanager
    async def compared(
        self, job: Job, observer: RunObserver, *, numbered: bool
    ) -> AsyncIterator[Compared]:
        """The flow as far as the guards; without a number nothing at all is written."""
        async with self._begun(job, observer) as (arrival, comparison, steps):
            landed = await arrival.landed(comparison, numbered=numbered)
            steps.begin(COMPARE)
            compared = await comparison.compare(landed)
            steps.close()
            yield compared

    @asynccontextmanager
    async def _begun(
        self, job: Job, observer: RunObserver
    ) -> AsyncIterator[tuple[Arrival, Comparison, Steps]]:
        """What every batch begins with; its room on disk is gone at the end."""
        async with workspace(self.landings) as space:
            arrival = Arrival(
                job=job,
                # fail closed: rules that were not built must not be taken for none
                rules=self.rules[job.table.id] if job.table.rules else NO_RULES,
                source=self.source,
                target=self.target,
                batches=self.batches,
                reads=self.reads,
                run_id=self.run_id,
                max_key_bytes=self.max_key_bytes,
                space=space,
                observer=observer,
            )
            comparison = Comparison(target=self.target, batches=self.batches, space=space)
            with Steps(observer) as steps:
                steps.begin(EXTRACT)
                yield arrival, comparison, steps
