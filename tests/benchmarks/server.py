"""The PostgreSQL that everything is measured on: one server, a database for each purpose.

Law: its settings are a production server's (fsync on), and what the last step left to be done,
checkpoints, statistics, dead rows, is done before the next one is measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import MappingProxyType

import asyncpg

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from tests.benchmarks.measure import cpu_seconds
from tests.benchmarks.results import Written
from tests.support.databases import Database, Databases

SETTINGS = MappingProxyType(
    {
        "fsync": "on",
        "full_page_writes": "on",
        "shared_buffers": "512MB",
        "maintenance_work_mem": "256MB",
        # with the default of 4 MB dlt's NOT IN over a million rows would not end in an hour
        "work_mem": "64MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "30min",
        # it would come at any time; ``settle`` does its work between the steps
        "autovacuum": "off",
    }
)
_SIZE = """
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname = ANY($1)"""
_TUPLES = """
    SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint
    FROM pg_stat_all_tables WHERE schemaname = ANY($1)"""


class Server:
    """A running server, and the databases made on it."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server

    @contextmanager
    def database(self) -> Iterator[Database]:
        """An empty database, dropped in the end."""
        made = Databases(self._server)
        try:
            yield made.create()
        finally:
            made.drop_all()

    def cpu_seconds(self) -> float:
        """What the server has used so far; whole only when its sessions have ended."""
        pid = self._server.pid
        return cpu_seconds(pid) if pid is not None else 0.0

    def version(self) -> str:
        """As the server tells it."""
        return asyncio.run(_value(self._server.dsn(), "SHOW server_version"))


@contextmanager
def running() -> Iterator[Server]:
    """A server of one's own, stopped in the end."""
    with EmbeddedPostgres(settings=SETTINGS) as server:
        yield Server(server)


def execute_all(database: Database, statements: Iterable[str]) -> None:
    """Runs statements one by one, in one session."""
    asyncio.run(_execute_all(database, statements))


def settle(*databases: Database) -> None:
    """Does what a server does in the hours between two batches; ends with a checkpoint."""
    for database in databases:
        execute_all(database, ("VACUUM (ANALYZE)", "CHECKPOINT"))


def written(database: Database, schemas: Iterable[str]) -> Written:
    """Totals so far: of the server's log, and of the tables of these schemas."""
    return asyncio.run(_written(database, list(schemas)))


def difference(before: Written, after: Written) -> Written:
    """What was written between the two."""
    return Written(
        wal_bytes=after.wal_bytes - before.wal_bytes,
        relation_bytes=after.relation_bytes - before.relation_bytes,
        tuples=after.tuples - before.tuples,
    )


async def _value(dsn: str, sql: str) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return str(await connection.fetchval(sql))
    finally:
        await connection.close()


async def _execute_all(database: Database, statements: Iterable[str]) -> None:
    async with database.connect() as connection:
        for statement in statements:
            await connection.execute(statement)


async def _written(database: Database, schemas: list[str]) -> Written:
    async with database.connect() as connection:
        return Written(
            wal_bytes=await connection.fetchval(
                "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
            ),
            relation_bytes=await connection.fetchval(_SIZE, schemas),
            tuples=await connection.fetchval(_TUPLES, schemas),
        )
