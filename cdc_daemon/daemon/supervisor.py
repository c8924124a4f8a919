"""The whole daemon as two nested task groups.

The outer group holds services (http, reload): they outlive the work and are cancelled when it
ends. The inner one holds the work (scheduler, workers): it ends by itself once draining, or is
cancelled at the deadline. A service that ends, however it ends, is a reason to drain, and then
to fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Protocol

from cdc_daemon.daemon.shutdown import Shutdown
from cdc_daemon.errors import CdcError, ServiceStopped
from cdc_daemon.model.config import LaneSpec
from cdc_daemon.model.run import Job
from cdc_daemon.orchestration.lanes import Lanes, LanesClosed
from cdc_daemon.orchestration.scheduler import Scheduler
from cdc_daemon.ports.runner import Runner


class Service(Protocol):
    """Runs until it is cancelled."""

    @property
    def name(self) -> str:
        """For logs and task names."""
        ...

    async def run(self) -> None:
        """Returns only by cancellation."""
        ...


class Drain(Enum):
    """How the work ended."""

    CLEAN = "clean"
    FORCED = "forced"
    """Running batches were cancelled: the grace ran out, or a second signal came."""


class Supervisor:
    """Starts everything, and sees everything end."""

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        lanes: Lanes,
        workers: Mapping[str, LaneSpec],
        runner: Runner,
        shutdown: Shutdown,
        services: Sequence[Service],
        grace_seconds: Callable[[], float],
    ) -> None:
        self._scheduler = scheduler
        self._lanes = lanes
        self._workers = workers
        self._runner = runner
        self._shutdown = shutdown
        self._services = services
        self._grace = grace_seconds
        self._fatal: list[Exception] = []
        self.handed_back: tuple[Job, ...] = ()

    async def run(self) -> Drain:
        """Until drained.

        Raises:
            Exception: what a service failed of, after the work was drained.
        """
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(self._serve(s), name=s.name) for s in self._services]
            try:
                drain = await self._work()
            finally:
                for task in running:
                    task.cancel()
        if self._fatal:
            raise self._fatal[0]
        return drain

    async def _serve(self, service: Service) -> None:
        try:
            await service.run()
        except Exception as error:  # noqa: BLE001 - the guard: whatever it was, the answer is to drain
            self._fatal.append(error)
        else:
            self._fatal.append(ServiceStopped(f"service {service.name} ended by itself"))
        self._drain(f"service {service.name} failed")

    def _drain(self, reason: str) -> None:
        if not self._shutdown.draining.is_set():  # only a person forces
            self._shutdown.request(reason)

    async def _work(self) -> Drain:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as deadline:

                def hurry() -> None:
                    wait = 0.0 if self._shutdown.forced.is_set() else self._grace()
                    with suppress(RuntimeError):  # it has passed, or the work is over
                        deadline.reschedule(loop.time() + wait)
                    self._scheduler.wake()

                self._shutdown.listen(hurry)
                if self._shutdown.draining.is_set():  # asked before we were listening
                    hurry()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._close_on_drain(), name="close-lanes")
                    group.create_task(self._schedule(), name="scheduler")
                    for lane, spec in self._workers.items():
                        for n in range(spec.workers):
                            group.create_task(self._worker(lane), name=f"{lane}-{n}")
        except TimeoutError:
            return Drain.FORCED
        return Drain.CLEAN

    async def _schedule(self) -> None:
        try:
            await self._scheduler.run(self._shutdown.draining)
        except CdcError as error:
            self._fatal.append(error)
            self._drain("the scheduler failed")

    async def _close_on_drain(self) -> None:
        await self._shutdown.draining.wait()
        self.handed_back = self._lanes.close()

    async def _worker(self, lane: str) -> None:
        while True:
            try:
                async with self._lanes.take(lane) as job:
                    outcome = await self._runner.run(job)
            except LanesClosed:
                return
            self._scheduler.record(job, outcome)
