"""Every metric of the daemon, declared once.

The table label is on counters and gauges only; histograms are by source and lane, so that their
series do not grow with the number of tables (DESIGN 6.4).
"""

from __future__ import annotations

from typing import Final

from cdc_daemon.observability.metrics.declaration import Declaration, Kind

_TABLE = ("table",)
_POOL = ("connection", "role", "kind")
_WORK_BUCKETS = (
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    *(60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0),
)
_ACQUIRE_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_GAP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


def _counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Declaration:
    return Declaration(name=name, kind=Kind.COUNTER, help=text, labels=labels)


def _gauge(name: str, text: str, labels: tuple[str, ...] = (), unit: str = "") -> Declaration:
    return Declaration(name=name, kind=Kind.GAUGE, help=text, labels=labels, unit=unit)


def _seconds(
    name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]
) -> Declaration:
    return Declaration(
        name=name, kind=Kind.HISTOGRAM, help=text, labels=labels, unit="seconds", buckets=buckets
    )


BATCHES: Final = _counter(
    "cdc_batches_total",
    "Runs of a table that ended: status is succeeded, failed, skipped or cancelled; error_kind is "
    "the class of the error, none without one, unexpected for a defect.",
    ("table", "status", "error_kind"),
)
ROWS_READ: Final = _counter(
    "cdc_rows_read_total", "Rows that batches which succeeded read from the source.", _TABLE
)
ROWS: Final = _counter(
    "cdc_rows_total",
    "Rows of batches that succeeded, by what became of them: inserted, updated, reopened, deleted "
    "or unchanged.",
    ("table", "operation"),
)
ROWS_REWRITTEN: Final = _counter(
    "cdc_rows_rewritten_total",
    "Open versions that batches which succeeded gave other values in place, because rules of "
    "transformation changed.",
    _TABLE,
)
ROWS_QUARANTINED: Final = _counter(
    "cdc_rows_quarantined_total",
    "Rows that batches which succeeded could not carry; one that stays bad counts every time.",
    _TABLE,
)
ROWS_FILTERED: Final = _counter(
    "cdc_rows_filtered_total",
    "Rows that a filter left out of batches which succeeded, with every batch anew.",
    _TABLE,
)
GUARD_TRIPS: Final = _counter(
    "cdc_guard_trips_total",
    "Guards that tripped: verdict is stopped, or accepted where a person let the batch pass.",
    ("table", "guard", "verdict"),
)
UNRECORDED: Final = _counter(
    "cdc_unrecorded_runs_total",
    "Ends of runs, or sweeps after them, that could not be put on record in the control tables.",
)
SWEPT: Final = _counter(
    "cdc_housekeeping_deleted_rows_total",
    "Rows of the control tables that this process deleted because they were past retention: kind "
    "is event, batch or quarantine.",
    ("kind",),
)
BATCH_SECONDS: Final = _seconds(
    "cdc_batch_seconds",
    "Duration of runs that began to read, whatever they came to.",
    ("source", "lane"),
    _WORK_BUCKETS,
)
STEP_SECONDS: Final = _seconds(
    "cdc_step_seconds",
    "Duration of a step of a run: extract, cdc_promotion (compare) or scd2_promotion (promote).",
    ("source", "lane", "step"),
    _WORK_BUCKETS,
)

TABLE_INFO: Final = _gauge(
    "cdc_table_info",
    "1 for each configured table; the labels are for joins.",
    ("table", "source", "lane", "strategy"),
)
TABLE_LAG: Final = _gauge(
    "cdc_table_lag_seconds",
    "Time since the table's last success, which grows on while the target cannot be asked; "
    "absent before the first.",
    _TABLE,
    "seconds",
)
TABLE_SUCCESS: Final = _gauge(
    "cdc_table_last_success_timestamp_seconds",
    "When the table last succeeded, by the target's clock; absent before the first time.",
    _TABLE,
    "seconds",
)
TABLE_DUE: Final = _gauge(
    "cdc_table_next_due_timestamp_seconds",
    "When the table's next batch is due, in the past for one that waits; absent while it is held "
    "or paused, and before the target first answered. A table that never ran is due since this "
    "process knows it.",
    _TABLE,
    "seconds",
)
TABLE_OPEN: Final = _gauge("cdc_table_open_versions", "Keys that are there now.", _TABLE)
TABLE_HELD: Final = _gauge("cdc_table_held", "1 while the table waits to be released.", _TABLE)
TABLE_PAUSED: Final = _gauge("cdc_table_paused", "1 while an operator has paused it.", _TABLE)
TABLE_FAILURES: Final = _gauge(
    "cdc_table_failures", "Attempts that failed since the last success.", _TABLE
)
QUARANTINED: Final = _gauge(
    "cdc_quarantine_entries",
    "What the last batch that succeeded in this process left in quarantine, in rows; absent before "
    "it. Entries, and since when: `cdc-daemon quarantine list`.",
    _TABLE,
)

LANE_QUEUED: Final = _gauge(
    "cdc_lane_queued_tables", "Tables that wait for a worker of the lane.", ("lane",)
)
LANE_LIMIT: Final = _gauge(
    "cdc_lane_queue_limit_tables", "Tables that may wait in the lane.", ("lane",)
)
LANE_WORKERS: Final = _gauge("cdc_lane_workers", "Workers of the lane.", ("lane",))
LANE_BUSY: Final = _gauge("cdc_lane_busy_workers", "Workers that have a table.", ("lane",))
LOCKS: Final = _gauge("cdc_locks_held", "Table locks this process holds.")

POOL_LIMIT: Final = _gauge("cdc_pool_limit_sessions", "Sessions there may be.", _POOL)
POOL_OPEN: Final = _gauge("cdc_pool_open_sessions", "Sessions that are connected.", _POOL)
POOL_IDLE: Final = _gauge("cdc_pool_idle_sessions", "Connected sessions nobody uses.", _POOL)
POOL_IN_USE: Final = _gauge("cdc_pool_in_use_sessions", "Sessions that work for a task.", _POOL)
POOL_WAITING: Final = _gauge("cdc_pool_waiting_tasks", "Tasks that wait for a session.", _POOL)
POOL_ACQUIRE: Final = _seconds(
    "cdc_pool_acquire_seconds",
    "Wait for a session that was had, connecting included.",
    ("connection", "role"),
    _ACQUIRE_BUCKETS,
)
POOL_ERRORS: Final = _counter(
    "cdc_pool_errors_total",
    "Sessions that were not to be had, by class of the error.",
    ("connection", "role", "error_kind"),
)

LANDING: Final = _gauge(
    "cdc_landing_bytes", "Landed rows on local disk, of batches that run.", unit="bytes"
)
MEMORY: Final = _gauge("cdc_memory_resident_bytes", "Resident memory.", unit="bytes")
MEMORY_PEAK: Final = _gauge(
    "cdc_memory_peak_bytes", "Largest resident memory so far (VmHWM).", unit="bytes"
)
MEMORY_BUDGET: Final = _gauge(
    "cdc_memory_budget_bytes", "`runtime.memory_budget_mb`, or what it comes to.", unit="bytes"
)
MEMORY_RESERVED: Final = _gauge(
    "cdc_memory_reserved_bytes", "Of the budget, what running batches hold.", unit="bytes"
)
MEMORY_WAITING: Final = _gauge(
    "cdc_memory_waiting_batches", "Batches that wait for memory of the budget."
)
LOOP_GAP: Final = _seconds(
    "cdc_event_loop_gap_seconds",
    "How late the event loop woke a task that asks for it every 40 ms.",
    (),
    _GAP_BUCKETS,
)
LOOP_GAP_MAX: Final = _gauge(
    "cdc_event_loop_gap_max_seconds",
    "Largest such lateness of the last one to two minutes.",
    unit="seconds",
)

GENERATION: Final = _gauge("cdc_config_generation", "Number of the configuration in force.")
CONFIG: Final = _gauge(
    "cdc_config_info", "1; the digest of the configuration in force.", ("digest",)
)
RELOAD_OK: Final = _gauge(
    "cdc_config_last_reload_successful",
    "1 where the last load of the configuration was taken, 0 where it was refused.",
)
RELOAD_AT: Final = _gauge(
    "cdc_config_last_reload_success_timestamp_seconds",
    "When a configuration was last taken.",
    unit="seconds",
)
LOADS: Final = _counter(
    "cdc_config_loads_total",
    "Loads of the configuration, the first included: result is taken or refused.",
    ("result",),
)
BUILD: Final = _gauge("cdc_build_info", "1; the version of the daemon.", ("version",))
UPTIME: Final = _gauge("cdc_uptime_seconds", "Time since the daemon started.", unit="seconds")

DECLARED: Final[tuple[tuple[str, tuple[Declaration, ...]], ...]] = (
    (
        "Batches",
        (
            *(BATCHES, ROWS_READ, ROWS, ROWS_REWRITTEN, ROWS_QUARANTINED, ROWS_FILTERED),
            *(GUARD_TRIPS, BATCH_SECONDS, STEP_SECONDS, UNRECORDED),
        ),
    ),
    (
        "Tables",
        (
            *(TABLE_INFO, TABLE_LAG, TABLE_SUCCESS, TABLE_DUE),
            *(TABLE_OPEN, TABLE_HELD, TABLE_PAUSED, TABLE_FAILURES, QUARANTINED),
        ),
    ),
    ("Lanes and locks", (LANE_QUEUED, LANE_LIMIT, LANE_WORKERS, LANE_BUSY, LOCKS)),
    (
        "Pools",
        (
            *(POOL_LIMIT, POOL_OPEN, POOL_IDLE, POOL_IN_USE, POOL_WAITING),
            *(POOL_ACQUIRE, POOL_ERRORS),
        ),
    ),
    (
        "Process",
        (
            *(LANDING, MEMORY, MEMORY_PEAK, MEMORY_BUDGET, MEMORY_RESERVED, MEMORY_WAITING),
            *(LOOP_GAP, LOOP_GAP_MAX, SWEPT, UPTIME, BUILD),
        ),
    ),
    ("Configuration", (GENERATION, CONFIG, RELOAD_OK, RELOAD_AT, LOADS)),
)
"""By heading, as they are documented."""

ALL: Final = tuple(each for _, group in DECLARED for each in group)
