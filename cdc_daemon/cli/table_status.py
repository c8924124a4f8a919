"""What ``status`` says of one table: pure, from configuration, record and clock."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from cdc_daemon.control.status import LastBatch, OnRecord
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import BackoffSpec
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.orchestration.schedule import BEGINNING, after_blackouts, due_at


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStatus:
    """One table as of ``now``."""

    table: TableId
    spec: TableSpec | None
    """None: no longer configured."""
    record: OnRecord
    backoff: BackoffSpec
    now: datetime

    @property
    def configured(self) -> bool:
        """Whether the configuration has it."""
        return self.spec is not None

    @property
    def lag_seconds(self) -> float | None:
        """Since the last success; None before the first."""
        success = self.record.state.last_success
        return None if success is None else (self.now - success).total_seconds()

    @property
    def due_at(self) -> datetime | None:
        """From when on it would run, blackouts included; None for a table that would not."""
        state = self.record.state
        if self.spec is None or state.paused or state.held is not None:
            return None
        due = due_at(self.spec, state, self.backoff)
        begins = after_blackouts(max(due, self.now), self.spec.timing.blackouts)
        return begins if due == BEGINNING or begins > self.now else due

    @property
    def seconds_to_due(self) -> float | None:
        """Until ``due_at``."""
        return None if self.due_at is None else (self.due_at - self.now).total_seconds()

    @property
    def due(self) -> bool:
        """Whether it would run now."""
        return self.due_at is not None and self.due_at <= self.now

    @property
    def word(self) -> str:
        """What an operator has to know first."""
        if self.record.state.held is not None:
            return "held"
        if self.record.state.paused:
            return "paused"
        return "failing" if self.record.state.failures else "active" if self.configured else "gone"

    def document(self) -> dict[str, object]:
        """The fields that ``cli.status`` documents."""
        spec, state = self.spec, self.record.state
        return {
            "table": str(self.table),
            "source": self.table.source,
            "schema": self.table.schema,
            "name": self.table.name,
            "configured": self.configured,
            "lane": None if spec is None else spec.lane,
            "schedule": None if spec is None else str(spec.timing.schedule),
            "last_batch": _last(self.record.last),
            "last_success_at": _instant(state.last_success),
            "lag_seconds": self.lag_seconds,
            "rows": self.record.rows,
            "quarantined": self.record.quarantined,
            "open_versions": state.open_versions,
            "due": self.due,
            "due_at": _instant(self.due_at),
            "held": state.held is not None,
            "held_reason": state.held,
            "held_at": _instant(state.held_at),
            "held_guards": _names(state.held_guards),
            "accepted_guards": _names(state.accepted),
            "paused": state.paused,
            "failures": state.failures,
        }


def table_status(
    table: TableId,
    spec: TableSpec | None,
    record: OnRecord | None,
    *,
    backoff: BackoffSpec,
    now: datetime,
) -> TableStatus:
    """The status of a table; nothing on record is a table that never ran."""
    known = OnRecord(state=TableState(table=table)) if record is None else record
    return TableStatus(table=table, spec=spec, record=known, backoff=backoff, now=now)


def _last(batch: LastBatch | None) -> dict[str, object] | None:
    if batch is None:
        return None
    instants = {"read_at": _instant(batch.read_at), "finished_at": _instant(batch.finished_at)}
    return {**asdict(batch), **instants}


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()


def _names(guards: Iterable[Guard]) -> list[str]:
    return sorted(guard.value for guard in guards)
