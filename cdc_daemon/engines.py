"""The adapters of each engine: the part of the composition root that databases have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from cdc_daemon.load.target import VersionReader
from cdc_daemon.model.config import ConnectionSpec
from cdc_daemon.ports.control import Locks
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.source import Source
from cdc_daemon.ports.sql import PooledDatabase
from cdc_daemon.ports.statistics import PoolObserver


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
