"""Lives through histories on one engine, a fresh table for each, and looks at what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.errors import ClockSkew
from cdc_daemon.extract.landing import LandingArea
from cdc_daemon.model.run import Job, Promoted
from cdc_daemon.model.table import TableSpec
from tests.contract.engines.base import WIDE, Engine, Fed, Row, Shape, Specs, Version
from tests.contract.engines.flow import ClockedTarget, Silent, pipeline
from tests.laws.histories import LAWS, Moment

T = TypeVar("T")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Captured:
    """A batch that is history, and what it captured."""

    promoted: Promoted
    rows: tuple[Row, ...]
    after: list[Version]
    """All of bronze when it was promoted."""


@dataclass(slots=True, kw_only=True)
class Life:
    """A history that was lived through."""

    captured: list[Captured] = field(default_factory=list)
    refused: int = 0
    """Batches that the clock's skew stopped."""
    versions: list[Version] = field(default_factory=list)
    feed: list[Fed] = field(default_factory=list)


class Bench:
    """``with Bench(start, folder, examples=…) as bench``: one engine in a loop of its own."""

    def __init__(
        self, start: AbstractAsyncContextManager[Engine], folder: Path, *, examples: int
    ) -> None:
        self.examples = settings(LAWS, max_examples=examples)
        self.engine: Engine = None  # type: ignore[assignment] # there once entered
        self._start = start
        self._runner = asyncio.Runner()
        self._landings = LandingArea(str(folder))
        self._specs = Specs()

    def __enter__(self) -> Self:
        self.engine = self.run(self._start.__aenter__())
        return self

    def __exit__(self, *error: object) -> None:
        self.run(self._start.__aexit__(None, None, None))
        self._landings.close()
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs in the engine's loop."""
        return self._runner.run(work)

    def for_all(self, histories: st.SearchStrategy[T], law: Callable[[T], object]) -> None:
        """Checks ``law`` for as many random examples as this engine has time for."""
        self.examples(given(histories)(law))()

    def live(self, history: Iterable[Moment], shape: Shape = WIDE) -> Life:
        """A fresh table with this history."""
        return self.run(self._live(history, shape))

    async def _live(self, history: Iterable[Moment], shape: Shape) -> Life:
        engine, life = self.engine, Life()
        # configured: SQL Server lets no unique index tell trailing spaces apart, a table may
        spec = replace(self._specs.fresh(), key=shape.key)
        await engine.create(spec, shape)
        target = ClockedTarget(engine.target, BEGIN)
        for moment in history:
            target.clock += moment.step
            await engine.put(spec, moment.rows)
            try:
                promoted = await self._batch(spec, target)
            except ClockSkew:
                life.refused += 1
                continue
            versions = await engine.versions(spec, shape)
            life.captured.append(Captured(promoted, moment.rows, versions))
        life.versions = await engine.versions(spec, shape)
        life.feed = await engine.feed(spec, shape)
        return life

    async def _batch(self, spec: TableSpec, target: ClockedTarget) -> Promoted:
        flow = pipeline(self.engine.source, target, self.engine.batches, self._landings)
        return await flow.run(Job(table=spec), Silent())


def as_of(versions: Sequence[Version], moment: datetime) -> list[Row]:
    """The rows that held at ``moment`` (law 4)."""
    return sorted(
        (
            v.row
            for v in versions
            if v.valid_from <= moment and (v.valid_to is None or moment < v.valid_to)
        ),
        key=repr,
    )


def replayed(rows: Sequence[Row], feed: Sequence[Fed], shape: Shape = WIDE) -> list[Row]:
    """What a reader of the change feed has, who began with ``rows``."""
    held = {shape.key_of(row): row for row in rows}
    for fed in feed:
        key = shape.key_of(fed.row)
        if fed.operation == "D":
            assert held.pop(key) == fed.row  # the last known values
        else:
            assert (key in held) == (fed.operation == "U")
            held[key] = fed.row
    return sorted(held.values(), key=repr)
