"""A source, a target of any engine, and a way in to the target that can do harm."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from tests.support.databases import Database
from tests.support.failpoints import Harmful
from tests.support.left_out import missing_for_sqlserver
from tests.support.pairs import End
from tests.support.proxy import Proxy
from tests.support.sqlserver import SqlServer

POSTGRESQL, SQLSERVER = "postgresql", "sqlserver"
ENGINES = (POSTGRESQL,) if missing_for_sqlserver() else (POSTGRESQL, SQLSERVER)
ALIKE = [pytest.param((engine, engine), id=engine) for engine in ENGINES]
"""Pairs of source and target that are of one engine."""
PAIRS = list(product(ENGINES, ENGINES))
PAIRED = pytest.mark.parametrize("place", PAIRS, ids=" to ".join, indirect=True)
"""For tests that the source's engine makes a difference to."""
USER = "sa"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One database, and the PostgreSQL that it is, or that a TDS server shows as SQL Server.

    Who waits at the server, and for what, is arranged and seen in PostgreSQL; all else by ``end``.
    """

    end: End
    behind: Database

    async def execute(self, *statements: str) -> None:
        """Statements that both engines have."""
        for statement in statements:
            await asyncio.to_thread(self.end.execute, statement)

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query that both engines have."""
        return await asyncio.to_thread(self.end.fetch, query)

    async def inside(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query of PostgreSQL's own."""
        return await asyncio.to_thread(self.behind.fetch, query)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where daemons meet."""

    source: Side
    target: Side
    harm: Harmful

    @property
    def via(self) -> End:
        """The target, by the way that harm can be done on."""
        return self.target.end.through(self.harm.port)


@contextmanager
def postgresql_target(create: Callable[[], Database]) -> Iterator[tuple[Side, Harmful]]:
    """A fresh database, and a proxy before it."""
    database = create()
    with Proxy(database.host, database.port) as proxy:
        yield Side(end=database, behind=database), proxy


class SqlServers:
    """A source and a target for all tests, one after another; empty at the start of each."""

    def __init__(self, create: Callable[[], Database], stack: ExitStack) -> None:
        from tests.support.tds.server import TdsServer  # noqa: PLC0415 - needs packages of its own
        from tests.support.tds_proxy import TdsProxy  # noqa: PLC0415 - the same

        password = secrets.token_urlsafe(12)
        sides = []
        for _ in range(2):
            behind = create()
            server = TdsServer(behind.dsn, user=USER, password=password)
            stack.enter_context(server)
            reached = {"host": "127.0.0.1", "port": server.port, "user": USER}
            end = SqlServer(**reached, password=password, database=behind.name)
            sides.append(Side(end=end, behind=behind))
        self.source, self.target = sides
        self._harm = stack.enter_context(TdsProxy(self.target.behind, user=USER, password=password))

    @contextmanager
    def as_source(self) -> Iterator[Side]:
        """The source, emptied afterwards."""
        try:
            yield self.source
        finally:
            _emptied(self.source.behind)

    @contextmanager
    def as_target(self) -> Iterator[tuple[Side, Harmful]]:
        """The target and its harm, emptied and healed afterwards."""
        try:
            yield self.target, self._harm
        finally:
            self._harm.reset()
            _emptied(self.target.behind)


def _emptied(behind: Database) -> None:
    """Without whatever a test may have left; a session that is still there fails the test."""
    behind.execute(
        "SET lock_timeout = '10s'; DROP SCHEMA IF EXISTS app, cdc, bronze, stage CASCADE"
    )
