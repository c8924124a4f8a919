"""Due times, remembered: a thousand cron expressions are not read again every second.

Law: it says what ``due_at`` says. That only depends on a table's spec, its state and the backoff,
so it is asked again when one of them has changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import BackoffSpec
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.orchestration.schedule import due_at

_Asked = tuple[TableSpec, TableState, BackoffSpec]


@dataclass(frozen=True, slots=True)
class DueTimes:
    """A ``DueAt`` for ``decide``, one for each scheduler.

    Cheapest where an unchanged table keeps its state object; an equal one will do. Tables that
    are configured no more are not forgotten: they are few.
    """

    _known: dict[TableId, tuple[_Asked, datetime]] = field(default_factory=dict)

    def __call__(self, table: TableSpec, state: TableState, backoff: BackoffSpec) -> datetime:
        """As ``due_at``."""
        asked = (table, state, backoff)
        known = self._known.get(table.id)
        if known is None or known[0] != asked:
            known = self._known[table.id] = (asked, due_at(table, state, backoff))
        return known[1]
