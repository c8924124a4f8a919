"""When tables are due: what they inherit, and what can never work. Pure.

Law 8: a table that its blackouts would never let begin is refused, not left to grow stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain

from cdc_daemon.model import schedule as model
from cdc_daemon.settings.issues import Issue
from cdc_daemon.settings.models import Blackout, Document, Schedule, Table
from cdc_daemon.settings.parts import Parts, TableEntry
from cdc_daemon.settings.times import DAYS

_YEAR = tuple(date(2024, 1, 1) + timedelta(days=n) for n in range(366))
"""Days to try blackouts on: clocks change in them, in both hemispheres."""
_WEEK = timedelta(days=7)
_CHANGES = timedelta(hours=2)
"""What changes of clocks add to a blackout at most."""
_NO_GAP = "leave no moment of some week in which a batch may begin"

Blackouts = tuple[model.Blackout, ...]


def timing(table: Table, document: Document) -> model.Timing:
    """A table's schedule with what it inherits from ``defaults`` and from its source."""
    defaults = document.defaults
    return model.Timing(
        schedule=_schedule(table.schedule or defaults.schedule),
        jitter=defaults.jitter if table.jitter is None else table.jitter,
        priority=defaults.priority if table.priority is None else table.priority,
        blackouts=_in_force(table, document),
    )


def schedule_issues(parts: Parts) -> Iterator[Issue]:
    """What is wrong between the keys that say when: each issue once, where it can be mended."""
    backoff = parts.document.runtime.backoff
    if backoff.limit_seconds < backoff.first_seconds:
        yield parts.issue(
            ("runtime", "backoff"),
            f"limit_seconds ({backoff.limit_seconds:g}) is less than first_seconds"
            f" ({backoff.first_seconds:g})",
            "raise limit_seconds or lower first_seconds",
        )
    yield from _jitter_issues(parts)
    yield from _blackout_issues(parts)


def _schedule(schedule: Schedule) -> model.Schedule:
    if schedule.cron is not None:
        return model.Cron(schedule.cron, schedule.timezone or "UTC")
    if schedule.every is None:  # pragma: no cover - one of them is there: ``models.Schedule``
        raise AssertionError
    return model.Interval(schedule.every)


def _blackouts(given: Iterable[Blackout]) -> Blackouts:
    return tuple(
        model.Blackout(
            begin=each.begin,
            end=each.end,
            timezone=each.timezone,
            days=frozenset(DAYS.index(day) for day in each.days),
        )
        for each in given
    )


def _in_force(table: Table, document: Document) -> Blackouts:
    """The table's own or, where it gives none, the defaults'; and those of its source."""
    own = document.defaults.blackouts if table.blackouts is None else table.blackouts
    source = document.connections.get(table.source)
    return _blackouts(dict.fromkeys(chain(own, () if source is None else source.blackouts)))


def _jitter_issues(parts: Parts) -> Iterator[Issue]:
    defaults = parts.document.defaults
    message = "is longer than every"
    remedy = "lower it: each table waits up to so much longer"
    if _is_too_much(defaults.jitter, defaults.schedule):
        yield parts.issue(("defaults", "jitter"), message, remedy)
    for entry in parts.tables:
        table = entry.table
        schedule = table.schedule or defaults.schedule
        if table.jitter is not None and _is_too_much(table.jitter, schedule):
            yield entry.issue("jitter", message, remedy)
        inherits = table.jitter is None and table.schedule is not None
        if inherits and _is_too_much(defaults.jitter, schedule):
            yield entry.issue(
                "schedule",
                "every is shorter than defaults.jitter",
                "give the table a `jitter:` of its own",
            )


def _is_too_much(jitter: timedelta, schedule: Schedule) -> bool:
    return schedule.every is not None and jitter > schedule.every


def _blackout_issues(parts: Parts) -> Iterator[Issue]:
    document = parts.document
    known: dict[Blackouts, bool] = {}

    def endless(blackouts: Blackouts) -> bool:
        if blackouts not in known:
            known[blackouts] = _never_end(blackouts)
        return known[blackouts]

    remedy = "shorten one of them"
    by_default = endless(_blackouts(document.defaults.blackouts))
    if by_default:
        yield parts.issue(("defaults", "blackouts"), _NO_GAP, remedy)
    told: set[str] = set()
    for name, connection in document.connections.items():
        if endless(_blackouts(connection.blackouts)):
            told.add(name)
            yield parts.issue(("connections", name, "blackouts"), _NO_GAP, remedy)
    for entry in parts.tables:
        table = entry.table
        inherits = table.blackouts is None
        if table.source in told or (inherits and by_default):
            continue
        if endless(_in_force(table, document)):
            yield _together(parts, entry, remedy)
            if inherits:  # as for all others that inherit them
                told.add(table.source)


def _together(parts: Parts, entry: TableEntry, remedy: str) -> Issue:
    source = entry.table.source
    if entry.table.blackouts is None:
        message = f"together with defaults.blackouts, {_NO_GAP}"
        return parts.issue(("connections", source, "blackouts"), message, remedy)
    given = parts.document.connections.get(source)
    others = f"together with connections.{source}.blackouts, "
    message = f"{others if given is not None and given.blackouts else ''}{_NO_GAP}"
    return entry.issue("blackouts", message, remedy)


def _never_end(blackouts: Blackouts) -> bool:
    """Whether they cover a whole week of some year."""
    longest = sum((_length(each) * len(each.days) for each in blackouts), timedelta())
    if longest + _CHANGES * len(blackouts) < _WEEK:
        return False  # the usual case, without a calendar
    spans = sorted(
        each.span(day) for each in blackouts for day in _YEAR if day.weekday() in each.days
    )
    since = until = datetime.min.replace(tzinfo=UTC)
    for begin, end in spans:
        if begin > until:
            since = begin
        until = max(until, end)
        if until - since >= _WEEK:
            return True
    return False


def _length(blackout: model.Blackout) -> timedelta:
    begin, end = (timedelta(hours=t.hour, minutes=t.minute) for t in (blackout.begin, blackout.end))
    return end - begin if end > begin else end - begin + timedelta(days=1)
