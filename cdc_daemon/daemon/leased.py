"""Work on the resources of the configuration it was made under, leased for as long as it lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cdc_daemon.daemon.generations import Generations
from cdc_daemon.errors import CdcError, Retry
from cdc_daemon.model.run import Job, RunOutcome, Status
from cdc_daemon.model.table import TableId
from cdc_daemon.orchestration.scheduler import Snapshots
from cdc_daemon.ports.control import Feed, Housekeeping, Piece, StateFeed
from cdc_daemon.ports.runner import Runner
from cdc_daemon.ports.source import Source
from cdc_daemon.transformation.configured import TableRules


class Control(Protocol):
    """The control schema."""

    async def apply(self) -> object:
        """Bring it to this version's.

        Raises:
            ControlSchemaError: it is newer.
        """
        ...


class Wired(Protocol):
    """What one configuration version has open."""

    @property
    def runner(self) -> Runner:
        """Runs its jobs."""
        ...

    @property
    def states(self) -> StateFeed:
        """Tells of the tables' states."""
        ...

    @property
    def control(self) -> Control:
        """Its control schema."""
        ...

    @property
    def housekeeping(self) -> Housekeeping:
        """Keeps its control tables small."""
        ...

    @property
    def sources(self) -> Mapping[str, Source]:
        """What its tables are read from, by connection."""
        ...

    @property
    def rules(self) -> Mapping[TableId, TableRules]:
        """Of its tables that have some."""
        ...


class InForce(Snapshots, Protocol):
    """The configuration in force, and those before it that are still in use."""

    def knows(self, version: int) -> bool:
        """Whether the version's snapshot is still there."""
        ...

    def forget(self, kept: tuple[int, ...]) -> None:
        """Drop snapshots of versions that are no longer open."""
        ...


@dataclass(frozen=True, slots=True)
class LeasedRunner:
    """Runs a job under its own configuration version, whatever is in force by now."""

    generations: Generations[Wired]
    in_force: InForce
    last: dict[TableId, RunOutcome] = field(default_factory=dict)
    """What came of the last run of each table in this process."""

    async def run(self, job: Job) -> RunOutcome:
        """Raises nothing but cancellation."""
        if not self.in_force.knows(job.config_version):  # it waited through a reload
            return RunOutcome(table=job.table.id, status=Status.SKIPPED, retry=Retry.SKIP)
        try:
            async with self.generations.lease(job.config_version) as wired:
                outcome = await wired.runner.run(job)
        except CdcError as error:  # its resources could not be opened
            outcome = RunOutcome(
                table=job.table.id,
                status=Status.FAILED,
                retry=error.retry,
                error_kind=error.kind,
                error=str(error),
                remedy=error.remedy,
            )
        self.last[outcome.table] = outcome
        self.in_force.forget(self.generations.versions)
        return outcome


@dataclass(slots=True)
class LeasedFeed:
    """Reads states under the configuration in force; first of all migrates the control schema."""

    generations: Generations[Wired]
    in_force: InForce
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the control schema is this version's."""

    async def changed(self, after: datetime) -> Feed:
        """States that changed after ``after``.

        Raises:
            ControlSchemaError: the control schema is newer than this daemon.
            CdcError: the target does not answer.
        """
        async with self.generations.lease(self.in_force.current.version) as wired:
            if not self.reached.is_set():
                await wired.control.apply()
                self.reached.set()
            return await wired.states.changed(after)


@dataclass(frozen=True, slots=True)
class LeasedHousekeeping:
    """Each piece by the retention that is in force when it begins; implements ``Housekeeping``."""

    generations: Generations[Wired]
    in_force: InForce

    async def events(self, after: int) -> Piece:
        """As the port says."""
        async with self.generations.lease(self.in_force.current.version) as wired:
            return await wired.housekeeping.events(after)

    async def batches(self, after: int) -> Piece:
        """As the port says."""
        async with self.generations.lease(self.in_force.current.version) as wired:
            return await wired.housekeeping.batches(after)

    async def quarantine(self, after: int) -> Piece:
        """As the port says."""
        async with self.generations.lease(self.in_force.current.version) as wired:
            return await wired.housekeeping.quarantine(after)
