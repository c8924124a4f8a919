"""What is wrong with a schedule is said with file, line, key and remedy."""

from __future__ import annotations

import pytest

TABLE = "tables:\n  - {source: core, schema: s, name: a%s}\n"
NIGHT = '{begin: "22:00", end: "02:00"}'
DAY = '{begin: "02:00", end: "22:00"}'
NO_GAP = "leave no moment of some week in which a batch may begin; shorten one of them"
FIVE = 'must have the five fields of cron; write minute, hour, day, month, day of the week: "0 2 * * *"'
QUOTES = 'must be a time of day; write it in quotes, "00:00" to "23:59"'


@pytest.mark.parametrize(
    ("key", "issue"),
    [
        (
            'schedule: {every: 1h, cron: "0 2 * * *"}',
            "schedule: must hold exactly one of every, cron; write {every: 15m}",
        ),
        ("schedule: {}", "schedule: must hold exactly one of every, cron; write {every: 15m}"),
        (
            "schedule: {timezone: UTC}",
            "schedule: must hold exactly one of every, cron; write {every: 15m}",
        ),
        (
            "schedule: {every: 1h, timezone: UTC}",
            "schedule: has a timezone, which every does not use; remove timezone",
        ),
        (
            "schedule: {evry: 1h}",
            "schedule.evry: is not a key of this section; did you mean 'every'?",
        ),
        ("schedule: {cron: 0 2 * *}", f"schedule.cron: {FIVE}"),
        ("schedule: {cron: 0 0 2 * * *}", f"schedule.cron: {FIVE}"),
        ("schedule: {cron: '@daily'}", f"schedule.cron: {FIVE}"),
        (
            "schedule: {cron: 60 2 * * *}",
            "schedule.cron: cron cannot read its minute, or it never comes; see `man 5 crontab`",
        ),
        (
            "schedule: {cron: 0 0 30 2 *}",
            "schedule.cron: cron cannot read its day-of-month, or it never comes; see `man 5 crontab`",
        ),
        (
            "schedule: {cron: '0 0 */30 2 5#5'}",
            "schedule.cron: is a time that never comes; correct its day and month",
        ),
        ("schedule: {cron: 5}", "schedule.cron: must be text; put it in quotes"),
        (
            "schedule: {cron: 0 2 * * *, timezone: Europe/Berln}",
            "schedule.timezone: is not a time zone; did you mean 'Europe/Berlin'?",
        ),
        (
            "schedule: {cron: 0 2 * * *, timezone: new_york}",
            "schedule.timezone: is not a time zone; did you mean 'America/New_York'?",
        ),
        (
            "schedule: {cron: 0 2 * * *, timezone: ../../etc/passwd}",
            "schedule.timezone: is not a time zone; write its IANA name, as UTC or Europe/Berlin",
        ),
        (
            "jitter: 2",
            "jitter: must be a length of time with its unit; write a whole number and a unit: 30s, 15m, 1h, 1d",
        ),
        (
            "jitter: 16m",
            "jitter: is longer than every; lower it: each table waits up to so much longer",
        ),
        ("priority: high", "priority: must be a whole number; write digits"),
        ("priority: true", "priority: must be a number, not true or false; write digits"),
        ("priority: 1001", "priority: must be at most 1000; lower it"),
        (f"blackouts: {NIGHT}", "blackouts: must be a list; write [A, B], or one `- A` a line"),
        ('blackouts: [{begin: "22:00"}]', "blackouts[0].end: is missing; add it"),
        ('blackouts: [{begin: 22:00, end: "02:00"}]', f"blackouts[0].begin: {QUOTES}"),
        ('blackouts: [{begin: "22:00", end: "24:00"}]', f"blackouts[0].end: {QUOTES}"),
        ('blackouts: [{begin: "22", end: "02:00"}]', f"blackouts[0].begin: {QUOTES}"),
        (
            f'blackouts: [{NIGHT}, {{begin: "22:00", end: "02:00", day: [mon]}}]',
            "blackouts[1].day: is not a key of this section; did you mean 'days'?",
        ),
        (
            'blackouts: [{begin: "22:00", end: "02:00", days: [mo]}]',
            (
                "blackouts[0].days[0]: must be one of 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or"
                " 'sun'; did you mean 'mon'?"
            ),
        ),
        (
            'blackouts: [{begin: "22:00", end: "02:00", days: []}]',
            "blackouts[0].days: must not be empty; name at least one, or leave the key out",
        ),
        (
            'blackouts: [{begin: "22:00", end: "02:00", days: [mon, MON]}]',
            "blackouts[0].days: names a day twice; keep one of them",
        ),
        (
            'blackouts: [{begin: "22:00", end: "02:00", timezone: utc}]',
            "blackouts[0].timezone: is not a time zone; did you mean 'UTC'?",
        ),
        (f"blackouts: [{NIGHT}, {DAY}]", f"blackouts: {NO_GAP}"),
    ],
)
def test_a_bad_key_of_a_table(issues_of, head, key, issue):
    """Each mistake gives one issue at its line with a remedy."""
    assert issues_of(head + TABLE % f", {key}") == [f"cdc-daemon.yaml:6: tables[0].{issue}"]


@pytest.mark.parametrize(
    ("section", "issue"),
    [
        (
            "runtime: {backoff: {first_seconds: 10, limit_seconds: 5}}",
            (
                "runtime.backoff: limit_seconds (5) is less than first_seconds (10);"
                " raise limit_seconds or lower first_seconds"
            ),
        ),
        (
            "runtime: {backoff: {first_seconds: 0}}",
            "runtime.backoff.first_seconds: must be greater than 0; raise it",
        ),
        (
            "runtime: {backoff: {limit_second: 5}}",
            "runtime.backoff.limit_second: is not a key of this section; did you mean 'limit_seconds'?",
        ),
        (
            "defaults: {jitter: 1h}",
            "defaults.jitter: is longer than every; lower it: each table waits up to so much longer",
        ),
        (f"defaults: {{blackouts: [{NIGHT}, {DAY}]}}", f"defaults.blackouts: {NO_GAP}"),
        (
            "defaults: {schedule: {cron: 0 2 * * *, timezone: Europa/Berlin}}",
            "defaults.schedule.timezone: is not a time zone; did you mean 'Europe/Berlin'?",
        ),
    ],
)
def test_a_bad_section(issues_of, valid, section, issue):
    """What is wrong in a section is said once, not again for each table that inherits it."""
    assert issues_of(f"{valid}{section}\n") == [f"cdc-daemon.yaml:7: {issue}"]


def test_a_short_interval_below_a_long_jitter(issues_of, head):
    """A table that breaks the defaults' jitter is told so."""
    text = head + "defaults: {jitter: 10m}\n" + TABLE % ", schedule: {every: 1m}"
    (issue,) = issues_of(text)
    assert issue == (
        "cdc-daemon.yaml:7: tables[0].schedule: every is shorter than defaults.jitter;"
        " give the table a `jitter:` of its own"
    )


class TestNoGap:
    """Blackouts that leave no gap would stop a table without a word."""

    @pytest.mark.parametrize(
        ("blackouts", "refused"),
        [
            (f"{NIGHT}, {DAY}", True),
            ('{begin: "07:00", end: "07:00"}', True),
            (f'{NIGHT}, {{begin: "02:01", end: "22:00"}}', False),
            (
                f'{NIGHT}, {{begin: "02:00", end: "22:00", days: [mon, tue, wed, thu, fri, sat]}}',
                False,
            ),
            ('{begin: "00:00", end: "00:00", days: [mon, tue, wed, thu, fri, sat]}', False),
            (
                (
                    '{begin: "00:00", end: "12:00"}, {begin: "12:00", end: "00:00", days: [sat, sun]},'
                    '{begin: "11:00", end: "00:30", days: [mon, tue, wed, thu, fri]}'
                ),
                True,
            ),
            # without a gap in winter only, or in summer only
            (f'{NIGHT}, {{begin: "03:00", end: "23:00", timezone: Europe/Berlin}}', True),
            (f'{NIGHT}, {{begin: "04:00", end: "00:00", timezone: Europe/Berlin}}', True),
            (f'{NIGHT}, {{begin: "03:30", end: "23:00", timezone: Europe/Berlin}}', False),
        ],
    )
    def test_of_a_table(self, issues_of, load_text, head, blackouts, refused):
        """A week without a gap is refused, a minute a week is enough; zones are taken as they are."""
        text = head + TABLE % f", blackouts: [{blackouts}]"
        if refused:
            assert issues_of(text) == [f"cdc-daemon.yaml:6: tables[0].blackouts: {NO_GAP}"]
        else:
            assert load_text(text).tables[0].timing.blackouts

    def test_of_a_source(self, issues_of, valid):
        """Alone: once, at the source."""
        text = valid.replace("user: reader", f"user: reader, blackouts: [{NIGHT}, {DAY}]")
        assert issues_of(text) == [f"cdc-daemon.yaml:2: connections.core.blackouts: {NO_GAP}"]

    def test_of_a_source_and_the_defaults(self, issues_of, valid):
        """Together: once, at the source."""
        text = valid.replace("user: reader", f"user: reader, blackouts: [{NIGHT}]")
        text += "  - {source: core, schema: s, name: b}\n"
        text += f"  - {{source: core, schema: s, name: c, blackouts: []}}\ndefaults: {{blackouts: [{DAY}]}}\n"
        (issue,) = issues_of(text)
        assert issue == (
            "cdc-daemon.yaml:2: connections.core.blackouts: together with defaults.blackouts,"
            f" {NO_GAP}"
        )

    def test_of_a_source_and_a_table(self, issues_of, valid):
        """Together: at the table."""
        text = valid.replace("user: reader", f"user: reader, blackouts: [{NIGHT}]")
        text += f"  - {{source: core, schema: s, name: b, blackouts: [{DAY}]}}\n"
        (issue,) = issues_of(text)
        assert issue == (
            "cdc-daemon.yaml:7: tables[1].blackouts: together with connections.core.blackouts,"
            f" {NO_GAP}"
        )
