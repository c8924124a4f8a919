"""The configuration's sections, as pydantic checks them one by one.

Law: unknown keys are refused everywhere, and every key but a name has a default. What needs two
sections to judge is in ``resolve``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cdc_daemon.settings.cgroup import LEAST_MB
from cdc_daemon.settings.guards import Guards
from cdc_daemon.settings.rules import OwnRule, Transformations
from cdc_daemon.settings.section import Section
from cdc_daemon.settings.times import DAYS, CronExpression, Days, TimeOfDay, Zone
from cdc_daemon.settings.values import (
    Columns,
    ConnectionName,
    Delay,
    Duration,
    Flag,
    Kept,
    Name,
    Port,
    PortOrFree,
    Positive,
    Priority,
    Ratio,
    RuleChange,
    Seconds,
    Secret,
    UpperWord,
    Whole,
    refusal,
)


class Pool(Section):
    """Sessions to one database: half of ``max`` are pooled, half read Arrow batches."""

    min: Whole = Field(default=1, ge=0, le=1_000)
    max: Whole = Field(default=8, ge=2, le=1_000)
    idle_seconds: Seconds = 300.0
    max_age_seconds: Seconds = 3600.0
    acquire_timeout_seconds: Seconds = 30.0


class Tls(Section):
    """How the connection is encrypted; ``ca_file`` is a path."""

    mode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    ca_file: Name | None = None


class Blackout(Section):
    """No batch begins from ``begin`` until ``end``, on the days on which it begins."""

    begin: TimeOfDay
    end: TimeOfDay
    timezone: Zone = "UTC"
    days: Days = DAYS


class SqlServer(Section):
    """What only connections to SQL Server have."""

    driver: Name | None = None
    instance: Name | None = None
    application_intent: Literal["ReadWrite", "ReadOnly"] = "ReadWrite"
    failover_partner: Name | None = None
    multi_subnet_failover: Flag = False
    bulk: Literal["copy", "rows"] = "copy"


class Connection(Section):
    """One database; its blackouts are those of all tables read from it."""

    engine: Literal["postgresql", "sqlserver", "oracle"]
    host: Name
    port: Port | None = None
    database: Name
    user: Name
    password: Secret = None
    pool: Pool = Pool()
    tls: Tls = Tls()
    connect_timeout_seconds: Seconds = 10.0
    lock_timeout_seconds: Seconds = 10.0
    max_concurrent_reads: Annotated[Whole, Field(ge=1, le=1_000)] | None = None
    blackouts: tuple[Blackout, ...] = ()
    sqlserver: SqlServer | None = None


class Target(Section):
    """Where history and control tables are kept."""

    connection: ConnectionName
    bronze_schema: Name = "bronze"
    stage_schema: Name = "stage"
    control_schema: Name = "cdc"
    stage_retention_days: Positive = 30
    rebuild_indexes_above: Ratio | None = 0.5


class Control(Section):
    """How long the control tables keep what nothing needs any more."""

    event_days: Kept = 90
    batch_days: Kept = 400
    quarantine_days: Kept = 90


class SmallLane(Section):
    """The lane of tables that are read often and quickly."""

    workers: Whole = Field(default=4, ge=1, le=256)
    queue_size: Whole = Field(default=64, ge=1, le=100_000)


class LargeLane(Section):
    """The lane of tables that take long."""

    workers: Whole = Field(default=1, ge=1, le=256)
    queue_size: Whole = Field(default=16, ge=1, le=100_000)


class Lanes(Section):
    """The two lanes."""

    small: SmallLane = SmallLane()
    large: LargeLane = LargeLane()


class Backoff(Section):
    """The wait after a failure that may mend itself; it doubles with each, up to the limit."""

    first_seconds: Seconds = 5.0
    limit_seconds: Seconds = 900.0


class Runtime(Section):
    """Limits of the process."""

    memory_budget_mb: Annotated[Whole, Field(ge=LEAST_MB, le=1_048_576)] | None = None
    grace_seconds: Seconds = 30.0
    landing_dir: Name | None = None
    backoff: Backoff = Backoff()


class Http(Section):
    """Where /metrics and its neighbours listen."""

    host: Name = "0.0.0.0"  # noqa: S104 - a pod is scraped from outside
    port: PortOrFree = 9091


class Logging(Section):
    """What is logged, and where to."""

    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], UpperWord] = "INFO"
    format: Literal["auto", "console", "json"] = "auto"
    file: Name | None = None
    rotation_mb: Positive = 100


class Schedule(Section):
    """When a table is read: so often, or at the times of a cron expression."""

    every: Duration | None = None
    cron: CronExpression | None = None
    timezone: Zone | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.every is None) == (self.cron is None):
            message, remedy = "must hold exactly one of every, cron", "write {every: 15m}"
        elif self.every is not None and self.timezone is not None:
            message, remedy = "has a timezone, which every does not use", "remove timezone"
        else:
            return self
        raise refusal(message, remedy)


class Defaults(Section):
    """What tables inherit."""

    schedule: Schedule = Schedule.model_validate({"every": "15m"})
    jitter: Delay = timedelta(0)
    priority: Priority = 0
    blackouts: tuple[Blackout, ...] = ()
    guards: Guards = Guards()
    lane: Name = "small"
    max_batch_rows: Positive = 1_000_000
    on_rule_change: RuleChange = "ask"


class Table(Section):
    """One table to capture; None is inherited from ``defaults``."""

    source: ConnectionName
    schema_: Name = Field(alias="schema")
    name: Name
    key: Columns | None = Field(default=None, min_length=1)
    strategy: Literal["full", "windowed", "chunked", "incremental"] = "full"
    lane: Name | None = None
    schedule: Schedule | None = None
    jitter: Delay | None = None
    priority: Priority | None = None
    blackouts: tuple[Blackout, ...] | None = None
    exclude_columns: Columns = ()
    target_table: Name | None = None
    guards: Guards = Guards()
    max_batch_rows: Positive | None = None
    transform: tuple[OwnRule, ...] = ()
    on_rule_change: RuleChange | None = None


class TablesFile(Section):
    """What a file named by ``include`` holds."""

    tables: list[Table] = Field(default_factory=list)


class Document(Section):
    """The main file. Nothing is required here, so that a part can be left out and the rest
    still judged; ``resolve`` misses what is missing.
    """

    connections: dict[ConnectionName, Connection] = Field(default_factory=dict)
    target: Target | None = None
    control: Control = Control()
    lanes: Lanes = Lanes()
    runtime: Runtime = Runtime()
    http: Http = Http()
    logging: Logging = Logging()
    defaults: Defaults = Defaults()
    transformations: Transformations = Transformations()
    include: list[Name] = Field(default_factory=list)
    tables: list[Table] = Field(default_factory=list)
