"""When a table is due."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Interval:
    """So long after the last batch began."""

    every: timedelta

    def __str__(self) -> str:
        """As it is configured: ``every 15m``."""
        return f"every {shown_duration(self.every)}"


@dataclass(frozen=True, slots=True)
class Cron:
    """At the times of a five-field cron expression, by the clock of ``timezone`` (IANA)."""

    expression: str
    timezone: str = "UTC"

    def __str__(self) -> str:
        """``cron 0 2 * * * Europe/Berlin``."""
        return f"cron {self.expression} {self.timezone}"


Schedule = Interval | Cron

EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackout:
    """No batch begins from ``begin`` until ``end``, local time in whole minutes.

    It may span midnight; where both are the same, it lasts a day.
    """

    begin: time
    end: time
    timezone: str = "UTC"
    days: frozenset[int] = EVERY_DAY
    """Days of the week on which it begins; Monday is 0."""

    def span(self, day: date) -> tuple[datetime, datetime]:
        """The one that begins on ``day``, whatever the day of the week; in UTC, half-open.

        A change of clocks never shortens it: of a local time that is repeated, the first begins
        it and the last ends it; one that is skipped counts as the change.
        """
        zone = zone_named(self.timezone)
        last = day if self.end > self.begin else day + timedelta(days=1)
        begin = _instant(datetime.combine(day, self.begin), zone, fold=0)
        return begin, _instant(datetime.combine(last, self.end), zone, fold=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A table's schedule, and its place among tables that are due at once."""

    schedule: Schedule = field(default_factory=lambda: Interval(timedelta(minutes=15)))
    jitter: timedelta = timedelta(0)
    """Spreads tables of one schedule: each waits a share of it, the same every time."""
    priority: int = 0
    """Lower goes first."""
    blackouts: tuple[Blackout, ...] = ()


def zone_named(name: str) -> tzinfo:
    """The zone of an IANA name."""
    return UTC if name == "UTC" else ZoneInfo(name)


def shown_duration(length: timedelta) -> str:
    """A length of time in the largest unit that fits: ``90s``, ``15m``, ``1h``, ``1d``."""
    seconds = length.total_seconds()
    for unit, size in _UNITS:
        if seconds and not seconds % size:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:.15g}s"


def _instant(local: datetime, zone: tzinfo, *, fold: int) -> datetime:
    """A local time in UTC; one that is skipped, as the change of clocks that skips it."""
    while True:
        instant = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if instant.astimezone(zone).replace(tzinfo=None) == local:
            return instant
        local += _MINUTE
