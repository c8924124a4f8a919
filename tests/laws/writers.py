"""Writers that stand still before every call of a port, so that a test decides who goes next.

A writer is the real pipeline over in-memory adapters, without a lock: only the fence is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from cdc_daemon.extract.landing import LandingArea
from cdc_daemon.memory.source import MemoryReading, MemorySource
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.run import Batch, Job, Promoted
from cdc_daemon.model.table import TableSpec
from cdc_daemon.ports.flow import Arriving, Begun, Compared, History
from cdc_daemon.ports.target import Batches, Target
from cdc_daemon.schema.table import Column, SourceTable
from tests.contract.engines.flow import Silent, pipeline


@dataclass(slots=True)
class Gate:
    """Where a writer waits for its turn."""

    at: str | None = None
    """The call it waits before; None while it is on its way, or has ended."""
    _turn: asyncio.Future[None] | None = None
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def before(self, call: str) -> None:
        """Wait for the turn; fails where the test says so."""
        self.at, self._turn = call, asyncio.get_running_loop().create_future()
        self._arrived.set()
        await self._turn

    def open(self, failure: Exception | None = None) -> None:
        """Let the writer go on, or fail where it stands."""
        assert self._turn is not None
        self.at = None
        self._arrived.clear()
        if failure is None:
            self._turn.set_result(None)
        else:
            self._turn.set_exception(failure)

    async def arrival(self) -> None:
        """The writer stands before a call."""
        await self._arrived.wait()


@dataclass(frozen=True, slots=True)
class GatedSource:
    """Implements ``ports.source.Source``."""

    inner: MemorySource
    gate: Gate

    @asynccontextmanager
    async def read(self, spec: TableSpec) -> AsyncIterator[MemoryReading]:
        await self.gate.before("read")
        async with self.inner.read(spec) as reading:
            yield reading

    async def ping(self) -> None:
        await self.inner.ping()


@dataclass(frozen=True, slots=True)
class GatedTarget:
    """Implements ``ports.target.Target``."""

    inner: Target
    gate: Gate

    async def now(self) -> datetime:
        await self.gate.before("now")
        return await self.inner.now()

    async def fence(self, spec: TableSpec) -> TableState:
        return await self.inner.fence(spec)

    async def prepare(self, spec: TableSpec, table: SourceTable) -> History:
        await self.gate.before("prepare")
        return await self.inner.prepare(spec, table)

    async def open_versions(
        self, spec: TableSpec, columns: Sequence[Column], after: datetime
    ) -> AsyncGenerator[pl.DataFrame, None]:
        await self.gate.before("open_versions")
        async for frame in self.inner.open_versions(spec, columns, after):
            yield frame

    async def known(self, begun: Begun, keys: pl.DataFrame) -> pl.Series:
        await self.gate.before("known")
        return await self.inner.known(begun, keys)

    async def first_load(self, arriving: Arriving) -> Promoted:
        await self.gate.before("promote")
        return await self.inner.first_load(arriving)

    async def promote(self, compared: Compared) -> Promoted:
        await self.gate.before("promote")
        return await self.inner.promote(compared)

    async def sweep(self, spec: TableSpec) -> int:
        return await self.inner.sweep(spec)

    async def ping(self) -> None:
        await self.inner.ping()


@dataclass(frozen=True, slots=True)
class GatedBatches:
    """Implements ``ports.target.Batches``."""

    inner: Batches
    gate: Gate

    async def begin(self, spec: TableSpec, window: str, read_at: datetime, run_id: str) -> Batch:
        await self.gate.before("begin")
        return await self.inner.begin(spec, window, read_at, run_id)

    async def usual(self, spec: TableSpec, limit: int) -> tuple[int, ...]:
        return await self.inner.usual(spec, limit)


class Writer:
    """One run of the pipeline, a step at a time."""

    def __init__(
        self,
        spec: TableSpec,
        source: MemorySource,
        target: Target,
        batches: Batches,
        landings: LandingArea,
    ) -> None:
        self.gate = Gate()
        self.observer = Silent()
        gated = GatedSource(source, self.gate), GatedTarget(target, self.gate)
        flow = pipeline(*gated, GatedBatches(batches, self.gate), landings)
        self.task = asyncio.ensure_future(flow.run(Job(table=spec), self.observer))

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self.task.done()

    async def arrive(self) -> None:
        """Until it stands before its next call, or has ended."""
        arrival = asyncio.ensure_future(self.gate.arrival())
        await asyncio.wait({self.task, arrival}, return_when=asyncio.FIRST_COMPLETED)
        arrival.cancel()
        with suppress(asyncio.CancelledError):
            await arrival

    async def step(self, failure: Exception | None = None) -> None:
        """Past the call it stands before, and on to the next."""
        self.gate.open(failure)
        await self.arrive()

    async def until(self, call: str) -> None:
        """On until it stands before ``call``."""
        await self.arrive()
        while self.gate.at != call and not self.ended:
            await self.step()

    async def finish(self) -> Promoted:
        """On to its end, as nobody stood in its way."""
        await self.arrive()
        while not self.ended:
            await self.step()
        return self.task.result()

    async def killed(self) -> None:
        """Gone where it stands."""
        self.task.cancel()
        await asyncio.wait({self.task})
