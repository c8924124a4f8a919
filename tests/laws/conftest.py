"""Benches: every law is checked on memory, with many examples, and on each engine, with fewer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from tests.contract.engines.memory import memory_engine
from tests.contract.engines.postgresql import postgres_engine
from tests.laws.bench import Bench
from tests.support.databases import Databases

MEMORY_EXAMPLES = 25
POSTGRES_EXAMPLES = 4


@pytest.fixture(scope="session")
def memory_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Histories in memory."""
    folder = tmp_path_factory.mktemp("memory")
    with Bench(memory_engine(), folder, examples=MEMORY_EXAMPLES) as bench:
        yield bench


@pytest.fixture(scope="session")
def postgres_bench(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """Histories from PostgreSQL to PostgreSQL, in one database with tables of fresh names."""
    folder, databases = tmp_path_factory.mktemp("postgresql"), Databases(postgres)
    start = postgres_engine(databases.create())
    with Bench(start, folder, examples=POSTGRES_EXAMPLES) as bench:
        yield bench
    databases.drop_all()


@pytest.fixture(params=["memory", "postgres"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """Each engine's bench."""
    return request.getfixturevalue(f"{request.param}_bench")
