"""Benches: every law is checked on memory, with many examples, and on each pair of engines, with
fewer. Places: where daemons meet at a target that harm is done to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack
from types import MappingProxyType

import pytest

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from tests.conftest import CreateDatabase
from tests.contract.engines.base import Engine
from tests.contract.engines.memory import memory_engine
from tests.contract.engines.pair import paired
from tests.contract.engines.postgresql import postgres_engine
from tests.laws.bench import Bench
from tests.laws.places import ALIKE, POSTGRESQL, Place, Side, SqlServers, postgresql_target
from tests.support.databases import Databases
from tests.support.left_out import missing_for_sqlserver
from tests.support.sqlserver import SqlServer, a_sqlserver

MEMORY = "memory"
MEMORY_EXAMPLES = 25
ENGINE_EXAMPLES = 4


@pytest.fixture(scope="session")
def databases(postgres: EmbeddedPostgres) -> Iterator[Databases]:
    """Where benches get theirs; the tables of each test have fresh names there."""
    made = Databases(postgres)
    yield made
    made.drop_all()


@pytest.fixture(scope="session")
def a_server(databases: Databases) -> Iterator[SqlServer]:
    """One of SQL Server, for all benches."""
    with a_sqlserver(databases.create) as server:
        yield server


def _postgres(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Engine]:
    return postgres_engine(request.getfixturevalue("databases").create())


def _sqlserver(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Engine]:
    from tests.contract.engines.sqlserver import sqlserver_engine  # noqa: PLC0415 - needs drivers

    return sqlserver_engine(request.getfixturevalue("a_server"))


PAIRS: Mapping[str, Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Engine]]]
PAIRS = MappingProxyType(
    {
        MEMORY: lambda _: memory_engine(),
        "postgres": _postgres,
        "sqlserver": _sqlserver,
        "sqlserver to postgres": lambda r: paired(_sqlserver(r), _postgres(r)),
        "postgres to sqlserver": lambda r: paired(_postgres(r), _sqlserver(r)),
    }
)
HERE = [name for name in PAIRS if "sqlserver" not in name or missing_for_sqlserver() is None]


@pytest.fixture(scope="session")
def benches(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Bench]]:
    """A bench by its name, started when a test first asks for it."""
    started: dict[str, Bench] = {}
    with ExitStack() as stack:

        def bench(name: str) -> Bench:
            if name not in started:
                start, examples = PAIRS[name](request), ENGINE_EXAMPLES
                if name == MEMORY:
                    examples = MEMORY_EXAMPLES
                made = Bench(start, tmp_path_factory.mktemp("bench"), examples=examples)
                started[name] = stack.enter_context(made)
            return started[name]

        yield bench


@pytest.fixture(params=HERE)
def bench(request: pytest.FixtureRequest, benches: Callable[[str], Bench]) -> Bench:
    """Memory's bench, and each pair's."""
    return benches(request.param)


@pytest.fixture(params=[name for name in HERE if name != MEMORY])
def other_bench(request: pytest.FixtureRequest, benches: Callable[[str], Bench]) -> Bench:
    """Each pair's bench."""
    return benches(request.param)


@pytest.fixture
def memory_bench(benches: Callable[[str], Bench]) -> Bench:
    """Histories in memory."""
    return benches(MEMORY)


@pytest.fixture(scope="session")
def sqlservers(databases: Databases) -> Iterator[SqlServers]:
    """TDS servers for all places."""
    with ExitStack() as stack:
        yield SqlServers(databases.create, stack)


@pytest.fixture(params=ALIKE)
def place(request: pytest.FixtureRequest, create_database: CreateDatabase) -> Iterator[Place]:
    """A source and a target of one engine; of two, where a test asks for them."""
    source, target = request.param
    with ExitStack() as stack:
        if source == POSTGRESQL:
            database = create_database()
            read = Side(end=database, behind=database)
        else:
            read = stack.enter_context(request.getfixturevalue("sqlservers").as_source())
        if target == POSTGRESQL:
            written = postgresql_target(create_database)
        else:
            written = request.getfixturevalue("sqlservers").as_target()
        side, harm = stack.enter_context(written)
        yield Place(source=read, target=side, harm=harm)
