"""Metrics with something in every one of them; as a program it prints them for ``promtool``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from prometheus_client import CollectorRegistry

from cdc_daemon.model.change import Counts
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import ConfigSnapshot, ConnectionSpec, TargetSpec
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import RunOutcome, Status
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.observability.metrics.exposition import exposition
from cdc_daemon.observability.metrics.metrics import Metrics
from cdc_daemon.observability.metrics.watched import Watched
from cdc_daemon.ports.statistics import LaneStats, PoolStats
from tests.factories import make_spec

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
COUNTS = Counts(
    extracted=10,
    inserted=1,
    updated=2,
    reopened=3,
    deleted=4,
    unchanged=4,
    rewritten=5,
    quarantined=6,
    filtered=7,
)
SECONDS = MappingProxyType(
    {"EXTRACT": 0.2, "CDC_PROMOTION": 0.1, "SCD2_PROMOTION": 0.3, "TABLE_TOTAL": 0.7}
)
LANES = (LaneStats(name="small", depth=3, size=64, workers=4, busy=2),)


def make_specs(count: int, source: str = "core") -> tuple[TableSpec, ...]:
    """Tables ``T0``, ``T1`` and so on."""
    return tuple(make_spec(id=TableId(source, "dbo", f"T{n}")) for n in range(count))


def make_snapshot(tables: tuple[TableSpec, ...], version: int = 1, **other) -> ConfigSnapshot:
    """A configuration of ``tables``, with a connection for each of their sources."""
    names = {"warehouse"} | {table.id.source for table in tables}
    given = {
        "connections": {
            name: ConnectionSpec(
                name=name, engine="postgresql", host="db", port=5432, database="d", user="u"
            )
            for name in names
        },
        "target": TargetSpec(connection="warehouse"),
        "digest": "ab" * 32,
    } | other
    return ConfigSnapshot(version=version, tables=tables, **given)


def make_outcome(table: TableSpec, status: Status = Status.SUCCEEDED, **other) -> RunOutcome:
    """A run that succeeded, unless told otherwise."""
    given = {"seconds": SECONDS, "batch_id": 7}
    if status is Status.SUCCEEDED:
        given["counts"] = COUNTS
    return RunOutcome(table=table.id, status=status, **given | other)


def make_metrics(tables: tuple[TableSpec, ...] = ()) -> Metrics:
    """Metrics on a registry of their own, with a configuration of ``tables``."""
    metrics = Metrics(CollectorRegistry())
    metrics.configuration(make_snapshot(tables), NOW)
    return metrics


def fill(metrics: Metrics, tables: tuple[TableSpec, ...]) -> None:
    """Everything that can happen happens to every table."""
    for table in tables:
        state = TableState(table=table.id, last_success=NOW, open_versions=5, failures=1)
        metrics.table(table, state, due=NOW + timedelta(minutes=1), now=NOW)
        metrics.batch(make_outcome(table, guards=(Guard.DELETES,)))
        metrics.batch(make_outcome(table, Status.FAILED, error_kind="DatabaseUnavailable"))
        metrics.batch(
            make_outcome(table, Status.FAILED, error_kind="GuardTripped", guards=(Guard.EMPTY,))
        )
        metrics.batch(make_outcome(table, Status.FAILED, error_kind="KeyError"))
        pool = metrics.pool(table.id.source, "source")
        pool.acquired(0.01)
        pool.failed("DatabaseUnavailable")
    metrics.unrecorded()
    metrics.swept("event", 10)
    metrics.reload_refused()
    metrics.loop_gap(0.012)
    metrics.watch(Watched(lanes=lambda: LANES, pools=_pools, locks_held=lambda: 1))
    metrics.refresh()


def _pools() -> tuple[PoolStats, ...]:
    of = {"connection": "core", "role": "source", "limit": 4, "waiting": 1}
    return (
        PoolStats(kind="pooled", open=3, idle=1, **of),
        PoolStats(kind="reader", open=2, idle=0, **of),
        PoolStats(kind="pooled", open=1, idle=0, **of),  # an older generation's
    )


if __name__ == "__main__":
    some = make_specs(3)
    full = make_metrics(some)
    fill(full, some)
    sys.stdout.buffer.write(exposition(full.registry, "")[0])
