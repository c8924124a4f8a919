"""Every suite runs once an engine; a new engine is one more entry of ``ENGINES``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType

import pytest
import pytest_asyncio

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from cdc_daemon.extract.landing import LandingArea
from tests.contract.engines.base import Engine, Specs
from tests.contract.engines.flow import Flow
from tests.contract.engines.memory import memory_engine
from tests.contract.engines.postgresql import postgres_engine
from tests.contract.ruled import Ruled
from tests.support.databases import Database, Databases
from tests.support.left_out import missing_for_sqlserver
from tests.support.sqlserver import SqlServer, a_sqlserver


def _sqlserver(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Engine]:
    from tests.contract.engines.sqlserver import sqlserver_engine  # noqa: PLC0415 - needs drivers

    return sqlserver_engine(request.getfixturevalue("contract_sqlserver"))


Start = Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Engine]]
ENGINES: Mapping[str, Start] = MappingProxyType(
    {
        "memory": lambda _: memory_engine(),
        "postgresql": lambda request: postgres_engine(request.getfixturevalue("contract_db")),
        **({} if missing_for_sqlserver() else {"sqlserver": _sqlserver}),
    }
)


@pytest.fixture(scope="session")
def contract_db(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """One database for all contract tests: each has tables of its own there."""
    databases = Databases(postgres)
    yield databases.create()
    databases.drop_all()


@pytest.fixture(scope="session")
def contract_sqlserver(postgres: EmbeddedPostgres) -> Iterator[SqlServer]:
    """The same, of a SQL Server."""
    databases = Databases(postgres)
    with a_sqlserver(databases.create) as server:
        yield server
    databases.drop_all()


@pytest.fixture(scope="session")
def specs() -> Specs:
    """Tables that no other test uses."""
    return Specs()


@pytest_asyncio.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """An engine's adapters."""
    async with ENGINES[request.param](request) as started:
        yield started


@pytest_asyncio.fixture
async def flow(engine: Engine, specs: Specs, tmp_path) -> AsyncIterator[Flow]:
    """The flow of one fresh table, from a source in memory into the engine's target."""
    landings = LandingArea(str(tmp_path))
    yield Flow.over(engine, specs.fresh(), landings)
    landings.close()


@pytest_asyncio.fixture
async def ruled(flow: Flow) -> AsyncIterator[Ruled]:
    """A table that has no rules yet."""
    yield Ruled(flow)
