"""When tables are due, as it is written: schedules, jitter, priority, blackouts, backoff."""

from __future__ import annotations

import contextlib
import zoneinfo
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from cdc_daemon.model.config import BackoffSpec
from cdc_daemon.model.schedule import EVERY_DAY, Blackout, Cron, Interval, Timing
from cdc_daemon.orchestration.schedule import next_time
from cdc_daemon.settings.times import parse_cron, parse_zone

TABLE = "tables:\n  - {source: core, schema: s, name: a%s}\n"
NIGHT = '{begin: "22:00", end: "02:00"}'
DAY = '{begin: "02:00", end: "22:00"}'


@pytest.fixture
def timing_of(load_text, head):
    """The timing of a table with these keys, below these other sections."""

    def _timing(keys: str = "", sections: str = "", environ: dict[str, str] | None = None):
        given = f", {keys}" if keys else ""
        return load_text(f"{head}{sections}\n{TABLE % given}", environ).tables[0].timing

    return _timing


def black(begin, end, **other):
    """A blackout by its hours."""
    return Blackout(begin=time(begin), end=time(end), **other)


class TestWhatIsRead:
    """From text to model."""

    def test_every(self, timing_of):
        """An interval."""
        assert timing_of("schedule: {every: 90s}").schedule == Interval(timedelta(seconds=90))

    def test_cron(self, timing_of):
        """A cron expression with its zone, UTC unless told otherwise; spaces do not count."""
        assert timing_of('schedule: {cron: "0 2 * * *"}').schedule == Cron("0 2 * * *")
        assert timing_of(
            'schedule: {cron: " 0  2 * * mon-fri", timezone: Europe/Berlin}'
        ).schedule == Cron("0 2 * * mon-fri", "Europe/Berlin")

    def test_all_of_it(self, timing_of):
        """Every key of a table."""
        keys = (
            "jitter: 2m, priority: -3, blackouts: ["
            '{begin: "22:00", end: "02:30", timezone: Europe/Berlin, days: [Mon, tue]}'
            f", {DAY}]"
        )
        assert timing_of(keys) == Timing(
            jitter=timedelta(minutes=2),
            priority=-3,
            blackouts=(
                Blackout(
                    begin=time(22),
                    end=time(2, 30),
                    timezone="Europe/Berlin",
                    days=frozenset({0, 1}),
                ),
                black(2, 22, timezone="UTC", days=EVERY_DAY),
            ),
        )

    def test_defaults_are_inherited_key_by_key(self, timing_of):
        """A table's own value replaces the default, also with nothing."""
        defaults = (
            "defaults: {schedule: {cron: '0 2 * * *'}, jitter: 2m, priority: 5,"
            f" blackouts: [{NIGHT}]}}"
        )
        inherited = Timing(
            schedule=Cron("0 2 * * *"),
            jitter=timedelta(minutes=2),
            priority=5,
            blackouts=(black(22, 2),),
        )
        assert timing_of("", defaults) == inherited
        own = "schedule: {every: 15m}, jitter: 0s, priority: 0, blackouts: []"
        assert timing_of(own, defaults) == Timing()

    def test_a_source_adds_its_blackouts(self, load_text, valid):
        """They hold for all of its tables, whatever those say themselves; each counts once."""
        source = valid.replace("user: reader", f"user: reader, blackouts: [{NIGHT}]")
        more = "  - {source: core, schema: s, name: b, blackouts: [%s]}\n"
        day = '{begin: "12:00", end: "13:00"}'
        tables = load_text(source + more % f"{day}, {NIGHT}").tables
        assert [table.timing.blackouts for table in tables] == [
            (black(22, 2),),
            (black(12, 13), black(22, 2)),
        ]

    def test_limits_of_a_source_and_of_backoff(self, load_text, valid):
        """``max_concurrent_reads`` and ``runtime.backoff`` reach the snapshot."""
        text = valid.replace("user: reader", "user: reader, max_concurrent_reads: 3")
        snapshot = load_text(text + "runtime: {backoff: {first_seconds: 1, limit_seconds: 7.5}}\n")
        assert snapshot.connections["core"].max_concurrent_reads == 3
        assert snapshot.connections["warehouse"].max_concurrent_reads is None
        assert snapshot.runtime.backoff == BackoffSpec(first_seconds=1, limit_seconds=7.5)
        assert snapshot.warnings == ()

    def test_more_reads_than_sessions_are_warned_about(self, load_text, valid):
        """The pool has the last word; who raises the one should know of the other."""
        text = valid.replace("user: reader", "user: reader, max_concurrent_reads: 5")
        (warning,) = load_text(text).warnings
        assert warning.endswith(
            "connections.core.max_concurrent_reads: is more than the 4 sessions that pool.max (8)"
            " has for reading; raise pool.max, or lower it"
        )

    def test_variables(self, timing_of):
        """All of it can be set from outside; null takes a key of the file back."""
        environ = {
            "CDC__DEFAULTS__SCHEDULE": '{"every": null, "cron": "0 2 * * *"}',
            "CDC__DEFAULTS__JITTER": "1m",
            "CDC__DEFAULTS__PRIORITY": "-2",
            "CDC__DEFAULTS__BLACKOUTS": f"[{NIGHT}]".replace("begin", '"begin"').replace(
                "end", '"end"'
            ),
        }
        assert timing_of("", "defaults: {schedule: {every: 1h}}", environ) == Timing(
            schedule=Cron("0 2 * * *"),
            jitter=timedelta(minutes=1),
            priority=-2,
            blackouts=(black(22, 2),),
        )

    def test_the_digest_knows(self, load_text, head):
        """A schedule, a zone, a day or a minute more is another configuration."""
        keys = [
            "",
            "schedule: {every: 16m}",
            'schedule: {cron: "0 2 * * *"}',
            'schedule: {cron: "0 2 * * *", timezone: Europe/Berlin}',
            "jitter: 1m",
            "priority: 1",
            f"blackouts: [{NIGHT}]",
            'blackouts: [{begin: "22:00", end: "02:01"}]',
            'blackouts: [{begin: "22:00", end: "02:00", days: [mon]}]',
        ]
        digests = {load_text(head + TABLE % (f", {key}" if key else "")).digest for key in keys}
        assert len(digests) == len(keys)
        days = 'blackouts: [{begin: "22:00", end: "02:00", days: [%s]}]'
        one, two = (load_text(head + TABLE % f", {days % w}") for w in ("mon, sat", "sat, mon"))
        assert one.digest == two.digest


_FIELD = st.text(alphabet="0123456789*/-,L#WMONSU", min_size=1, max_size=6)


@given(st.lists(_FIELD, min_size=5, max_size=5).map(" ".join))
def test_any_cron_expression(expression):
    """What is accepted has a next time; what is not is refused, never a crash."""
    try:
        accepted = parse_cron(expression)
    except PydanticCustomError:
        return
    now = datetime(2026, 11, 22, 15, 3, tzinfo=UTC)
    for zone in ("UTC", "Europe/Berlin"):
        assert next_time(Cron(accepted, zone), now) > now


@given(
    st.text(max_size=20) | st.sampled_from(["Europe", "localtime", "right/UTC", "zone.tab", "\x00"])
)
def test_any_zone(name):
    """A name is that of a zone, or refused."""
    with contextlib.suppress(PydanticCustomError):
        assert parse_zone(name) in zoneinfo.available_timezones()
