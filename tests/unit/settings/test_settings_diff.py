"""What a reload changes, and what it must not change."""

from __future__ import annotations

import pytest

from cdc_daemon.model.table import TableId
from cdc_daemon.settings.diff import ConfigDiff, difference, needs_restart, settings_of


@pytest.fixture
def diff(load_text, valid):
    """The difference between the small valid configuration and a changed one."""

    def _diff(old: str = "", new: str = "", more: str = "") -> ConfigDiff:
        assert old in valid
        return difference(load_text(valid), load_text(valid.replace(old, new) + more, version=2))

    return _diff


def test_nothing(load_text, valid, diff):
    """Comments, the version, the order of tables and defaults spelled out are no difference."""
    assert diff(more="# a comment\nhttp: {port: 9091}\ndefaults: {priority: 0}\n").nothing
    b = "  - {source: core, schema: s, name: b}\n"
    shuffled = valid.replace("tables:\n", f"tables:\n{b}")
    assert difference(load_text(valid + b), load_text(shuffled)).nothing


def test_tables(load_text, valid):
    """Added, removed and changed ones are named, in order; a default changes all that inherit it."""
    rows = [f"  - {{source: core, schema: s, name: {name}}}\n" for name in "dcba"]
    old = load_text(valid + "".join(rows[:3]))
    new = load_text(valid + rows[0].replace("name: d", "name: d, priority: 1") + rows[3])
    assert difference(old, new) == ConfigDiff(
        tables_added=(TableId("core", "s", "a"),),
        tables_removed=(TableId("core", "s", "b"), TableId("core", "s", "c")),
        tables_changed=(TableId("core", "s", "d"),),
    )
    all_changed = difference(old, load_text(valid + "".join(rows[:3]) + "defaults: {jitter: 1s}\n"))
    assert all_changed == ConfigDiff(tables_changed=tuple(sorted(table.id for table in old.tables)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("host: db1", "host: db2"),
        ("user: reader", "user: other"),
        ("user: reader", "user: reader, port: 5433"),
        ("user: reader", "user: reader, pool: {max: 6}"),
        ("user: reader", "user: reader, tls: {mode: require}"),
        ("user: reader", "user: reader, lock_timeout_seconds: 5"),
        ("{env: CORE_PASSWORD}", "{env: OTHER}"),
        ("{env: CORE_PASSWORD}", "{file: /CORE_PASSWORD}"),
        ("{env: CORE_PASSWORD}", "hunter2"),
    ],
)
def test_a_source_is_renewed(diff, old, new):
    """A source may change altogether while the daemon runs; its tables stay what they are."""
    assert diff(old, new) == ConfigDiff(connections_changed=("core",))


def test_a_plain_password_counts(load_text, valid):
    """Two plain passwords have one digest (law 9), but their pools are not the same."""
    texts = [valid.replace("{env: WH_PASSWORD}", word) for word in ("hunter2", "hunter3")]
    old, new = map(load_text, texts)
    assert old.digest == new.digest
    changed = difference(old, new)
    assert changed == ConfigDiff(connections_changed=("warehouse",))
    assert "hunter" not in repr(changed)


def test_connections_come_and_go(load_text, valid, diff):
    """Those that are new or gone are named."""
    other = "  other: {engine: postgresql, host: o, database: o, user: o}\ntarget"
    assert diff("target", other) == ConfigDiff(connections_added=("other",))
    back = difference(load_text(valid.replace("target", other)), load_text(valid))
    assert back == ConfigDiff(connections_removed=("other",))


def test_a_limit_of_reads_keeps_the_pool(diff):
    """``max_concurrent_reads`` alone renews nothing."""
    changed = diff("user: reader", "user: reader, max_concurrent_reads: 2")
    assert changed == ConfigDiff(limits_changed=("core",))


def test_blackouts_of_a_source_change_its_tables(diff):
    """They are the tables' own by then."""
    changed = diff("user: reader", 'user: reader, blackouts: [{begin: "22:00", end: "02:00"}]')
    assert changed == ConfigDiff(tables_changed=(TableId("core", "public", "Account"),))


def test_a_target_that_becomes_a_source_is_renewed(diff):
    """Its sessions are then shared out between both roles."""
    changed = diff(more="  - {source: warehouse, schema: s, name: b}\n")
    assert changed == ConfigDiff(
        tables_added=(TableId("warehouse", "s", "b"),), connections_changed=("warehouse",)
    )


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("logging: {level: DEBUG}", "logging.level"),
        ("logging: {file: cdc.log}", "logging.file"),
        ("runtime: {grace_seconds: 31}", "runtime.grace_seconds"),
        ("runtime: {backoff: {first_seconds: 6}}", "runtime.backoff.first_seconds"),
        ("control: {event_days: 30}", "control.event_days"),
        ("control: {batch_days: 30}", "control.batch_days"),
        ("control: {quarantine_days: 30}", "control.quarantine_days"),
    ],
)
def test_what_takes_effect_at_once(diff, more, path):
    """It is named, for the log, and refuses nothing."""
    assert diff(more=f"{more}\n") == ConfigDiff(settings_changed=(path,))


@pytest.mark.parametrize("key", ["stage_retention_days", "rebuild_indexes_above"])
def test_what_of_the_target_takes_effect_at_once(diff, key):
    """How long its stage is kept may change, and when its indexes are built anew."""
    changed = diff("{connection: warehouse}", f"{{connection: warehouse, {key}: 3}}")
    assert changed == ConfigDiff(settings_changed=(f"target.{key}",))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "",
            "http: {port: 0}",
            "http.port cannot change while the daemon runs (the port is opened at start)",
        ),
        (
            "",
            "http: {host: 127.0.0.1}",
            "http.host cannot change while the daemon runs (the port is opened at start)",
        ),
        (
            "",
            "lanes: {large: {workers: 2}}",
            "lanes.large.workers cannot change while the daemon runs (workers and queues are set up at start)",
        ),
        (
            "",
            "lanes: {small: {queue_size: 2}}",
            "lanes.small.queue_size cannot change while the daemon runs (workers and queues are set up at start)",
        ),
        (
            "",
            "runtime: {memory_budget_mb: 2048}",
            "runtime.memory_budget_mb cannot change while the daemon runs (running batches hold shares of it)",
        ),
        (
            "",
            "runtime: {landing_dir: /var/landing}",
            "runtime.landing_dir cannot change while the daemon runs (rows of running batches lie there)",
        ),
        (
            "{connection: warehouse}",
            "{connection: warehouse, control_schema: other}",
            "target.control_schema cannot change while the daemon runs (histories, locks and checkpoints of running batches are there)",
        ),
        (
            "{connection: warehouse}",
            "{connection: core}",
            "target.connection cannot change while the daemon runs (histories, locks and checkpoints of running batches are there)",
        ),
        (
            "host: wh",
            "host: elsewhere",
            "connections.warehouse.host cannot change while the daemon runs (histories, locks and checkpoints of running batches are there)",
        ),
        (
            "database: wh",
            "database: elsewhere",
            "connections.warehouse.database cannot change while the daemon runs (histories, locks and checkpoints of running batches are there)",
        ),
    ],
)
def test_what_needs_a_restart(diff, old, new, sentence):
    """Each is a sentence with the reason, and shows no value (law 9)."""
    changed = diff(old, new) if old else diff(more=f"{new}\n")
    assert changed.restart_needed == (sentence,)


def test_every_reason_is_listed_at_once(diff):
    """An operator corrects the file once."""
    changed = diff(
        "{connection: warehouse}",
        "{connection: warehouse, bronze_schema: b}",
        "http: {port: 1}\nlanes: {small: {workers: 9}}\nlogging: {level: DEBUG}\n",
    )
    paths = [sentence.split()[0] for sentence in changed.restart_needed]
    assert paths == ["http.port", "lanes.small.workers", "target.bronze_schema"]
    assert changed.settings_changed == ("logging.level",)


def test_every_setting_is_decided_about(load_text, valid):
    """A setting that is new appears here: does it take effect at once, or need a restart?"""
    paths = dict(settings_of(load_text(valid)))
    assert {path for path in paths if needs_restart(path)} == {
        "http.host",
        "http.port",
        "lanes.large.queue_size",
        "lanes.large.workers",
        "lanes.small.queue_size",
        "lanes.small.workers",
        "runtime.landing_dir",
        "runtime.memory_budget_mb",
        "target.bronze_schema",
        "target.connection",
        "target.control_schema",
        "target.stage_schema",
    }
    assert {path for path in paths if not needs_restart(path)} == {
        "control.batch_days",
        "control.event_days",
        "control.quarantine_days",
        "logging.file",
        "logging.format",
        "logging.level",
        "logging.rotation_mb",
        "runtime.backoff.first_seconds",
        "runtime.backoff.limit_seconds",
        "runtime.grace_seconds",
        "target.rebuild_indexes_above",
        "target.stage_retention_days",
    }
