"""The whole application, wired as the command line wires it, between databases of any engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Self

from cdc_daemon.bootstrap import App, app
from cdc_daemon.model.config import ConfigSnapshot, ConnectionSpec, LaneSpec, TargetSpec
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Job, RunOutcome, Status
from cdc_daemon.model.table import TableSpec
from cdc_daemon.orchestration.once import run_once
from tests.support.recorded import RecordedProgress, RecordedTelemetry


class Wired:
    """``async with Wired(connections, target="wh", tables=[…]) as wired``.

    Entering applies the control schema unless ``migrate`` is false.
    """

    def __init__(
        self,
        connections: Mapping[str, ConnectionSpec],
        *,
        target: str,
        tables: Iterable[TableSpec],
        workers: int = 4,
        migrate: bool = True,
    ) -> None:
        self._migrate = migrate
        self._stack = AsyncExitStack()
        self.progress = RecordedProgress()
        self.telemetry = RecordedTelemetry()
        self.app: App = None  # type: ignore[assignment] # there once entered
        self.config = ConfigSnapshot(
            version=1,
            digest="",
            connections=connections,
            target=TargetSpec(connection=target),
            tables=tuple(tables),
            lanes={"small": LaneSpec(workers=workers, queue_size=64)},
        )

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._enter(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
        await self._stack.aclose()

    async def _enter(self, stack: AsyncExitStack) -> None:
        wired = app(self.config, lambda ref: ref.locator, self.progress, self.telemetry)
        self.app = await stack.enter_async_context(wired)
        if self._migrate:
            await self.app.control.apply()

    # -- running --------------------------------------------------------------------------------

    async def once(
        self, *names: str, force: bool = False, accept: Iterable[Guard] = ()
    ) -> dict[str, RunOutcome]:
        """One pass over the named tables, or all of them; outcomes by table name."""
        jobs = [
            Job(table=spec, force=force, accepted=frozenset(accept))
            for spec in self.config.tables
            if not names or spec.id.name in names
        ]
        outcomes = await run_once(jobs, self.app.runner, self.config.lanes)
        return {outcome.table.name: outcome for outcome in outcomes}

    async def run(self, name: str | None = None, **how: Any) -> RunOutcome:
        """One run of one table: the named one, or the only one."""
        name = name or self.config.tables[0].id.name
        return (await self.once(name, **how))[name]

    async def succeeds(self, *names: str, **how: Any) -> dict[str, RunOutcome]:
        """A pass in which every table succeeds; the first error, with its stack, where not."""
        outcomes = await self.once(*names, **how)
        for outcome, error in zip(self.telemetry.outcomes, self.telemetry.errors, strict=True):
            if outcome.status is not Status.SUCCEEDED and outcome in outcomes.values():
                raise AssertionError(outcome) from error
        return outcomes

    def change(self, name: str, **changed: Any) -> None:
        """Configure a table differently from now on."""
        self.config = replace(
            self.config,
            tables=tuple(
                replace(spec, **changed) if spec.id.name == name else spec
                for spec in self.config.tables
            ),
        )

    def spec(self, name: str | None = None) -> TableSpec:
        """The configured table of that name, or the only one."""
        return next(t for t in self.config.tables if name is None or t.id.name == name)
