"""The pipeline over one table, in steps: capture, compare, promote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import polars as pl

from cdc_daemon.errors import CdcError
from cdc_daemon.extract.landing import LandingArea
from cdc_daemon.memory.quarantine import MemoryQuarantine
from cdc_daemon.memory.source import MemorySource, MemoryTable
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Batch, Job, Promoted
from cdc_daemon.model.table import TableSpec
from cdc_daemon.orchestration.pipeline import Pipeline
from cdc_daemon.ports.flow import Arriving, Begun, Compared, History
from cdc_daemon.ports.source import Source
from cdc_daemon.ports.target import Batches, Refusal, Target
from cdc_daemon.schema.table import Column, SourceTable
from tests.contract.engines.base import WIDE, Engine, Fed, Row, Shape, Version
from tests.factories import make_frame, make_table

PLACES = 4
"""More than there are writers in any test."""


class Silent:
    """Implements ``ports.telemetry.RunObserver``; keeps the batch's number."""

    batch: Batch | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        yield

    def numbered(self, batch: Batch) -> None:
        self.batch = batch

    def rows(self, n: int, total: int | None) -> None:
        """Not shown."""

    def passed(self, guards: tuple[Guard, ...]) -> None:
        """Not shown."""

    def unrecorded(self, error: CdcError) -> None:
        raise AssertionError("the quarantine was not written") from error


@dataclass(slots=True)
class ClockedTarget:
    """A target whose clock a test sets, so that every engine lives through the same instants."""

    inner: Target
    clock: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    async def now(self) -> datetime:
        return self.clock

    async def fence(self, spec: TableSpec) -> TableState:
        return await self.inner.fence(spec)

    async def prepare(self, spec: TableSpec, table: SourceTable) -> History:
        return await self.inner.prepare(spec, table)

    def open_versions(
        self, spec: TableSpec, columns: Sequence[Column], after: datetime
    ) -> AsyncGenerator[pl.DataFrame, None]:
        return self.inner.open_versions(spec, columns, after)

    async def known(self, begun: Begun, keys: pl.DataFrame) -> pl.Series:
        return await self.inner.known(begun, keys)

    async def first_load(self, arriving: Arriving) -> Promoted:
        return await self.inner.first_load(arriving)

    async def refused(self, compared: Compared) -> tuple[Refusal, ...]:
        return await self.inner.refused(compared)

    async def promote(self, compared: Compared) -> Promoted:
        return await self.inner.promote(compared)

    async def sweep(self, spec: TableSpec) -> int:
        return await self.inner.sweep(spec)

    async def ping(self) -> None:
        await self.inner.ping()


def pipeline(source: Source, target: Target, batches: Batches, landings: LandingArea) -> Pipeline:
    """The product's pipeline over these adapters."""
    return Pipeline(
        source=source,
        target=target,
        batches=batches,
        landings=landings,
        max_key_bytes=2_700,
        run_id="a run",
        reads=asyncio.Semaphore(4),
        quarantine=MemoryQuarantine(),
    )


@dataclass(slots=True, kw_only=True)
class Flow:
    """Batches of one table into one engine's target; ``target.clock`` says when."""

    engine: Engine
    spec: TableSpec
    shape: Shape
    table: SourceTable
    source: MemorySource
    target: ClockedTarget
    pipeline: Pipeline

    @classmethod
    def over(
        cls, engine: Engine, spec: TableSpec, landings: LandingArea, shape: Shape = WIDE
    ) -> Flow:
        source, target = MemorySource(), ClockedTarget(engine.target)
        table = make_table(shape.types, key=shape.key)
        source.tables[spec.id] = MemoryTable(table, make_frame(table.columns, ()))
        return cls(
            engine=engine,
            spec=spec,
            shape=shape,
            table=table,
            source=source,
            target=target,
            pipeline=pipeline(source, target, engine.batches, landings),
        )

    @asynccontextmanager
    async def compared(
        self, rows: Sequence[Row], read_at: datetime | None = None
    ) -> AsyncIterator[Compared]:
        """A batch that has come as far as promote."""
        self.target.clock = read_at or self.target.clock
        frame = make_frame(self.table.columns, rows)
        self.source.tables[self.spec.id] = MemoryTable(self.table, frame)
        job = Job(table=self.spec)
        async with self.pipeline.compared(job, Silent(), numbered=True) as compared:
            yield compared

    async def batch(self, rows: Sequence[Row], read_at: datetime | None = None) -> Promoted:
        """A whole batch."""
        async with self.compared(rows, read_at) as compared:
            return await self.target.promote(compared)

    async def begun(self) -> Begun:
        """A batch whose rows have not come yet."""
        state = await self.target.fence(self.spec)
        history = replace(await self.prepare(), state=state)
        batch = await self.engine.batches.begin(self.spec, "all", self.target.clock, "a run")
        return Begun(job=Job(table=self.spec), batch=batch, history=history)

    async def prepare(self) -> History:
        """The fence and the needs of the target."""
        return await self.target.prepare(self.spec, self.table)

    async def versions(self) -> list[Version]:
        """Every row of bronze."""
        return await self.engine.versions(self.spec, self.shape)

    async def feed(self) -> list[Fed]:
        """Every row of stage."""
        return await self.engine.feed(self.spec, self.shape)

    async def everything(self) -> tuple[object, ...]:
        """All that a promote may write: equal before and after one that wrote nothing."""
        state = await self.engine.states.state(self.spec.id)
        checkpoint = await self.engine.checkpoint(self.spec.id)
        return await self.versions(), await self.feed(), state, checkpoint

    async def open_rows(self) -> list[Row]:
        """What holds now."""
        return [version.row for version in await self.versions() if version.valid_to is None]
