"""Empty databases on an embedded server, for tests with or without a running loop."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import quote

import asyncpg

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """How to reach one database; its user may do everything there."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    name: str

    @property
    def dsn(self) -> str:
        """A libpq URI, password included."""
        user, password, name = (
            quote(part, safe="") for part in (self.user, self.password, self.name)
        )
        return f"postgresql://{user}:{password}@{self.host}:{self.port}/{name}"

    def through(self, port: int) -> Database:
        """The same database by another port of this machine: a proxy's."""
        return replace(self, host="127.0.0.1", port=port)

    @asynccontextmanager
    async def another_login(self, password: str) -> AsyncIterator[Database]:
        """The same database by a login that may do nothing, until the end: roles are the server's."""
        name = f"reader_{uuid.uuid4().hex[:12]}"
        async with self.connect() as connection:
            await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
            try:
                yield replace(self, user=name, password=password)
            finally:
                await connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection that is closed at the end."""
        connection = await asyncpg.connect(self.dsn)
        try:
            yield connection
        finally:
            await connection.close()

    def execute(self, sql: str) -> None:
        """Runs statements from a test without a loop."""
        run_apart(_execute(self.dsn, sql))

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query, from a test without a loop."""
        return run_apart(_fetch(self.dsn, sql))


class Databases:
    """Makes databases and drops them."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._names: list[str] = []

    def create(self) -> Database:
        name = f"t_{uuid.uuid4().hex[:12]}"
        run_apart(
            # not file_copy: its checkpoints cost more the more other tests have written
            _execute(
                self._server.dsn(), f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY wal_log"
            )
        )
        self._names.append(name)
        server = self._server
        return Database(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            name=name,
        )

    def drop_all(self) -> None:
        if self._names:
            run_apart(_drop(self._server.dsn(), self._names))
        self._names.clear()


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine in a loop of its own, whether the caller's thread has one or not."""
    with ThreadPoolExecutor(max_workers=1) as apart:
        return apart.submit(asyncio.run, work).result()


async def _execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def _drop(dsn: str, names: list[str]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for name in names:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await connection.close()


async def _fetch(dsn: str, sql: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()
