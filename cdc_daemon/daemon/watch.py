"""What the daemon knows of itself: for its log, its metrics, its readiness and its status page."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from cdc_daemon import __version__
from cdc_daemon.daemon.shutdown import Shutdown
from cdc_daemon.daemon.status import DaemonStatus, TableStatus
from cdc_daemon.errors import CdcError, ConfigError
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.model.run import RunOutcome
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.observability.metrics.metrics import Metrics
from cdc_daemon.observability.shapes import Vouched
from cdc_daemon.orchestration.lanes import Lanes
from cdc_daemon.orchestration.scheduler import Scheduler, Snapshots

PATIENCE_SECONDS = 30.0
"""How long the target may not answer before the daemon calls itself not ready."""


class Watch:
    """For the scheduler, reloads and housekeeping; implements ``Readiness``. Raises nothing."""

    def __init__(self, metrics: Metrics, shutdown: Shutdown) -> None:
        self._metrics = metrics
        self._shutdown = shutdown
        self._log = structlog.get_logger("cdc_daemon.daemon")
        self._began = time.monotonic()
        self._answered: float | None = None
        self._failing = False

    def target_failed(self, error: CdcError) -> None:
        """One line when it begins; readiness follows after a while."""
        if not self._failing:
            self._log.warning("target does not answer", error=error)
        self._failing = True

    def target_answered(self) -> None:
        """One line when it ends."""
        if self._failing:
            self._log.info("target answers again")
        self._failing = False
        self._answered = time.monotonic()

    def started(self, snapshot: ConfigSnapshot) -> None:
        """The first configuration."""
        self._metrics.configuration(snapshot, datetime.now(UTC))
        told = Vouched(f"cdc-daemon {__version__}")
        self._log.info("started", message=told, table_count=len(snapshot.tables))

    def reloaded(self, snapshot: ConfigSnapshot) -> None:
        """A new configuration is in force."""
        self._metrics.configuration(snapshot, datetime.now(UTC))
        self._log.info(
            "configuration reloaded", generation=snapshot.version, table_count=len(snapshot.tables)
        )

    def refused(self, error: ConfigError) -> None:
        """The old one stays; every issue is told."""
        self._metrics.reload_refused()
        for issue in error.issues:
            self._log.error("configuration refused", message=Vouched(issue))

    def swept(self, kind: str, rows: int) -> None:
        """Housekeeping deleted so many rows."""
        self._metrics.swept(kind, rows)

    def not_swept(self, error: CdcError) -> None:
        """One line each time: they are minutes apart."""
        self._log.warning("housekeeping failed, and is tried again", error=error)

    def reasons(self) -> tuple[str, ...]:
        """Why the daemon is not ready."""
        reasons = []
        if self._shutdown.draining.is_set():
            reasons.append("draining")
        if self._answered is None:
            reasons.append("the control schema has not been reached yet")
        elif self._failing and time.monotonic() - self._answered > PATIENCE_SECONDS:
            reasons.append("the target does not answer")
        return tuple(reasons)

    @property
    def uptime_seconds(self) -> float:
        """Since this process began."""
        return time.monotonic() - self._began


class Outlook:
    """The tables as this process sees them, from memory."""

    def __init__(
        self,
        in_force: Snapshots,
        scheduler: Scheduler,
        lanes: Lanes,
        watch: Watch,
        metrics: Metrics,
        last: Callable[[TableId], RunOutcome | None],
    ) -> None:
        self._in_force = in_force
        self._scheduler = scheduler
        self._lanes = lanes
        self._watch = watch
        self._metrics = metrics
        self._last = last

    def publish(self) -> None:
        """Tell the metrics of every table; asked for by a scrape."""
        now = self._scheduler.now()
        for spec in self._in_force.current.tables:
            state = self._state(spec)
            self._metrics.table(spec, state, due=self._due(spec, state), now=now)

    def status(self) -> DaemonStatus:
        """Everything, for ``/status`` and the page."""
        snapshot = self._in_force.current
        running, present = self._lanes.running, self._lanes.tables
        return DaemonStatus(
            version=__version__,
            now=self._scheduler.now(),
            uptime_seconds=self._watch.uptime_seconds,
            config_generation=snapshot.version,
            config_digest=snapshot.digest,
            lanes=self._lanes.stats(),
            tables=tuple(
                TableStatus(
                    spec=spec,
                    state=self._state(spec),
                    due_at=self._due(spec, self._state(spec)),
                    queued=spec.id in present and spec.id not in running,
                    running=spec.id in running,
                    last=self._last(spec.id),
                )
                for spec in snapshot.tables
            ),
        )

    def _state(self, spec: TableSpec) -> TableState:
        return self._scheduler.states.get(spec.id, TableState(table=spec.id))

    def _due(self, spec: TableSpec, state: TableState) -> datetime | None:
        """What the scheduler last worked out, so that a scrape of 2,000 tables stays cheap."""
        if state.paused or state.held is not None:
            return None
        return self._scheduler.due_times.last(spec.id)
