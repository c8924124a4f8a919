"""What the daemon tells of itself: ``/status`` as JSON, and what the status page shows.

Law 9: names, numbers, instants and our own sentences, never a value of a row. Field names are
those of ``cdc-daemon status --json`` where both tell the same; instants are ISO 8601 in UTC.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.run import RunOutcome
from cdc_daemon.model.table import TableSpec
from cdc_daemon.ports.statistics import LaneStats


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStatus:
    """One configured table, as this process knows it."""

    spec: TableSpec
    state: TableState
    due_at: datetime | None = None
    """None for a table that would not run: held, or paused."""
    queued: bool = False
    running: bool = False
    last: RunOutcome | None = None
    """The last run of this process."""

    @property
    def word(self) -> str:
        """What an operator has to know first."""
        if self.state.held is not None:
            return "held"
        if self.running:
            return "running"
        if self.state.paused:
            return "paused"
        if self.state.failures:
            return "failing"
        return "queued" if self.queued else "active"

    @property
    def troubled(self) -> bool:
        """Whether a person should look."""
        return self.state.held is not None or self.state.failures > 0

    def lag_seconds(self, now: datetime) -> float | None:
        """Since the last success; None before the first."""
        success = self.state.last_success
        return None if success is None else max(0.0, (now - success).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStatus:
    """Everything, as of ``now`` by the target's clock."""

    version: str
    now: datetime
    uptime_seconds: float
    config_generation: int
    config_digest: str
    lanes: tuple[LaneStats, ...] = ()
    tables: tuple[TableStatus, ...] = ()


def document(status: DaemonStatus, reasons: tuple[str, ...]) -> dict[str, object]:
    """The JSON document; ``reasons`` are those for not being ready."""
    return {
        "version": status.version,
        "now": status.now.isoformat(),
        "uptime_seconds": round(status.uptime_seconds, 3),
        "ready": not reasons,
        "not_ready_because": list(reasons),
        "config": {"generation": status.config_generation, "digest": status.config_digest},
        "lanes": [asdict(lane) for lane in status.lanes],
        "tables": [_table(table, status.now) for table in status.tables],
    }


def _table(table: TableStatus, now: datetime) -> dict[str, object]:
    spec, state = table.spec, table.state
    return {
        "table": str(spec.id),
        "source": spec.id.source,
        "schema": spec.id.schema,
        "name": spec.id.name,
        "lane": spec.lane,
        "state": table.word,
        "running": table.running,
        "queued": table.queued,
        "last_batch": _last(table.last),
        "last_promoted_batch_id": state.last_batch,
        "last_success_at": _instant(state.last_success),
        "lag_seconds": table.lag_seconds(now),
        "open_versions": state.open_versions,
        "due": table.due_at is not None and table.due_at <= now,
        "due_at": _instant(table.due_at),
        "held": state.held is not None,
        "held_reason": state.held,
        "held_at": _instant(state.held_at),
        "held_guards": sorted(guard.value for guard in state.held_guards),
        "paused": state.paused,
        "failures": state.failures,
    }


def _last(outcome: RunOutcome | None) -> dict[str, object] | None:
    if outcome is None:
        return None
    counts = {} if outcome.counts is None else asdict(outcome.counts)
    return {
        "batch_id": outcome.batch_id,
        "status": outcome.status.value,
        "error_kind": outcome.error_kind,
        "error": outcome.error,
        "remedy": outcome.remedy,
        "read_at": _instant(outcome.read_at),
        "seconds": {step.lower(): round(spent, 6) for step, spent in outcome.seconds.items()},
        **counts,
    }


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
