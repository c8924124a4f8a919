"""SQL Servers for tests: a TDS server over the embedded PostgreSQL, or a real one.

``CDC_TEST_SQLSERVER_URL`` (``mssql://user:password@host:port``, percent-encoded) names a server
whose user may create databases; without it, ``tests.support.tds`` is the server.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import uuid
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from cdc_daemon.databases.sqlserver.address import odbc
from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.databases.sqlserver.drivers import microsoft_driver
from cdc_daemon.model.config import ConnectionSpec, SqlServerSpec
from cdc_daemon.model.secret import SecretKind, SecretRef
from tests.support.databases import Database
from tests.support.relay import Relay

URL = "CDC_TEST_SQLSERVER_URL"
DRIVER = "CDC_TEST_SQLSERVER_DRIVER"
"""Names the ODBC driver by which the daemon comes; the tests themselves always take Microsoft's."""

WAITING = "WAITFOR DELAY '00:01:00'"
"""A statement that lasts."""
_MESSAGE = 30 + len(WAITING.encode("utf-16-le"))
"""Bytes in which it is sent: with its headers (MS-TDS 2.2.3.1, 2.2.5.3)."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """What the database allows: SNAPSHOT, READ_COMMITTED_SNAPSHOT."""

    snapshot: bool = True
    committed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlServer:
    """How to reach one database; its user may do everything there."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    is_real: bool = False
    """Whether it is a SQL Server, and not the TDS server of the tests."""

    def through(self, port: int) -> SqlServer:
        """The same database by another port of this machine: a relay's."""
        return replace(self, host="127.0.0.1", port=port)

    def execute(self, *statements: str) -> None:
        """Runs statements, each committed, from any test."""
        with self._cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                while cursor.nextset():
                    pass

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query, from any test."""
        with self._cursor() as cursor:
            return [tuple(row) for row in cursor.execute(sql).fetchall()]

    def connect(self) -> Any:
        """A connection of the test's own, in autocommit; the caller closes it."""
        import pyodbc  # noqa: PLC0415 - where it is missing, these tests are left out

        pyodbc.pooling = False
        string = odbc(connection("own", self, SqlServerSpec()), self.password, microsoft_driver())
        return pyodbc.connect(string, autocommit=True, timeout=30)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        own = self.connect()
        try:
            yield own.cursor()
        finally:
            own.close()


def connection(
    name: str, server: SqlServer, sqlserver: SqlServerSpec | None = None, **settings: Any
) -> ConnectionSpec:
    """A connection of the configuration to ``server``."""
    return ConnectionSpec(
        name=name,
        engine="sqlserver",
        host=server.host,
        port=server.port,
        database=server.database,
        user=server.user,
        password=SecretRef(SecretKind.PLAIN, server.password),
        sqlserver=sqlserver or SqlServerSpec(driver=os.environ.get(DRIVER) or None),
        **settings,
    )


def opened(
    server: SqlServer, sqlserver: SqlServerSpec | None = None, **settings: Any
) -> SqlServerDatabase:
    """The server's database as the daemon has it; the caller closes it."""
    settings.setdefault("connect_timeout_seconds", 5)
    return SqlServerDatabase(
        connection("core", server, sqlserver, **settings), lambda: server.password
    )


def numbers(
    sqlserver: SqlServer, count: int, text: str = "N'x'", *, kind: str = "nvarchar(max)"
) -> None:
    """A table ``dbo.numbers`` of so many rows: 0 with a short text, the others with ``text``."""
    sqlserver.execute(
        f"CREATE TABLE dbo.numbers (id int NOT NULL PRIMARY KEY, v {kind})",
        "INSERT INTO dbo.numbers VALUES (0, N'x')",
    )
    have = 1
    while have < count:
        sqlserver.execute(
            f"INSERT INTO dbo.numbers SELECT id + {have}, {text} FROM dbo.numbers "
            f"WHERE id + {have} < {count}"
        )
        have *= 2


@pytest.fixture
def sqlserver(request: pytest.FixtureRequest) -> Iterator[SqlServer]:
    """An empty database of a SQL Server; ``Snapshots`` as parametrized, else all of them."""
    snapshots = getattr(request, "param", Snapshots())
    with a_sqlserver(lambda: request.getfixturevalue("source_db"), snapshots) as server:
        yield server


@contextmanager
def a_sqlserver(
    create: Callable[[], Database], snapshots: Snapshots = Snapshots()
) -> Iterator[SqlServer]:
    """An empty database of the server named, or of the TDS server over one that ``create`` makes."""
    if url := os.environ.get(URL):
        with _real(url, snapshots) as server:
            yield server
        return
    from tests.support.tds.server import TdsServer  # noqa: PLC0415 - it needs packages of its own

    backend = create()
    password = secrets.token_urlsafe(12) + (";{" if os.environ.get(DRIVER) else "{;}")
    with TdsServer(
        backend.dsn,
        user="sa",
        password=password,
        snapshot_isolation_state=snapshots.snapshot,
        is_read_committed_snapshot_on=snapshots.committed,
    ) as tds:
        yield SqlServer(
            host="127.0.0.1",
            port=tds.port,
            user="sa",
            password=password,
            database=backend.name,
        )


@pytest.fixture
def relay(sqlserver: SqlServer) -> Iterator[Relay]:
    """A relay before ``sqlserver``; ``sqlserver.through(relay.port)`` is the way in."""
    with Relay(sqlserver.host, sqlserver.port) as relay:
        yield relay


async def waits(relay: Relay, before: int, statements: int = 1) -> None:
    """Return when so many ``WAITING`` have been sent, since the relay had ``passed`` ``before``."""
    async with asyncio.timeout(20):
        while relay.passed < before + statements * _MESSAGE:  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0)


@asynccontextmanager
async def in_process(program: str, server: SqlServer, *more: str) -> AsyncIterator[Process]:
    """A program in a process of its own, whose arguments say where the server is; killed if left."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, server.host, str(server.port), server.user),
        *(server.password, server.database, *more),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextmanager
def _real(url: str, snapshots: Snapshots) -> Iterator[SqlServer]:
    import pyodbc  # noqa: PLC0415 - where it is missing, these tests are left out

    parts = urlsplit(url)
    server = SqlServer(
        host=parts.hostname or "",
        port=parts.port or 1433,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database="master",
        is_real=True,
    )
    name = f"cdc_{uuid.uuid4().hex[:12]}"
    server.execute(f"CREATE DATABASE {name}")
    allow = f"ALTER DATABASE {name} SET"
    with suppress(pyodbc.Error):  # an engine that has no such options always allows both
        server.execute(
            f"{allow} ALLOW_SNAPSHOT_ISOLATION {_on(snapshots.snapshot)}",
            f"{allow} READ_COMMITTED_SNAPSHOT {_on(snapshots.committed)}",
        )
    try:
        yield replace(server, database=name)
    finally:
        _dropped(server, name)


def _dropped(server: SqlServer, name: str) -> None:
    import pyodbc  # noqa: PLC0415 - where it is missing, these tests are left out

    try:
        server.execute(f"DROP DATABASE {name}")
    except pyodbc.Error:  # somebody is still there
        server.execute(
            f"ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE",
            f"DROP DATABASE {name}",
        )


def _on(wanted: object) -> str:
    return "ON" if wanted else "OFF"
