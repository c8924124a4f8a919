"""The gauges of tables, from what was last known of each; no table that is not configured.

The lag is computed when it is read: it grows on while the target's clock cannot be asked, so
that a target that is down does not look like tables that are fresh.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client.core import Metric

from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.observability.metrics import declared
from cdc_daemon.observability.metrics.declaration import Declaration
from cdc_daemon.observability.metrics.instruments import Row, family


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A table as of ``now`` by the target's clock, which was ``seen`` by ours."""

    state: TableState
    due: datetime | None
    now: datetime
    seen: float

    def lag(self, success: datetime, moment: float) -> float:
        """Seconds since ``success`` at ``moment`` of our clock."""
        return max(0.0, (self.now - success).total_seconds() + moment - self.seen)


_Value = Callable[[_Known, float], float | None]
"""What a gauge shows at a moment of our clock, if anything."""


class Tables:
    """What is known of each configured table."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._specs: dict[TableId, TableSpec] = {}
        self._known: dict[TableId, _Known] = {}
        self._first: dict[TableId, datetime] = {}
        self._quarantined: dict[TableId, int] = {}

    def configured(self, table: TableId) -> TableSpec | None:
        """The table, where it is configured."""
        return self._specs.get(table)

    def keep_only(self, specs: Iterable[TableSpec]) -> None:
        """Forget every other table, and know these."""
        self._specs = {spec.id: spec for spec in specs}
        self._known = {t: known for t, known in self._known.items() if t in self._specs}
        self._first = {t: first for t, first in self._first.items() if t in self._specs}
        self._quarantined = {t: n for t, n in self._quarantined.items() if t in self._specs}

    def know(
        self, table: TableId, state: TableState, *, due: datetime | None, now: datetime
    ) -> None:
        """Take what is known of a table; nothing of one that is not configured."""
        if table not in self._specs:
            return
        first = self._first.setdefault(table, now)
        if due is not None and state.last_started is None and state.triggered is None:
            due = max(due, first)  # it was due since the beginning of time
        self._known[table] = _Known(state=state, due=due, now=now, seen=self._clock())

    def quarantined(self, table: TableId, rows: int) -> None:
        """What the last batch that succeeded left in quarantine, of a configured table."""
        self._quarantined[table] = rows

    def families(self) -> Iterator[Metric]:
        """All gauges, from any thread."""
        specs, known, moment = self._specs.copy(), self._known.copy(), self._clock()
        yield family(declared.TABLE_INFO, (_info(spec) for spec in specs.values()))
        names = {table: str(table) for table in known}
        for gauge, value in _VALUES:
            yield family(gauge, _rows(names, known, value, moment))
        held = self._quarantined.copy()
        yield family(declared.QUARANTINED, (((str(table),), n) for table, n in held.items()))


def _rows(
    names: dict[TableId, str], known: dict[TableId, _Known], value: _Value, moment: float
) -> Iterator[Row]:
    for table, each in known.items():
        number = value(each, moment)
        if number is not None:
            yield (names[table],), number


def _info(spec: TableSpec) -> Row:
    return (str(spec.id), spec.id.source, spec.lane, spec.strategy.value), 1


def _lag(known: _Known, moment: float) -> float | None:
    success = known.state.last_success
    return None if success is None else known.lag(success, moment)


def _timestamp(instant: datetime | None) -> float | None:
    return None if instant is None else instant.astimezone(UTC).timestamp()


_VALUES: tuple[tuple[Declaration, _Value], ...] = (
    (declared.TABLE_LAG, _lag),
    (declared.TABLE_SUCCESS, lambda known, _: _timestamp(known.state.last_success)),
    (declared.TABLE_DUE, lambda known, _: _timestamp(known.due)),
    (declared.TABLE_OPEN, lambda known, _: known.state.open_versions),
    (declared.TABLE_HELD, lambda known, _: known.state.held is not None),
    (declared.TABLE_PAUSED, lambda known, _: known.state.paused),
    (declared.TABLE_FAILURES, lambda known, _: known.state.failures),
)
