"""Due times, remembered: a thousand cron expressions are not read again every second.

Law: it says what ``due_at`` says. That only depends on a table's spec, its state and the backoff,
so it is worked out again when one of them has changed. A value that never changes, so that it
can be made in a thread, and read meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import BackoffSpec
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.orchestration.schedule import due_at

_Asked = tuple[TableSpec, TableState, BackoffSpec]
_Known = Mapping[TableId, tuple[_Asked, datetime]]


@dataclass(frozen=True, slots=True)
class DueTimes:
    """A ``DueAt`` for ``decide``."""

    _known: _Known = field(default_factory=lambda: MappingProxyType({}))

    def learned(
        self,
        tables: Iterable[TableSpec],
        states: Mapping[TableId, TableState],
        backoff: BackoffSpec,
    ) -> DueTimes:
        """Those of ``tables`` alone; only what changed is worked out.

        Cheapest where an unchanged table keeps its spec and its state as the same objects.
        """
        known: dict[TableId, tuple[_Asked, datetime]] = {}
        for table in tables:
            asked = (table, states.get(table.id) or TableState(table=table.id), backoff)
            known[table.id] = (asked, self(*asked))
        return DueTimes(known)

    def __call__(self, table: TableSpec, state: TableState, backoff: BackoffSpec) -> datetime:
        """As ``due_at``; at once for what was learned."""
        known = self._known.get(table.id)
        if known is None or known[0] != (table, state, backoff):
            return due_at(table, state, backoff)
        return known[1]

    def last(self, table: TableId) -> datetime | None:
        """What was last worked out of a table, if anything; never works anything out."""
        known = self._known.get(table)
        return None if known is None else known[1]
