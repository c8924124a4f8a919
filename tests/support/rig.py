"""The whole application between two PostgreSQL databases, and what a test asks of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from types import MappingProxyType
from typing import Any

import asyncpg

from cdc_daemon.model.config import ConnectionSpec, PoolLimits
from cdc_daemon.model.guard import GuardLimits
from cdc_daemon.model.secret import SecretKind, SecretRef
from cdc_daemon.model.table import QualifiedName, TableId, TableSpec
from cdc_daemon.schema.naming import VERSION_COLUMNS, shortened, target_name
from tests.support.databases import Database
from tests.support.wired import Wired

SOURCE = "src"
TARGET = "wh"
NAME_BYTES = 63
VIEW_BYTES = len("_current")
Version = Mapping[str, Any]


def table(
    name: str,
    *,
    schema: str = "public",
    key: Iterable[str] = (),
    exclude: Iterable[str] = (),
    guards: GuardLimits | None = None,
    bronze: str | None = None,
    source: str = SOURCE,
) -> TableSpec:
    """A configured table; its name in the target follows DESIGN 6.3, cut to fit with its view."""
    kept = bronze or shortened(f"{source}_{name}".lower(), NAME_BYTES - VIEW_BYTES)
    return TableSpec(
        id=TableId(source, schema, name),
        bronze=QualifiedName("bronze", kept),
        stage=QualifiedName("stage", kept),
        key=tuple(key),
        exclude_columns=tuple(exclude),
        guards=guards or GuardLimits(),
    )


def connection(name: str, database: Database, **settings: Any) -> ConnectionSpec:
    """How the application reaches ``database``."""
    return ConnectionSpec(
        name=name,
        engine="postgresql",
        host=database.host,
        port=database.port,
        database=database.name,
        user=database.user,
        password=SecretRef(SecretKind.PLAIN, database.password),
        **settings,
    )


class Rig(Wired):
    """``async with Rig(source_db, target_db, tables=["t", table("x", key=("a",))]) as rig``.

    ``source`` and ``target`` are connections of the test's own, straight to the databases;
    ``source_via`` and ``target_via`` are other ways in for the application alone: a proxy, another
    user. Entering applies the control schema unless ``migrate`` is false.
    """

    def __init__(
        self,
        source: Database,
        target: Database,
        *,
        tables: Iterable[str | TableSpec] = (),
        source_via: Database | None = None,
        target_via: Database | None = None,
        more_sources: Mapping[str, Database] = MappingProxyType({}),
        pool: PoolLimits | None = None,
        workers: int = 4,
        migrate: bool = True,
        settings: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self._databases = source, target
        self.source: asyncpg.Connection = None
        self.target: asyncpg.Connection = None
        settings = {"pool": pool or PoolLimits(), **settings}
        super().__init__(
            {
                SOURCE: connection(SOURCE, source_via or source, **settings),
                TARGET: connection(TARGET, target_via or target, **settings),
                **{name: connection(name, more_sources[name], **settings) for name in more_sources},
            },
            target=TARGET,
            tables=(table(t) if isinstance(t, str) else t for t in tables),
            workers=workers,
            migrate=migrate,
        )

    async def _enter(self, stack: AsyncExitStack) -> None:
        source, target = self._databases
        self.source = await stack.enter_async_context(source.connect())
        self.target = await stack.enter_async_context(target.connect())
        await super()._enter(stack)

    # -- looking --------------------------------------------------------------------------------

    def quoted(self, name: QualifiedName) -> str:
        """A table of the target for SQL of the test's own."""
        return self.app.target.dialect.qualified(name)

    async def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows of a query on the target."""
        return [tuple(row) for row in await self.target.fetch(sql, *values)]

    async def bronze(self, name: str | None = None) -> list[Version]:
        """Every version, oldest first, each column as text."""
        spec = self.spec(name)
        select = ", ".join(_texts(await columns(self.target, spec.bronze)))
        sql = f'SELECT {select} FROM {self.quoted(spec.bronze)} ORDER BY "_batch_id", "_valid_from"'
        return [dict(row) for row in await self.target.fetch(sql)]

    async def as_of(self, name: str | None, instant: datetime) -> list[tuple[str | None, ...]]:
        """What held at ``instant``: source columns as text, by their target names' order, sorted."""
        spec = self.spec(name)
        names = [c for c in await columns(self.target, spec.bronze) if c not in VERSION_COLUMNS]
        return await _sorted_rows(
            self.target,
            f"SELECT {', '.join(_texts(sorted(names)))} FROM {self.quoted(spec.bronze)} "
            'WHERE "_valid_from" <= $1 AND ("_valid_to" > $1 OR "_valid_to" IS NULL)',
            instant,
        )

    async def captured(self, name: str | None = None) -> list[tuple[str | None, ...]]:
        """What the source holds now, in the form of ``as_of``."""
        spec = self.spec(name)
        relation = QualifiedName(spec.id.schema, spec.id.name)
        names = [c for c in await columns(self.source, relation) if c not in spec.exclude_columns]
        ordered = sorted(names, key=lambda name: target_name(name, NAME_BYTES))
        select = ", ".join(_texts(ordered))
        return await _sorted_rows(self.source, f"SELECT {select} FROM {self.quoted(relation)}")

    async def mirrors(self, *names: str) -> None:
        """Law 4 at this moment: what holds in bronze equals what the source holds."""
        for name in names or [spec.id.name for spec in self.config.tables]:
            now = await self.target.fetchval("SELECT clock_timestamp()")
            assert await self.as_of(name, now) == await self.captured(name), name


async def columns(session: asyncpg.Connection, relation: QualifiedName) -> list[str]:
    """Column names in catalog order."""
    rows = await session.fetch(
        "SELECT attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid "
        "JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE nspname = $1 AND relname = $2 AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        relation.schema,
        relation.name,
    )
    return [row[0] for row in rows]


def _texts(names: Iterable[str]) -> Iterator[str]:
    """Each column as its type prints it; a cast to text would strip what pads a char."""
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        yield f"CASE WHEN {quoted} IS NOT NULL THEN format('%s', {quoted}) END AS {quoted}"


async def _sorted_rows(
    session: asyncpg.Connection, sql: str, *values: object
) -> list[tuple[str | None, ...]]:
    rows = [tuple(row) for row in await session.fetch(sql, *values)]
    return sorted(rows, key=lambda row: [(value is not None, value or "") for value in row])
