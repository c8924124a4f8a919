"""Which tables are due, as a function of their states and the target's clock. No I/O, no loop.

Due times derive from ``table_state`` alone: a restart, or another replica, comes to the same
ones. What only this process knows, that a table is queued here or was skipped a moment ago, is
handed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim

from cdc_daemon.errors import Retry
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import BackoffSpec
from cdc_daemon.model.schedule import Blackout, Cron, Interval, Schedule, zone_named
from cdc_daemon.model.table import TableId, TableSpec

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""When a table that never ran was due."""

_MOST_BLACKOUTS = 32
"""Blackouts in a row that are followed; configuration refuses those that never end."""

DueAt = Callable[[TableSpec, TableState, BackoffSpec], datetime]
"""``due_at``, or something that remembers what it said."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to run now, most urgent first, and when to decide again if nothing happens."""

    ready: tuple[TableSpec, ...]
    wake_at: datetime | None


def due_at(table: TableSpec, state: TableState, backoff: BackoffSpec) -> datetime:
    """When the table's next batch is due; blackouts apart."""
    started, ended, asked = state.last_started, state.last_ended, state.triggered
    if asked is not None and is_triggered(state):
        return asked
    if started is None or ended is None:
        return BEGINNING
    if state.retry is Retry.BACKOFF and state.failures:
        return ended + waiting(state.failures, backoff)
    wait = share(table.id, table.timing.jitter)
    match table.timing.schedule:
        case Interval() as schedule:
            return next_time(schedule, started) + wait
        case Cron() as schedule:  # each of its times comes later by the share; none is passed over
            return next_time(schedule, started - wait) + wait


def decide(
    tables: Iterable[TableSpec],
    states: Mapping[TableId, TableState],
    now: datetime,
    *,
    backoff: BackoffSpec,
    busy: Collection[TableId] = (),
    not_before: Mapping[TableId, datetime] | None = None,
    due_of: DueAt = due_at,
) -> Decision:
    """Decide for all tables that are neither ``busy`` here, nor paused, nor held.

    What an operator asked for goes first, then by priority, then what is overdue for longest.

    Args:
        tables: The configured tables.
        states: What is on record of them; a table without a state never ran.
        now: The target's clock.
        backoff: The waits after failures.
        busy: Tables that are queued or running here; best a set.
        not_before: Tables that this process lets cool down, and until when.
        due_of: ``due_at``, or for many tables a ``DueTimes``.
    """
    cooling = {} if not_before is None else not_before
    black: dict[tuple[Blackout, ...], datetime] = {}
    ready: list[tuple[bool, int, datetime, TableId, TableSpec]] = []
    later: list[tuple[datetime, TableSpec]] = []
    for table in tables:
        state = states.get(table.id) or TableState(table=table.id)
        if state.paused or state.held is not None or table.id in busy:
            continue
        due = due_of(table, state, backoff)
        if table.id in cooling:
            due = max(due, cooling[table.id])
        begins = _begins(black, now, table.timing.blackouts) if due <= now else due
        if begins > now:
            later.append((begins, table))
        else:
            unasked = not is_triggered(state)
            ready.append((unasked, table.timing.priority, due, table.id, table))
    ready.sort(key=lambda item: item[:-1])
    return Decision(tuple(table for *_, table in ready), _wake_at(later))


def _begins(
    known: dict[tuple[Blackout, ...], datetime], now: datetime, blackouts: tuple[Blackout, ...]
) -> datetime:
    """When what is due may begin; most tables share their blackouts with others."""
    if not blackouts:
        return now
    if blackouts not in known:
        known[blackouts] = after_blackouts(now, blackouts)
    return known[blackouts]


def _wake_at(later: list[tuple[datetime, TableSpec]]) -> datetime | None:
    wake: datetime | None = None
    for due, table in sorted(later, key=lambda item: item[0]):
        if wake is not None and wake <= due:
            break  # blackouts only delay
        begins = after_blackouts(due, table.timing.blackouts)
        wake = begins if wake is None else min(wake, begins)
    return wake


def is_triggered(state: TableState) -> bool:
    """Whether an operator asked for a batch that has not begun since."""
    asked, started = state.triggered, state.last_started
    return asked is not None and (started is None or asked > started)


def next_time(schedule: Schedule, after: datetime) -> datetime:
    """The schedule's first time after ``after``.

    Changes of clocks are taken as Debian's cron does: a local time that is skipped comes at the
    change, one that is repeated comes once. Where the minute or the hour begins with ``*``, the
    expression says how often rather than when, and real time counts.

    Raises:
        ValueError: a cron expression that never comes; configuration refuses those.
    """
    match schedule:
        case Interval(every):
            return after + every
        case Cron(expression, timezone):
            local = after.astimezone(zone_named(timezone))
            for moment in CronSim(expression, local):
                instant = moment.astimezone(UTC)
                if instant > after:  # it may lie before, where ``after`` is in a repeated hour
                    return instant
            raise ValueError(f"no time matches the cron expression {expression}")


def waiting(failures: int, backoff: BackoffSpec) -> timedelta:
    """The wait after ``failures`` failures in a row, doubling up to the limit."""
    doublings = min(failures - 1, 32)
    return timedelta(seconds=min(backoff.limit_seconds, backoff.first_seconds * 2**doublings))


def share(table: TableId, jitter: timedelta) -> timedelta:
    """The table's own share of ``jitter``: from its name, so that every process agrees."""
    if not jitter:
        return jitter
    digest = hashlib.sha256(str(table).encode()).digest()
    return jitter * (int.from_bytes(digest[:8], "big") / 2**64)


def after_blackouts(moment: datetime, blackouts: Iterable[Blackout]) -> datetime:
    """The first time from ``moment`` on that is not blacked out."""
    known = tuple(blackouts)
    for _ in range(_MOST_BLACKOUTS):
        end = max((_end(blackout, moment) for blackout in known), default=moment)
        if end <= moment:
            break
        moment = end
    return moment


def _end(blackout: Blackout, moment: datetime) -> datetime:
    """The end of the blackout that covers ``moment``; ``moment`` where it does not."""
    today = moment.astimezone(zone_named(blackout.timezone)).date()
    for day in (today - timedelta(days=1), today):
        if day.weekday() in blackout.days:
            begin, end = blackout.span(day)
            if begin <= moment < end:
                return end
    return moment
