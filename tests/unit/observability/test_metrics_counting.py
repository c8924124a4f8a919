"""Runs, tables, lanes and pools as metrics."""

from contextlib import nullcontext
from datetime import timedelta

import pytest

from cdc_daemon.model.change import Counts
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Status
from cdc_daemon.observability.metrics.tables import Tables
from cdc_daemon.observability.metrics.telemetry import MeteredTelemetry
from cdc_daemon.observability.metrics.watched import Watched
from cdc_daemon.ports.statistics import PoolStats
from tests.support.metrics import (
    LANES,
    NOW,
    fill,
    make_metrics,
    make_outcome,
    make_snapshot,
    make_specs,
)


class Remembering:
    """A telemetry that remembers what it was told."""

    def __init__(self):
        self.told = []

    def bound(self, **context):
        self.told.append(context)
        return nullcontext()

    def numbered(self, batch):
        self.told.append(batch)

    def outcome(self, outcome, error):
        self.told.append((outcome, error))

    def unrecorded(self, error):
        self.told.append(error)


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def series(metrics):
    return {
        (sample.name, *sorted(sample.labels.items()))
        for family in metrics.registry.collect()
        for sample in family.samples
    }


def about(metrics, text):
    return [each for each in series(metrics) if any(text in str(part) for part in each[1:])]


def test_a_batch_is_counted_with_its_rows_and_seconds():
    """Status and rows are counted by table, seconds by source, lane and step."""
    (table,) = tables = make_specs(1)
    metrics = make_metrics(tables)
    for _ in range(2):
        metrics.batch(make_outcome(table))
    name = str(table.id)
    assert (
        value(metrics, "cdc_batches_total", table=name, status="succeeded", error_kind="none") == 2
    )
    assert value(metrics, "cdc_rows_read_total", table=name) == 20
    rows = {"inserted": 2, "updated": 4, "reopened": 6, "deleted": 8, "unchanged": 8}
    for operation, expected in rows.items():
        assert value(metrics, "cdc_rows_total", table=name, operation=operation) == expected
    by = {"source": "core", "lane": "small"}
    assert value(metrics, "cdc_batch_seconds_count", **by) == 2
    assert value(metrics, "cdc_step_seconds_sum", step="extract", **by) == pytest.approx(0.4)


def test_rows_that_were_not_carried_as_they_are_count():
    """Quarantined, filtered and rewritten rows of every batch that succeeded, by table."""
    one, other = tables = make_specs(2)
    metrics = make_metrics(tables)
    for _ in range(2):
        metrics.batch(make_outcome(one))
    metrics.batch(make_outcome(other, counts=Counts(extracted=3)))
    expected = {"rewritten": (10, 0), "quarantined": (12, 0), "filtered": (14, 0)}
    for what, values in expected.items():
        name = f"cdc_rows_{what}_total"
        assert tuple(value(metrics, name, table=str(t.id)) for t in tables) == values


def test_what_is_in_quarantine_is_that_of_the_last_success():
    """Nothing is known before the first; a failure changes nothing, the next success all."""
    (table,) = tables = make_specs(1)
    metrics = make_metrics(tables)
    shown = []
    for outcome in (
        make_outcome(table, Status.FAILED),
        make_outcome(table, counts=Counts(extracted=9, quarantined=4)),
        make_outcome(table, Status.FAILED, error_kind="DatabaseUnavailable"),
        make_outcome(table, Status.SKIPPED),
        make_outcome(table, counts=Counts(extracted=9)),
    ):
        metrics.batch(outcome)
        shown.append(value(metrics, "cdc_quarantine_entries", table=str(table.id)))
    assert shown == [None, 4, 4, 4, 0]


def test_a_run_that_never_began_to_read_is_no_duration():
    """A table that is skipped because it is held does not make batches look fast."""
    (table,) = tables = make_specs(1)
    metrics = make_metrics(tables)
    metrics.batch(make_outcome(table, Status.SKIPPED, seconds={"TABLE_TOTAL": 0.001}))
    assert value(metrics, "cdc_batch_seconds_count", source="core", lane="small") is None


def test_guards_tell_whether_they_stopped_the_batch():
    """A guard that tripped and one that a person let pass are told apart."""
    (table,) = tables = make_specs(1)
    metrics = make_metrics(tables)
    metrics.batch(make_outcome(table, guards=(Guard.DELETES,)))
    metrics.batch(make_outcome(table, Status.FAILED, guards=(Guard.DELETES, Guard.EMPTY)))
    trips = {"table": str(table.id), "guard": "deletes"}
    assert value(metrics, "cdc_guard_trips_total", verdict="accepted", **trips) == 1
    assert value(metrics, "cdc_guard_trips_total", verdict="stopped", **trips) == 1


def test_error_kinds_are_bounded():
    """Our own errors are named; defects share one word, whatever their classes are called."""
    (table,) = tables = make_specs(1)
    metrics = make_metrics(tables)
    for kind in ("LandingFailed", *(f"Made up {n}" for n in range(50))):
        metrics.batch(make_outcome(table, Status.FAILED, error_kind=kind))
    failed = {"table": str(table.id), "status": "failed"}
    assert value(metrics, "cdc_batches_total", error_kind="LandingFailed", **failed) == 1
    assert value(metrics, "cdc_batches_total", error_kind="unexpected", **failed) == 50
    assert about(metrics, "Made up") == []


def test_series_grow_with_tables_by_a_fixed_number_each():
    """The number of series is a constant a table, whatever happens to the table how often."""
    counts = []
    for n in (1, 2, 3, 10):
        tables = make_specs(n)
        metrics = make_metrics(tables)
        for _ in range(5):
            fill(metrics, tables)
        counts.append(len(series(metrics)))
    step = counts[1] - counts[0]
    assert counts == [counts[0] + step * (n - 1) for n in (1, 2, 3, 10)]
    assert step < 40


def test_a_removed_table_leaves_nothing_behind():
    """Metrics of a table, source or connection that left the configuration are gone."""
    kept, removed = make_specs(1), make_specs(1, source="gone")
    metrics = make_metrics(kept + removed)
    fill(metrics, kept + removed)
    assert about(metrics, "gone")
    before = {each for each in series(metrics) if "core.dbo.T0" in str(each)}
    metrics.configuration(make_snapshot(kept, version=2), NOW)
    assert about(metrics, "gone") == []
    assert {each for each in series(metrics) if "core.dbo.T0" in str(each)} == before


def test_a_table_removed_while_it_ran_does_not_come_back():
    """What ends after the table left the configuration is counted nowhere."""
    kept, removed = make_specs(1), make_specs(1, source="gone")
    metrics = make_metrics(kept + removed)
    pool = metrics.pool("gone", "source")
    metrics.configuration(make_snapshot(kept, version=2), NOW)
    metrics.batch(make_outcome(removed[0]))
    metrics.table(removed[0], TableState(table=removed[0].id), due=NOW, now=NOW)
    pool.acquired(0.1)
    pool.failed("DatabaseUnavailable")
    assert about(metrics, "gone") == []


def test_what_is_known_of_a_table_is_shown():
    """Due time, open versions, held, paused and failures in a row are gauges."""
    (table,) = tables = make_specs(1)
    metrics = make_metrics(tables)
    name = {"table": str(table.id)}
    held = TableState(
        table=table.id, held="guard", paused=True, failures=3, open_versions=9, last_success=NOW
    )
    metrics.table(table, held, due=None, now=NOW)
    assert value(metrics, "cdc_table_held", **name) == 1
    assert value(metrics, "cdc_table_paused", **name) == 1
    assert value(metrics, "cdc_table_failures", **name) == 3
    assert value(metrics, "cdc_table_open_versions", **name) == 9
    success = value(metrics, "cdc_table_last_success_timestamp_seconds", **name)
    assert success == NOW.timestamp()
    assert value(metrics, "cdc_table_next_due_timestamp_seconds", **name) is None


def test_a_table_that_never_ran_has_no_lag_and_is_due_since_it_is_known():
    """Nothing pretends that a table succeeded, or has been late since the beginning of time."""
    (table,) = tables = make_specs(1)
    metrics = make_metrics(tables)
    name, state = {"table": str(table.id)}, TableState(table=table.id)
    long_ago = NOW - timedelta(days=20_000)
    for minutes in (0, 5):
        metrics.table(table, state, due=long_ago, now=NOW + timedelta(minutes=minutes))
    assert value(metrics, "cdc_table_lag_seconds", **name) is None
    due = value(metrics, "cdc_table_next_due_timestamp_seconds", **name)
    assert due == NOW.timestamp()


def test_the_lag_grows_while_nobody_knows_better():
    """A target that is down does not freeze the lag of its tables (law 8)."""
    (table,) = make_specs(1)
    clock = [100.0]
    tables = Tables(lambda: clock[0])
    tables.keep_only((table,))
    state = TableState(table=table.id, last_success=NOW - timedelta(seconds=30))
    tables.know(table.id, state, due=None, now=NOW)
    clock[0] += 600
    (lag,) = (each for each in tables.families() if each.name == "cdc_table_lag_seconds")
    assert [sample.value for sample in lag.samples] == [630]


def test_lanes_and_pools_are_read_anew():
    """What is watched shows as of the last refresh; pools of two generations are one."""
    tables = make_specs(1)
    metrics = make_metrics(tables)
    fill(metrics, tables)
    lane = {"lane": "small"}
    assert value(metrics, "cdc_lane_queued_tables", **lane) == LANES[0].depth
    assert value(metrics, "cdc_lane_busy_workers", **lane) == LANES[0].busy
    pool = {"connection": "core", "role": "source", "kind": "pooled"}
    assert value(metrics, "cdc_pool_open_sessions", **pool) == 4
    assert value(metrics, "cdc_pool_idle_sessions", **pool) == 1
    assert value(metrics, "cdc_pool_in_use_sessions", **pool) == 3
    assert value(metrics, "cdc_pool_waiting_tasks", **pool) == 2
    metrics.watch(Watched(landing_bytes=lambda: 77))
    metrics.refresh()
    assert value(metrics, "cdc_lane_queued_tables", **lane) is None
    assert value(metrics, "cdc_pool_open_sessions", **pool) is None
    assert value(metrics, "cdc_landing_bytes") == 77


def test_sessions_in_use_are_those_not_idle():
    """Open sessions are idle or in use."""
    pool = PoolStats(connection="c", role="source", kind="k", limit=9, open=5, idle=2, waiting=0)
    assert pool.in_use == 3


def test_a_reload_is_told_by_its_result():
    """A refused configuration leaves the old generation in force and shows."""
    metrics = make_metrics(make_specs(1))
    metrics.reload_refused()
    assert value(metrics, "cdc_config_last_reload_successful") == 0
    assert value(metrics, "cdc_config_generation") == 1
    metrics.configuration(make_snapshot((), version=2), NOW)
    assert value(metrics, "cdc_config_last_reload_successful") == 1
    assert value(metrics, "cdc_config_generation") == 2
    assert value(metrics, "cdc_config_last_reload_success_timestamp_seconds") == NOW.timestamp()
    assert value(metrics, "cdc_config_loads_total", result="taken") == 2
    assert value(metrics, "cdc_config_loads_total", result="refused") == 1


def test_memory_is_shown_against_its_budget():
    """Resident memory, its peak and the configured budget are in bytes."""
    metrics = make_metrics()
    resident = value(metrics, "cdc_memory_resident_bytes")
    assert 10_000_000 < resident <= value(metrics, "cdc_memory_peak_bytes")
    assert value(metrics, "cdc_memory_budget_bytes") == 1024 * 1024 * 1024


def test_telemetry_is_counted_and_passed_on():
    """Every word reaches the telemetry inside; ends of runs are counted on the way."""
    (table,) = tables = make_specs(1)
    metrics, inner = make_metrics(tables), Remembering()
    telemetry = MeteredTelemetry(inner, metrics)
    outcome, error = make_outcome(table, Status.CANCELLED), ValueError()
    with telemetry.bound(table="x"):
        telemetry.numbered(5)
    telemetry.outcome(outcome, error)
    telemetry.unrecorded(error)
    assert inner.told == [{"table": "x"}, 5, (outcome, error), error]
    assert value(metrics, "cdc_unrecorded_runs_total") == 1
    cancelled = {"table": str(table.id), "status": "cancelled", "error_kind": "none"}
    assert value(metrics, "cdc_batches_total", **cancelled) == 1
