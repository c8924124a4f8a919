"""From files to a snapshot."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

import cdc_daemon
from cdc_daemon.errors import ConfigError, ExitCode
from cdc_daemon.model.config import (
    HttpSpec,
    LoggingSpec,
    PoolLimits,
    RuntimeSpec,
    TargetSpec,
    TlsSpec,
)
from cdc_daemon.model.guard import GuardLimits
from cdc_daemon.model.schedule import Interval, Timing
from cdc_daemon.model.secret import SecretKind
from cdc_daemon.model.table import QualifiedName, TableId
from cdc_daemon.settings.load import load
from cdc_daemon.settings.models import Guards

EXAMPLE = Path(cdc_daemon.__file__).parent.parent / "config" / "cdc-daemon.yaml"


def test_defaults_are_those_of_the_model(load_text, valid):
    """What a file leaves out has the default that the model documents."""
    snapshot = load_text(valid, version=7)
    assert snapshot.version == 7
    core = snapshot.connections["core"]
    assert (core.port, core.pool, core.tls) == (5432, PoolLimits(), TlsSpec())
    assert (core.connect_timeout_seconds, core.lock_timeout_seconds) == (10, 10)
    assert snapshot.target == TargetSpec(connection="warehouse")
    assert (snapshot.http, snapshot.logging) == (HttpSpec(), LoggingSpec())
    assert snapshot.runtime == RuntimeSpec()
    assert {name: (lane.workers, lane.queue_size) for name, lane in snapshot.lanes.items()} == {
        "small": (4, 64),
        "large": (1, 16),
    }
    assert snapshot.warnings == ()


@pytest.mark.parametrize(("value", "ratio"), [("0.25", 0.25), ("3", 3.0), ("null", None)])
def test_when_indexes_are_rebuilt_reaches_the_snapshot(load_text, valid, value, ratio):
    """A ratio, of more than 1, too; null says never."""
    target = f"{{connection: warehouse, rebuild_indexes_above: {value}}}"
    text = valid.replace("{connection: warehouse}", target)
    assert load_text(text).target.rebuild_indexes_above == ratio


def test_a_variable_says_when_indexes_are_rebuilt(load_text, valid):
    """It beats the file, as for any other key."""
    named = {"CDC__TARGET__REBUILD_INDEXES_ABOVE": "0.75"}
    assert load_text(valid, named).target.rebuild_indexes_above == 0.75


def test_guard_defaults_are_those_of_the_model():
    """Every guard limit of the model can be configured, and defaults to the model's value."""
    limits = GuardLimits()
    assert Guards().model_dump() == {name: getattr(limits, name) for name in GuardLimits.__slots__}


def test_a_table_is_named_and_scheduled_by_default(load_text, valid):
    """Bronze and stage are `<source>_<name>` in lower case, every 15 minutes, lane small."""
    (table,) = load_text(valid).tables
    assert table.id == TableId("core", "public", "Account")
    assert table.bronze == QualifiedName("bronze", "core_account")
    assert table.stage == QualifiedName("stage", "core_account")
    assert table.current_view == QualifiedName("bronze", "core_account_current")
    assert (table.key, table.lane, table.timing) == ((), "small", Timing())
    assert (table.guards, table.max_batch_rows) == (GuardLimits(), 1_000_000)


def test_a_table_inherits_key_by_key(load_text, head):
    """A table's guards replace single limits of `defaults`, which replace single built-in ones."""
    snapshot = load_text(
        head
        + """
defaults: {schedule: {every: 1d}, lane: large, max_batch_rows: 5, guards: {min_rows: 10, allow_empty: true}}
tables:
  - {source: core, schema: s, name: a}
  - {source: core, schema: s, name: b, schedule: {every: 30s}, lane: small, max_batch_rows: 6,
     guards: {max_delete_share: 1}, key: [x, Y], exclude_columns: [z], target_table: Other}
"""
    )
    a, b = snapshot.tables
    assert (a.timing.schedule, a.lane, a.max_batch_rows) == (
        Interval(timedelta(days=1)),
        "large",
        5,
    )
    assert a.guards == GuardLimits(min_rows=10, allow_empty=True)
    assert (b.timing.schedule, b.lane, b.max_batch_rows) == (
        Interval(timedelta(seconds=30)),
        "small",
        6,
    )
    assert b.guards == GuardLimits(min_rows=10, allow_empty=True, max_delete_share=1.0)
    assert (b.key, b.exclude_columns) == (("x", "Y"), ("z",))
    assert b.bronze == QualifiedName("bronze", "Other")


def test_sections_left_empty_count_as_left_out(load_text, head):
    """`tables:` with everything below it commented out is valid, and warned about."""
    snapshot = load_text(head + "http:\ninclude:\ntables:\n  # - {source: core}\n")
    assert snapshot.tables == ()
    assert [w.split(": ", 1)[1] for w in snapshot.warnings] == [
        "tables: no table is configured; add one under `tables:`"
    ]


def test_the_snapshot_cannot_be_changed(load_text, valid):
    """Running jobs keep the snapshot they started with: it is immutable."""
    snapshot = load_text(valid)
    with pytest.raises(TypeError):
        snapshot.connections["other"] = snapshot.connections["core"]
    with pytest.raises(AttributeError):
        snapshot.version = 2


def test_anchors_and_merge_keys_work(load_text, head):
    """YAML's own means against repetition are understood."""
    snapshot = load_text(
        head
        + "tables:\n"
        + "  - &base {source: core, schema: s, name: a, key: [id]}\n"
        + "  - {<<: *base, name: b}\n"
    )
    assert [(str(t.id), t.key) for t in snapshot.tables] == [
        ("core.s.a", ("id",)),
        ("core.s.b", ("id",)),
    ]


class TestDigest:
    """The digest says whether a reload changes anything."""

    def test_equal_for_equal_behaviour(self, load_text, head):
        """Comments, the order of tables, spelled-out defaults and the version do not count."""
        a, b = (
            "  - {source: core, schema: s, name: a}\n",
            "  - {source: core, schema: s, name: b}\n",
        )
        one = load_text(f"{head}tables:\n{a}{b}")
        two = load_text(f"# x\n{head}http: {{port: 9091}}\ntables:\n{b}{a}", version=2)
        assert one.digest == two.digest
        assert len(one.digest) == 64

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("db1", "db2"),
            ("CORE_PASSWORD", "OTHER"),
            ("Account", "Accounts"),
            ("warehouse}", "core}"),
        ],
    )
    def test_different_for_different_behaviour(self, load_text, valid, old, new):
        """A host, the place of a secret, a table or the target changes it."""
        assert load_text(valid).digest != load_text(valid.replace(old, new)).digest

    def test_no_secret_goes_in(self, load_text, valid):
        """Law 9: two plain passwords give one digest."""
        texts = [valid.replace("{env: CORE_PASSWORD}", word) for word in ("hunter2", "hunter3")]
        assert len({load_text(text).digest for text in texts}) == 1


def test_secrets_stay_references(load_text, valid):
    """Loading fetches no secret; a reference does not show its place in its repr."""
    snapshot = load_text(valid)
    password = snapshot.connections["core"].password
    assert (password.kind, password.locator) == (SecretKind.ENV, "CORE_PASSWORD")
    assert "CORE_PASSWORD" not in repr(snapshot)


def test_a_plain_password_is_warned_about_by_line(load_text, valid, folder):
    """A plain password works, and the warning names file and line but not the password."""
    (warning,) = load_text(valid.replace("{env: WH_PASSWORD}", "hunter2")).warnings
    assert warning == (
        f"{folder}/cdc-daemon.yaml:3: connections.warehouse.password: the password stands here in"
        " plain text; write {env: NAME} or {file: /path}"
    )


def test_a_grace_shorter_than_timeouts_is_warned_about(load_text, valid):
    """Waits should be bounded below the grace (DESIGN 6.5)."""
    warnings = load_text(valid + "runtime: {grace_seconds: 10}\n").warnings
    assert len(warnings) == 4
    assert (
        "connections.core.connect_timeout_seconds: is not below runtime.grace_seconds"
        in warnings[0]
    )


def test_the_example_loads():
    """The example configuration that is shipped is valid, with its include, without warnings."""
    snapshot = load(EXAMPLE, {})
    assert [str(table.id) for table in snapshot.tables] == [
        "core.public.branch",
        "core.public.customer",
        "core.public.account",
    ]
    assert snapshot.warnings == ()


def test_the_example_shows_the_defaults(load_text, valid):
    """Every default that the example spells out is the default in force."""
    example, bare = load(EXAMPLE, {}), load_text(valid)
    for part in ("target", "lanes", "runtime", "http", "logging"):
        assert getattr(example, part) == getattr(bare, part)
    for table in example.tables[:2]:
        assert (table.guards, table.timing) == (bare.tables[0].guards, bare.tables[0].timing)
    core = example.connections["core"]
    assert (core.pool, core.tls, core.port) == (PoolLimits(), TlsSpec(), 5432)


def test_a_missing_file_is_a_usage_error(folder):
    """A configuration that cannot be read ends a command with exit code 2."""
    with pytest.raises(ConfigError, match="there is no such file; create it") as caught:
        load(folder / "none.yaml", {})
    assert caught.value.exit_code is ExitCode.USAGE


def test_two_thousand_tables_load_within_two_seconds(load_text, head):
    """The largest installation reloads without a pause; CPU time, so that neighbours do not count."""
    table = (
        "  - {source: core, schema: public, name: table_%d, key: [a, b], guards: {min_rows: 5}}\n"
    )
    text = head + "tables:\n" + "".join(table % number for number in range(2_000))
    before = os.times().user
    assert len(load_text(text).tables) == 2_000
    assert os.times().user - before < 2


def test_the_model_does_not_import_pydantic():
    """Pydantic stays in settings: who uses the model alone does not pay for it."""
    code = (
        "import sys, cdc_daemon.model.config, cdc_daemon.secrets.resolver;"
        "sys.exit('pydantic' in sys.modules)"
    )
    root = str(EXAMPLE.parent.parent)
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
