"""The metrics of one daemon: verbs that say what happened.

Cardinality is bounded by the configuration (pitfall: unbounded labels): what is not configured
has no series, and a batch of a table that was removed while it ran leaves none behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from cdc_daemon.model.change import Counts
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.model.event import WHOLE_RUN
from cdc_daemon.model.run import RunOutcome, Status
from cdc_daemon.model.table import TableSpec
from cdc_daemon.observability.metrics import declared
from cdc_daemon.observability.metrics.error_kinds import error_kind
from cdc_daemon.observability.metrics.gauges import Configured, Gauges
from cdc_daemon.observability.metrics.instruments import Tally, histogram, prune
from cdc_daemon.observability.metrics.pools import MeteredPool, Pools
from cdc_daemon.observability.metrics.watched import Watched
from cdc_daemon.ports.statistics import PoolObserver

_OPERATIONS = ("inserted", "updated", "reopened", "deleted", "unchanged")


class Metrics:
    """Everything that is exposed, on ``registry``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._gauges = Gauges()
        self._batches = Tally(declared.BATCHES, registry)
        self._rows_read = Tally(declared.ROWS_READ, registry)
        self._rows = Tally(declared.ROWS, registry)
        self._rewritten = Tally(declared.ROWS_REWRITTEN, registry)
        self._quarantined = Tally(declared.ROWS_QUARANTINED, registry)
        self._filtered = Tally(declared.ROWS_FILTERED, registry)
        self._trips = Tally(declared.GUARD_TRIPS, registry)
        self._unrecorded = Tally(declared.UNRECORDED, registry)
        self._batch_seconds = histogram(declared.BATCH_SECONDS, registry)
        self._step_seconds = histogram(declared.STEP_SECONDS, registry)
        self._pools = Pools(registry)
        self._loads = Tally(declared.LOADS, registry)
        self._swept = Tally(declared.SWEPT, registry)
        self._gap = histogram(declared.LOOP_GAP, registry)
        registry.register(self._gauges)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def batch(self, outcome: RunOutcome) -> None:
        """A run ended; nothing is counted of a table that is no longer configured."""
        spec = self._gauges.tables.configured(outcome.table)
        if spec is None:
            return
        table = str(spec.id)
        self._batches.add(table, outcome.status.value, error_kind(outcome.error_kind))
        stopped = outcome.status is not Status.SUCCEEDED
        for guard in outcome.guards:
            self._trips.add(table, guard.value, "stopped" if stopped else "accepted")
        if outcome.counts is not None:
            self._count(table, outcome.counts)
            self._gauges.tables.quarantined(spec.id, outcome.counts.quarantined)
        self._time(spec, outcome)

    def table(
        self, spec: TableSpec, state: TableState, *, due: datetime | None, now: datetime
    ) -> None:
        """What is known of a table, as of ``now`` by the target's clock.

        ``due`` is None for a table that would not run: held, or paused.
        """
        self._gauges.tables.know(spec.id, state, due=due, now=now)

    def configuration(self, snapshot: ConfigSnapshot, at: datetime) -> None:
        """A configuration is in force; metrics of what it no longer has are gone."""
        self._gauges.config = Configured.of(snapshot, at)
        self._gauges.reload_ok = True
        self._loads.add("taken")
        self._keep_only(snapshot.tables)
        self._pools.keep_only(snapshot.connections)

    def reload_refused(self) -> None:
        """A configuration was not taken: the old one stays in force."""
        self._gauges.reload_ok = False
        self._loads.add("refused")

    def unrecorded(self) -> None:
        """The end of a run could not be put on record."""
        self._unrecorded.add()

    def swept(self, kind: str, rows: int) -> None:
        """Housekeeping deleted so many rows of a kind, or found none past retention."""
        self._swept.add(kind, by=rows)

    def pool(self, connection: str, role: str) -> PoolObserver:
        """Whoever waits for sessions of a connection tells it; ``role``: source or target."""
        return MeteredPool(self._pools, connection, role)

    def loop_gap(self, seconds: float) -> None:
        """The event loop was so late."""
        self._gap.observe(seconds)
        self._gauges.gap.saw(seconds)

    def watch(self, watched: Watched) -> None:
        """What `refresh` reads from now on."""
        self._gauges.watched = watched

    def refresh(self) -> None:
        """Read what is watched. On the event loop, before the registry is rendered."""
        self._gauges.reading = self._gauges.watched.read()

    def _count(self, table: str, counts: Counts) -> None:
        self._rows_read.add(table, by=counts.extracted)
        for operation in _OPERATIONS:
            self._rows.add(table, operation, by=getattr(counts, operation))
        self._rewritten.add(table, by=counts.rewritten)
        self._quarantined.add(table, by=counts.quarantined)
        self._filtered.add(table, by=counts.filtered)

    def _time(self, spec: TableSpec, outcome: RunOutcome) -> None:
        steps = {name: s for name, s in outcome.seconds.items() if name != WHOLE_RUN}
        for step, seconds in steps.items():
            self._step_seconds.labels(spec.id.source, spec.lane, step.lower()).observe(seconds)
        if steps and WHOLE_RUN in outcome.seconds:
            whole = self._batch_seconds.labels(spec.id.source, spec.lane)
            whole.observe(outcome.seconds[WHOLE_RUN])

    def _keep_only(self, specs: Iterable[TableSpec]) -> None:
        kept = tuple(specs)
        self._gauges.tables.keep_only(kept)
        names, sources = {str(spec.id) for spec in kept}, {spec.id.source for spec in kept}
        for by_table in (
            *(self._batches, self._rows_read, self._rows, self._trips),
            *(self._rewritten, self._quarantined, self._filtered),
        ):
            by_table.keep_only(names)
        for by_source in (self._batch_seconds, self._step_seconds):
            prune(by_source, "source", sources)
