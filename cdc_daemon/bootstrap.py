"""The composition root: alone in naming concrete adapters."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from cdc_daemon.control.events import ControlEvents
from cdc_daemon.control.schema import ControlSchema
from cdc_daemon.control.states import ControlStates
from cdc_daemon.databases.postgresql.database import PostgresDatabase
from cdc_daemon.databases.postgresql.dialect import PostgresDialect
from cdc_daemon.databases.postgresql.lock import PostgresLocks
from cdc_daemon.databases.postgresql.source import PostgresSource
from cdc_daemon.databases.postgresql.target import PostgresTarget
from cdc_daemon.extract.landing import LandingArea
from cdc_daemon.load.promote import Promoter
from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.model.secret import SecretRef
from cdc_daemon.orchestration.pipeline import Pipeline
from cdc_daemon.orchestration.record import Recorder
from cdc_daemon.orchestration.runner import TableRunner
from cdc_daemon.ports.telemetry import Progress, Telemetry

Resolve = Callable[[SecretRef], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Everything a command needs, wired."""

    config: ConfigSnapshot
    databases: dict[str, PostgresDatabase]
    target: PostgresTarget
    control: ControlSchema
    states: ControlStates
    events: ControlEvents
    pipelines: dict[str, Pipeline]
    runner: TableRunner


@asynccontextmanager
async def app(
    config: ConfigSnapshot, resolve: Resolve, progress: Progress, telemetry: Telemetry
) -> AsyncIterator[App]:
    """Wire the application; nothing connects before it is asked to. Closed in reverse."""
    async with AsyncExitStack() as stack:
        databases = {name: _database(config, name, resolve) for name in config.connections}
        for database in databases.values():
            stack.push_async_callback(database.aclose)
        landings = LandingArea(config.runtime.landing_dir)
        stack.callback(landings.close)
        yield _wired(config, databases, landings, progress, telemetry)


def _database(config: ConfigSnapshot, name: str, resolve: Resolve) -> PostgresDatabase:
    spec = config.connections[name]
    reference = spec.password
    return PostgresDatabase(spec, lambda: resolve(reference) if reference else None)


def _wired(
    config: ConfigSnapshot,
    databases: dict[str, PostgresDatabase],
    landings: LandingArea,
    progress: Progress,
    telemetry: Telemetry,
) -> App:
    run_id = uuid.uuid4().hex
    dialect = PostgresDialect()
    schema = config.target.control_schema
    kept = databases[config.target.connection]
    states = ControlStates(database=kept, dialect=dialect, control_schema=schema)
    events = ControlEvents(database=kept, dialect=dialect, control_schema=schema)
    target = PostgresTarget(
        database=kept,
        dialect=dialect,
        states=states,
        promoter=Promoter(database=kept, dialect=dialect, control_schema=schema),
        stage_retention=timedelta(days=config.target.stage_retention_days),
    )
    pipelines = {
        name: Pipeline(
            source=PostgresSource(databases[name], dialect),
            target=target,
            batches=states,
            landings=landings,
            max_key_bytes=dialect.max_key_bytes,
            run_id=run_id,
        )
        for name in {spec.id.source for spec in config.tables}
    }
    return App(
        config=config,
        databases=databases,
        target=target,
        control=ControlSchema(database=kept, dialect=dialect, target=config.target),
        states=states,
        events=events,
        pipelines=pipelines,
        runner=TableRunner(
            pipelines=pipelines,
            locks=PostgresLocks(database=kept, control_schema=schema),
            states=states,
            recorder=Recorder(events=events, states=states, telemetry=telemetry, run_id=run_id),
            progress=progress,
            telemetry=telemetry,
        ),
    )
