"""The composition root: with ``engines`` alone in naming concrete adapters."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from cdc_daemon.control.events import ControlEvents
from cdc_daemon.control.housekeeping import ControlHousekeeping, retention
from cdc_daemon.control.quarantine import ControlQuarantine
from cdc_daemon.control.schema import ControlSchema
from cdc_daemon.control.states import ControlStates
from cdc_daemon.engines import engine
from cdc_daemon.errors import ConfigError
from cdc_daemon.extract.landing import LandingArea
from cdc_daemon.load.promote import Promoter
from cdc_daemon.load.target import SqlTarget
from cdc_daemon.model.config import SHARED_POOL, ConfigSnapshot, PoolLimits
from cdc_daemon.model.secret import SecretRef
from cdc_daemon.model.table import TableId
from cdc_daemon.orchestration.admission import MB, Admission
from cdc_daemon.orchestration.pipeline import Pipeline
from cdc_daemon.orchestration.record import Recorder
from cdc_daemon.orchestration.runner import TableRunner
from cdc_daemon.ports.source import Source
from cdc_daemon.ports.sql import PooledDatabase
from cdc_daemon.ports.statistics import PoolObserver, PoolStats
from cdc_daemon.ports.telemetry import Progress, Telemetry
from cdc_daemon.transformation.configured import TableRules
from cdc_daemon.transformation.tables import Rules, rules_of_tables

Resolve = Callable[[SecretRef], str]
Observe = Callable[[str, str], PoolObserver | None]
"""Who is told of waits for sessions of a connection in a role."""


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
    sources: Mapping[str, Source]
    """Those that tables are read from."""
    rules: Mapping[TableId, TableRules]
    """Of tables that have some; none for a command that moves no rows."""

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
    *,
    moves_rows: bool = True,
) -> AsyncIterator[App]:
    """Wire the application; nothing connects before it is asked to. Closed in reverse.

    ``admission`` is that of the process, where it has several applications. What does not move
    rows has no pipelines, and needs none of the secrets of transformation.

    Raises:
        ConfigError: as ``checked`` does.
    """
    rules: Mapping[TableId, TableRules] = {}
    if moves_rows and any(table.rules for table in config.tables):
        rules = await asyncio.to_thread(rules_of, config, resolve)
    async with AsyncExitStack() as stack:
        sources, target = _databases(config, resolve, observe)
        for database in (*sources.values(), target):
            stack.push_async_callback(database.aclose)
        landings = LandingArea(config.runtime.landing_dir)
        stack.callback(landings.close)
        admitted = admission or admission_of(config)
        wired = _wired(config, sources, target, landings, progress, telemetry, admitted, rules)
        yield wired if moves_rows else replace(wired, pipelines={})


def admission_of(config: ConfigSnapshot) -> Admission:
    """What keeps the process within its memory budget."""
    return Admission(config.runtime.memory_budget_mb * MB)


def checked(config: ConfigSnapshot, resolve: Resolve | None = None) -> ConfigSnapshot:
    """The configuration, if it can be wired; connects to nothing.

    Raises:
        ConfigError: what a driver cannot do and, with ``resolve``, what ``rules_of`` refuses.
    """
    issues: list[str] = []
    try:
        _databases(config, lambda _: "", lambda _connection, _role: None)
    except ConfigError as error:
        issues += error.issues
    if resolve is not None:
        issues += _rules(config, resolve).issues
    if issues:
        raise ConfigError(issues)
    return config


def rules_of(config: ConfigSnapshot, resolve: Resolve) -> Mapping[TableId, TableRules]:
    """The rules of every table that has some, built with their secrets.

    Raises:
        ConfigError: with every secret that is missing, and every rule that cannot be built.
    """
    rules = _rules(config, resolve)
    if rules.issues:
        raise ConfigError(rules.issues)
    return rules.of


def _rules(config: ConfigSnapshot, resolve: Resolve) -> Rules:
    return rules_of_tables(config.tables, resolve)


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
    rules: Mapping[TableId, TableRules],
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
    read = {
        name: engine(config.connections[name].engine).source(
            sources[name], dialect.max_identifier_bytes
        )
        for name in {spec.id.source for spec in config.tables}
    }
    pipelines = {
        name: Pipeline(
            source=source,
            target=target,
            batches=states,
            landings=landings,
            max_key_bytes=dialect.max_key_bytes,
            run_id=run_id,
            reads=asyncio.Semaphore(sources[name].sessions),
            quarantine=quarantine,
            rules=rules,
        )
        for name, source in read.items()
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
        sources=read,
        rules=rules,
    )
