"""The daemon as one process: everything wired, signals in, an exit code out."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from cdc_daemon.daemon.generations import Generations
from cdc_daemon.daemon.http import HttpServer, Told
from cdc_daemon.daemon.leased import LeasedFeed, LeasedHousekeeping, LeasedRunner, Wired
from cdc_daemon.daemon.reload import Load, Reloader, RestartNeeded
from cdc_daemon.daemon.rules_check import RulesCheck
from cdc_daemon.daemon.shutdown import Shutdown
from cdc_daemon.daemon.supervisor import Drain, Supervisor
from cdc_daemon.daemon.watch import Outlook, Watch
from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.observability.metrics.loop_gap import LoopGap
from cdc_daemon.observability.metrics.metrics import Metrics
from cdc_daemon.observability.metrics.watched import Watched
from cdc_daemon.orchestration.housekeeping import Housekeeper
from cdc_daemon.orchestration.lanes import Lanes
from cdc_daemon.orchestration.scheduler import Scheduler
from cdc_daemon.ports.statistics import MemoryUse, PoolStats

STOPPED = 128
FORCE_SECONDS = 3.0
"""How long cancelled work may take once a second signal came; then the process ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the composition root hands over."""

    first: ConfigSnapshot
    load: Load
    restart_needed: RestartNeeded
    metrics: Metrics
    opened: Callable[[ConfigSnapshot], AbstractAsyncContextManager[Wired]]
    pools: Callable[[], tuple[PoolStats, ...]]
    landing_bytes: Callable[[], int]
    memory: Callable[[], MemoryUse]
    prepare: Callable[[ConfigSnapshot], None]
    """What may still refuse a new snapshot, with ConfigError: logging is set up anew."""


class Daemon:
    """One daemon; ``run`` it once."""

    def __init__(self, parts: Parts) -> None:
        self.shutdown = Shutdown()
        self._watch = Watch(parts.metrics, self.shutdown)
        self._lanes = Lanes(parts.first.lanes)
        self.reloader = Reloader(
            parts.first,
            parts.load,
            parts.restart_needed,
            self._watch,
            notify=self._reloaded,
            prepare=parts.prepare,
        )
        self._generations: Generations[Wired] = Generations(
            lambda version: parts.opened(self.reloader.snapshot(version))
        )
        feed = LeasedFeed(self._generations, self.reloader)
        self.scheduler = Scheduler(self.reloader, self._lanes, feed, self._watch)
        keeping = LeasedHousekeeping(self._generations, self.reloader)
        self._housekeeper = Housekeeper(feed.reached, keeping, self._watch)
        self._rules_check = RulesCheck(self._generations, self.reloader)
        self._runner = LeasedRunner(self._generations, self.reloader)
        self._parts = parts
        self.http = HttpServer(parts.first.http, self._told())

    async def run(self) -> int:
        """Until a signal, or a service that fails.

        Returns:
            The exit code: 0 after a clean drain, 128 and the signal's number after a forced one.

        Raises:
            CdcError: a service failed, or the control schema is newer than this daemon.
        """
        ended_by = self._install_signals()
        self._watch.started(self._parts.first)
        supervisor = Supervisor(
            scheduler=self.scheduler,
            lanes=self._lanes,
            workers=self._parts.first.lanes,
            runner=self._runner,
            shutdown=self.shutdown,
            services=(
                self.http,
                self.reloader,
                self._housekeeper,
                self._rules_check,
                LoopGap(self._parts.metrics.loop_gap),
            ),
            grace_seconds=lambda: self.reloader.current.runtime.grace_seconds,
        )
        try:
            drain = await supervisor.run()
        finally:
            await self._generations.aclose()
        return STOPPED + ended_by[-1] if drain is Drain.FORCED and ended_by else 0

    def _reloaded(self) -> None:
        self.scheduler.wake()
        self._rules_check.ask()

    def _told(self) -> Told:
        outlook = Outlook(
            self.reloader,
            self.scheduler,
            self._lanes,
            self._watch,
            self._parts.metrics,
            self._runner.last.get,
        )
        self._parts.metrics.watch(
            Watched(
                lanes=self._lanes.stats,
                pools=self._parts.pools,
                locks_held=lambda: len(self._lanes.running),
                landing_bytes=self._parts.landing_bytes,
                memory=self._parts.memory,
            )
        )
        return Told(
            metrics=self._parts.metrics,
            readiness=self._watch,
            status=outlook.status,
            publish=outlook.publish,
        )

    def _install_signals(self) -> list[int]:
        """SIGTERM and SIGINT drain, a second one forces; SIGHUP reloads."""
        loop = asyncio.get_running_loop()
        received: list[int] = []

        def stop(number: signal.Signals) -> None:
            received.append(number)
            self.shutdown.request(number.name)
            if self.shutdown.forced.is_set():  # law 7: a driver's thread may hang for good
                loop.call_later(FORCE_SECONDS, os._exit, STOPPED + number)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop, number)
        loop.add_signal_handler(signal.SIGHUP, self.reloader.ask)
        return received
