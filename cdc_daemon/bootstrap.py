"""The composition root: alone in naming concrete adapters."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import Any

from cdc_daemon.control.events import ControlEvents
from cdc_daemon.control.housekeeping import ControlHousekeeping, retention
from cdc_daemon.control.quarantine import ControlQuarantine
from cdc_daemon.control.schema import ControlSchema
from cdc_daemon.control.states import ControlStates
from cdc_daemon.errors import ConfigError
from cdc_daemon.extract.landing import LandingArea
from cdc_daemon.load.promote import Promoter
from cdc_daemon.load.target import SqlTarget, VersionReader
from cdc_daemon.model.config import ConfigSnapshot, ConnectionSpec, PoolLimits
from cdc_daemon.model.secret import SecretRef
from cdc_daemon.orchestration.admission import MB, Admission
from cdc_daemon.orchestration.pipeline import Pipeline
from cdc_daemon.orchestration.record import Recorder
from cdc_daemon.orchestration.runner import TableRunner
from cdc_daemon.ports.control import Locks
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.source import Source
from cdc_daemon.ports.sql import PooledDatabase
from cdc_daemon.ports.statistics import PoolObserver, PoolStats
from cdc_daemon.ports.telemetry import Progress, Telemetry

SHARED_POOL = 4
"""Sessions that a connection in both roles needs: one to read, one to write, two for Arrow."""

Resolve = Callable[[SecretRef], str]
Observe = Callable[[str, str], PoolObserver | None]
"""Who is told of waits for sessions of a connection in a role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The adapters of one engine; those that take a database take their own kind alone."""

    dialect: TargetDialect
    database: Callable[
        [ConnectionSpec, Callable[[], str | None], PoolObserver | None], PooledDatabase
    ]
    source: Callable[[Any, int], Source]
    """Of a database; the second is the longest name of a column in the target, in bytes."""
    versions: Callable[[Any], VersionReader]
    locks: Callable[[Any, str], Locks]
    """Of a database and the control schema."""


@cache
def engine(name: str) -> Engine:
    """The engine of that name; its drivers are loaded by the first who asks."""
    return {"postgresql": _postgresql, "sqlserver": _sqlserver}[name]()


def _postgresql() -> Engine:
    from cdc_daemon.databases.postgresql.database import PostgresDatabase  # noqa: PLC0415
    from cdc_daemon.databases.postgresql.dialect import PostgresDialect  # noqa: PLC0415
    from cdc_daemon.databases.postgresql.lock import PostgresLocks  # noqa: PLC0415
    from cdc_daemon.databases.postgresql.source import PostgresSource  # noqa: PLC0415
    from cdc_daemon.databases.postgresql.versions import PostgresVersions  # noqa: PLC0415

    return Engine(
        dialect=PostgresDialect(),
        database=PostgresDatabase,
        source=PostgresSource,
        versions=PostgresVersions,
        locks=lambda database, schema: PostgresLocks(database=database, control_schema=schema),
    )


def _sqlserver() -> Engine:
    from cdc_daemon.databases.sqlserver.database import SqlServerDatabase  # noqa: PLC0415
    from cdc_daemon.databases.sqlserver.dialect import SqlServerDialect  # noqa: PLC0415
    from cdc_daemon.databases.sqlserver.lock import SqlServerLocks  # noqa: PLC0415
    from cdc_daemon.databases.sqlserver.source import SqlServerSource  # noqa: PLC0415
    from cdc_daemon.databases.sqlserver.versions import SqlServerVersions  # noqa: PLC0415

    return Engine(
        dialect=SqlServerDialect(),
        database=SqlServerDatabase,
        source=SqlServerSource,
        versions=SqlServerVersions,
        locks=lambda database, schema: SqlServerLocks(database=database, control_schema=schema),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Everything a command needs, wired."""

    config: ConfigSnapshot
    databases: dict[str, PooledDatabase]
    """By connection; the target's own are apart where it is a source, too."""
    target: SqlTarget
    control: ControlSchema
    states: ControlStates
    events: ControlEvents
    quarantine: ControlQuarantine
    housekeeping: ControlHousekeeping
    pipelines: dict[str, Pipeline]
    runner: TableRunner
    kept: PooledDatabase
    landings: LandingArea

    def pools(self) -> tuple[PoolStats, ...]:
        """Every pool as it is now."""
        sources = (stats for pool in self.databases.values() for stats in pool.stats("source"))
        return (*sources, *self.kept.stats("target"))


@asynccontextmanager
async def app(
    config: ConfigSnapshot,
    resolve: Resolve,
    progress: Progress,
    telemetry: Telemetry,
    observe: Observe = lambda _connection, _role: None,
    admission: Admission | None = None,
) -> AsyncIterator[App]:
    """Wire the application; nothing connects before it is asked to. Closed in reverse.

    ``admission`` is that of the process, where it has several applications.
    """
    async with AsyncExitStack() as stack:
        sources, target = _databases(config, resolve, observe)
        for database in (*sources.values(), target):
            stack.push_async_callback(database.aclose)
        landings = LandingArea(config.runtime.landing_dir)
        stack.callback(landings.close)
        admitted = admission or admission_of(config)
        yield _wired(config, sources, target, landings, progress, telemetry, admitted)


def admission_of(config: ConfigSnapshot) -> Admission:
    """What keeps the process within its memory budget."""
    return Admission(config.runtime.memory_budget_mb * MB)


def checked(config: ConfigSnapshot) -> ConfigSnapshot:
    """The configuration, if it can be wired; connects to nothing.

    Raises:
        ConfigError: a connection in both roles has too few sessions.
    """
    _databases(config, lambda _: "", lambda _connection, _role: None)
    return config


def _databases(
    config: ConfigSnapshot, resolve: Resolve, observe: Observe
) -> tuple[dict[str, PooledDatabase], PooledDatabase]:
    """A database for every connection as a source, and the target's.

    One that is both is two, each with half of its sessions: a batch that reads would otherwise
    take the session it needs to write.
    """

    def opened(name: str, role: str) -> PooledDatabase:
        spec = config.connections[name]
        if name == config.target.connection and name in read:
            spec = replace(spec, pool=_halved(name, spec.pool))
        reference = spec.password
        return engine(spec.engine).database(
            spec, lambda: resolve(reference) if reference else None, observe(name, role)
        )

    read = {table.id.source for table in config.tables}
    sources = {name: opened(name, "source") for name in config.connections}
    return sources, opened(config.target.connection, "target")


def _halved(name: str, pool: PoolLimits) -> PoolLimits:
    if pool.max < SHARED_POOL:
        issue = f"connections.{name}: as source and target it needs `pool.max: {SHARED_POOL}`"
        raise ConfigError([issue])
    return replace(pool, min=min(pool.min, pool.max // 2), max=pool.max // 2)


def _wired(
    config: ConfigSnapshot,
    sources: dict[str, PooledDatabase],
    kept: PooledDatabase,
    landings: LandingArea,
    progress: Progress,
    telemetry: Telemetry,
    admission: Admission,
) -> App:
    run_id = uuid.uuid4().hex
    to = engine(config.connections[config.target.connection].engine)
    dialect = to.dialect
    schema = config.target.control_schema
    states = ControlStates(database=kept, dialect=dialect, control_schema=schema)
    events = ControlEvents(database=kept, dialect=dialect, control_schema=schema)
    quarantine = ControlQuarantine(database=kept, dialect=dialect, control_schema=schema)
    target = SqlTarget(
        database=kept,
        dialect=dialect,
        reader=to.versions(kept),
        states=states,
        promoter=Promoter(database=kept, dialect=dialect, control_schema=schema),
        stage_retention=timedelta(days=config.target.stage_retention_days),
        rebuild_indexes_above=config.target.rebuild_indexes_above,
    )
    pipelines = {
        name: Pipeline(
            source=engine(config.connections[name].engine).source(
                sources[name], dialect.max_identifier_bytes
            ),
            target=target,
            batches=states,
            landings=landings,
            max_key_bytes=dialect.max_key_bytes,
            run_id=run_id,
            reads=asyncio.Semaphore(sources[name].sessions),
            quarantine=quarantine,
        )
        for name in {spec.id.source for spec in config.tables}
    }
    return App(
        config=config,
        databases=sources,
        target=target,
        control=ControlSchema(database=kept, dialect=dialect, target=config.target),
        states=states,
        events=events,
        quarantine=quarantine,
        housekeeping=ControlHousekeeping(
            database=kept, dialect=dialect, control_schema=schema, retention=retention(config)
        ),
        pipelines=pipelines,
        runner=TableRunner(
            pipelines=pipelines,
            locks=to.locks(kept, schema),
            states=states,
            recorder=Recorder(events=events, states=states, telemetry=telemetry, run_id=run_id),
            progress=progress,
            telemetry=telemetry,
            batches=asyncio.Semaphore(kept.sessions),
            admission=admission,
        ),
        kept=kept,
        landings=landings,
    )
