"""Local times: cron expressions and blackouts, in every zone and through changes of clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from cdc_daemon.model.schedule import Blackout, Cron
from cdc_daemon.orchestration.schedule import after_blackouts, next_time

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def utc(text):
    """An instant of ``2026-03-29 01:00`` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestCron:
    """At local times, as Debian's cron takes changes of clocks."""

    @pytest.mark.parametrize(
        ("expression", "zone", "after", "expected"),
        [
            # spring in the north: 02:00 to 03:00 does not exist on 2026-03-29
            ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:00"),
            ("30 2 * * *", "Europe/Berlin", "2026-03-29 01:00", "2026-03-30 00:30"),
            ("30 2 * * *", "America/New_York", "2026-03-07 12:00", "2026-03-08 07:00"),
            # autumn in the north: 02:00 to 03:00 comes twice on 2026-10-25
            ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 00:30"),
            ("30 2 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-26 01:30"),
            ("30 2 * * *", "Europe/Berlin", "2026-10-25 01:10", "2026-10-26 01:30"),
            ("0,30 2 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-26 01:00"),
            # the south: clocks go forward in October, back in April
            ("30 2 * * *", "Australia/Sydney", "2026-10-03 12:00", "2026-10-03 16:00"),
            ("30 2 * * *", "Australia/Sydney", "2026-04-04 12:00", "2026-04-04 15:30"),
            ("30 2 * * *", "Australia/Sydney", "2026-04-04 15:30", "2026-04-05 16:30"),
            ("30 2 * * *", "Australia/Sydney", "2026-04-04 16:10", "2026-04-05 16:30"),
            ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00", "2026-10-03 15:30"),
            ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 12:00", "2026-04-04 14:45"),
            ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 14:45", "2026-04-05 15:15"),
            # a change at midnight
            ("0 0 * * *", "Africa/Cairo", "2026-04-23 12:00", "2026-04-23 22:00"),
            # expressions that say how often go by real time
            ("*/30 2 * * *", "Europe/Berlin", "2026-10-25 00:30", "2026-10-25 01:00"),
            ("0 * * * *", "Europe/Berlin", "2026-03-29 00:00", "2026-03-29 01:00"),
            ("0 * * * *", "Europe/Berlin", "2026-10-25 00:00", "2026-10-25 01:00"),
            # fields
            ("0 2 * * *", "UTC", "2026-03-10 01:59:59.9", "2026-03-10 02:00"),
            ("0 2 * * *", "UTC", "2026-03-10 02:00", "2026-03-11 02:00"),
            ("0 2 * * *", "UTC", "2026-03-10 02:00:00.5", "2026-03-11 02:00"),
            ("*/20 * * * *", "Asia/Kolkata", "2026-03-10 01:59", "2026-03-10 02:10"),
            ("0 0 29 2 *", "UTC", "2026-03-01 00:00", "2028-02-29 00:00"),
            ("0 6 L * *", "UTC", "2026-02-01 00:00", "2026-02-28 06:00"),
            ("0 6 * * 7", "UTC", "2026-03-10 00:00", "2026-03-15 06:00"),
        ],
    )
    def test_the_next_time(self, expression, zone, after, expected):
        """A skipped time comes at the change of clocks, a repeated one comes once."""
        assert next_time(Cron(expression, zone), utc(after)) == utc(expected)

    @pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"])
    @pytest.mark.parametrize("expression", ["30 2 * * *", "*/7 1,2 * * *", "45 */2 * * *"])
    def test_the_next_time_is_always_later(self, zone, expression):
        """No change of clocks makes a table due for ever: the next time lies after."""
        schedule = Cron(expression, zone)
        for month, day in ((3, 28), (4, 4), (9, 5), (10, 3), (10, 24)):
            begin = datetime(2026, month, day, 10, 3, 1, tzinfo=UTC)
            for after in (begin + n * 20 * MINUTE for n in range(90)):
                assert next_time(schedule, after) > after

    def test_a_time_that_never_comes_is_refused(self):
        """Configuration refuses it; here it is no endless search."""
        with pytest.raises(ValueError, match="no time matches"):
            next_time(Cron("0 0 */30 2 5#5"), NOW)


class TestBlackouts:
    """When no batch begins."""

    NIGHT = Blackout(begin=time(22), end=time(2), timezone="Europe/Berlin")

    @pytest.mark.parametrize(
        ("moment", "expected"),
        [
            ("2026-03-10 20:59", "2026-03-10 20:59"),
            ("2026-03-10 21:00", "2026-03-11 01:00"),
            ("2026-03-11 00:59:59.9", "2026-03-11 01:00"),
            ("2026-03-11 01:00", "2026-03-11 01:00"),
        ],
    )
    def test_over_midnight(self, moment, expected):
        """Half-open: it begins at its beginning, and at its end it is over."""
        assert after_blackouts(utc(moment), [self.NIGHT]) == utc(expected)

    def test_only_on_its_days(self):
        """The day is that on which it begins."""
        friday = replace(self.NIGHT, days=frozenset({4}))
        assert after_blackouts(utc("2026-03-13 22:00"), [friday]) == utc("2026-03-14 01:00")
        assert after_blackouts(utc("2026-03-14 00:30"), [friday]) == utc("2026-03-14 01:00")
        assert after_blackouts(utc("2026-03-14 22:00"), [friday]) == utc("2026-03-14 22:00")
        assert after_blackouts(utc("2026-03-13 00:30"), [friday]) == utc("2026-03-13 00:30")

    @pytest.mark.parametrize(
        ("begin", "end", "moment", "expected"),
        [
            # spring: 02:00 CET is 03:00 CEST, at 01:00 UTC
            (time(22), time(2, 30), "2026-03-29 00:59", "2026-03-29 01:00"),
            (time(2, 30), time(5), "2026-03-29 00:59", "2026-03-29 00:59"),
            (time(2, 30), time(5), "2026-03-29 01:00", "2026-03-29 03:00"),
            (time(2), time(3), "2026-03-29 01:00", "2026-03-29 01:00"),
            # autumn: 02:00 to 03:00 is 00:00 to 02:00 UTC
            (time(22), time(2, 30), "2026-10-25 01:29", "2026-10-25 01:30"),
            (time(2, 30), time(5), "2026-10-25 00:29", "2026-10-25 00:29"),
            (time(2, 30), time(5), "2026-10-25 00:30", "2026-10-25 04:00"),
        ],
    )
    def test_changes_of_clocks(self, begin, end, moment, expected):
        """A repeated hour is blacked out whole, a skipped one not at all."""
        blackout = Blackout(begin=begin, end=end, timezone="Europe/Berlin")
        assert after_blackouts(utc(moment), [blackout]) == utc(expected)

    def test_one_after_the_other(self):
        """Blackouts that meet or overlap are one, in whatever zones they are written."""
        day = Blackout(begin=time(1), end=time(9))
        assert after_blackouts(utc("2026-03-10 22:00"), [day, self.NIGHT]) == utc(
            "2026-03-11 09:00"
        )

    def test_equal_ends_last_a_day(self):
        """From midnight to midnight is the whole day."""
        weekend = Blackout(begin=time(0), end=time(0), days=frozenset({5, 6}))
        assert after_blackouts(utc("2026-03-14 00:00"), [weekend]) == utc("2026-03-16 00:00")

    def test_those_that_never_end_do_not_hang(self):
        """They are refused by configuration; here they are followed for a month."""
        always = Blackout(begin=time(0), end=time(0))
        assert after_blackouts(NOW, [always]) > NOW + timedelta(days=30)
