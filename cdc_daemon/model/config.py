"""The configuration in force: one immutable snapshot, fully resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cdc_daemon.model.secret import SecretRef
from cdc_daemon.model.table import TableSpec

SHARED_POOL = 4
"""Sessions that a connection in both roles needs: one to read, one to write, two for Arrow."""

_MICROSOFT = re.compile(r"msodbcsql|ODBC Driver \d+ for SQL Server", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """Bounds of all sessions to one database, lock connections apart."""

    min: int = 1
    max: int = 8
    idle_seconds: float = 300.0
    max_age_seconds: float = 3600.0
    acquire_timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSpec:
    """libpq's words: disable, allow, prefer, require, verify-ca, verify-full."""

    mode: str = "prefer"
    ca_file: str | None = None


def is_microsoft(driver: str | None) -> bool:
    """Whether an ODBC driver of SQL Server, by name or path, is Microsoft's; None is."""
    return driver is None or _MICROSOFT.search(driver) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlServerSpec:
    """What only connections to SQL Server have."""

    driver: str | None = None
    """Another ODBC driver than Microsoft's out of the wheel: a name in odbcinst.ini, or a path."""
    instance: str | None = None
    """A named instance, asked of the SQL Server Browser; then the port does not count."""
    application_intent: str = "ReadWrite"
    """``ReadOnly``: an availability group's listener may answer with a secondary."""
    failover_partner: str | None = None
    multi_subnet_failover: bool = False
    bulk: str = "copy"
    """``copy``: TDS bulk copy; ``rows``: parameterised inserts, where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSpec:
    """One database, without its password."""

    name: str
    engine: str
    host: str
    port: int
    database: str
    user: str
    password: SecretRef | None = None
    pool: PoolLimits = field(default_factory=PoolLimits)
    tls: TlsSpec = field(default_factory=TlsSpec)
    connect_timeout_seconds: float = 10.0
    lock_timeout_seconds: float = 10.0
    """How long a statement may wait for a lock of somebody else's."""
    max_concurrent_reads: int | None = None
    """Tables read at once; None: as many as there are sessions for."""
    sqlserver: SqlServerSpec = field(default_factory=SqlServerSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """Where history and control tables are kept."""

    connection: str
    bronze_schema: str = "bronze"
    stage_schema: str = "stage"
    control_schema: str = "cdc"
    stage_retention_days: int = 30
    rebuild_indexes_above: float | None = 0.5
    """Versions that a batch opens, by open versions before it; None: never rebuild."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSpec:
    """How long the control tables keep what nothing needs any more, in days."""

    event_days: int = 90
    batch_days: int = 400
    """Of attempts that changed nothing: those that did are kept, their instants are history."""
    quarantine_days: int = 90
    """Of entries that are resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSpec:
    """A bounded queue with its workers."""

    workers: int
    queue_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffSpec:
    """How long a table waits after its n-th failure in a row: ``first * 2 ** (n - 1)``."""

    first_seconds: float = 5.0
    limit_seconds: float = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSpec:
    """Limits of the process."""

    memory_budget_mb: int = 1024
    grace_seconds: float = 30.0
    landing_dir: str | None = None
    backoff: BackoffSpec = field(default_factory=BackoffSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSpec:
    """Where /metrics and its neighbours listen; port 0 is a free one."""

    host: str = "0.0.0.0"  # noqa: S104 - a pod is scraped from outside
    port: int = 9091


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingSpec:
    """``format``: auto (console on a terminal, else JSON), console, json."""

    level: str = "INFO"
    format: str = "auto"
    file: str | None = None
    rotation_mb: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSnapshot:
    """Everything a run may ask of configuration."""

    version: int
    digest: str
    """SHA-256 of the resolved configuration, secrets apart, as hex."""
    connections: Mapping[str, ConnectionSpec]
    target: TargetSpec
    tables: tuple[TableSpec, ...]
    lanes: Mapping[str, LaneSpec] = field(
        default_factory=lambda: MappingProxyType(
            {
                "small": LaneSpec(workers=4, queue_size=64),
                "large": LaneSpec(workers=1, queue_size=16),
            }
        )
    )
    control: ControlSpec = field(default_factory=ControlSpec)
    runtime: RuntimeSpec = field(default_factory=RuntimeSpec)
    http: HttpSpec = field(default_factory=HttpSpec)
    logging: LoggingSpec = field(default_factory=LoggingSpec)
    warnings: tuple[str, ...] = ()
