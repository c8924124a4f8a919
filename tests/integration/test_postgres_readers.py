"""Arrow readers: one catalog for all, nothing remembered that failed, nothing left open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from adbc_driver_manager import AdbcConnection
from adbc_driver_manager import Error as AdbcError

from cdc_daemon.databases.postgresql import readers as readers_module
from cdc_daemon.databases.postgresql import shared as shared_module
from cdc_daemon.databases.postgresql.database import PostgresDatabase
from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.model.change import Counts
from cdc_daemon.model.config import PoolLimits
from tests.support.databases import Database, Databases
from tests.support.proxy import Proxy
from tests.support.rig import Rig, connection

CATALOG = "SELECT version()"
"""The driver's first statement when it makes a database object."""
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cdc-daemon'"


@asynccontextmanager
async def opened(
    server: Database, password: Callable[[], str | None] | None = None
) -> AsyncIterator[PostgresDatabase]:
    """A database with two readers, closed at the end."""
    pool = PoolLimits(max=4, acquire_timeout_seconds=5)
    spec = connection("core", server, connect_timeout_seconds=5, pool=pool)
    database = PostgresDatabase(spec, password or (lambda: server.password))
    try:
        yield database
    finally:
        await database.aclose()


async def read(database: PostgresDatabase, sql: str = "SELECT 1 AS n") -> list[int]:
    async with database.reader() as reader:
        rows = await reader.query(sql)
        found: list[int] = []
        while (batch := await reader.next_batch(rows)) is not None:
            found += batch.column(0).to_pylist()
        return found


async def sessions(database: Database) -> int:
    async with database.connect() as connection:
        return await connection.fetchval(f"{SESSIONS} AND datname = current_database()")


async def until(state: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not state():  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0)


async def no_session_left(database: Database) -> None:
    async with asyncio.timeout(20):
        while await sessions(database):
            pass


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def catalogs(proxy: Proxy) -> int:
    return sum(CATALOG in statement.sql for statement in proxy.statements)


def current(database: PostgresDatabase):
    return database._readers._databases._current


@pytest.mark.asyncio
async def test_the_catalog_is_read_once(source_db: Database, source_proxy: Proxy) -> None:
    """Readers side by side and one after another share what the driver knows of the database."""
    async with opened(source_db.through(source_proxy.port)) as database:
        assert await asyncio.gather(*(read(database) for _ in range(6))) == [[1]] * 6
        assert await read(database) == [1]
        assert catalogs(source_proxy) == 1
        assert current(database).users == 0


@pytest.mark.asyncio
async def test_batches_share_the_catalog(
    source_db: Database, target_db: Database, source_proxy: Proxy
) -> None:
    """So do the batches of tables that run at once."""
    names = [f"t{n}" for n in range(4)]
    via = source_db.through(source_proxy.port)
    async with Rig(source_db, target_db, tables=names, source_via=via) as rig:
        for name in names:
            await rig.source.execute(f"CREATE TABLE {name} (id int PRIMARY KEY)")
            await rig.source.execute(f"INSERT INTO {name} SELECT generate_series(1, 5)")
        await rig.succeeds()
        await rig.succeeds()
        await rig.mirrors()
        assert catalogs(source_proxy) == 1


@pytest.mark.asyncio
async def test_types_that_are_younger_than_the_catalog(
    source_db: Database, target_db: Database
) -> None:
    """Tables with types made after the first read are read and written as any others."""
    async with Rig(source_db, target_db, tables=["old", "young"]) as rig:
        await rig.source.execute(
            "CREATE TABLE old (id int PRIMARY KEY); INSERT INTO old VALUES (1)"
        )
        await rig.succeeds("old")
        shared = current(rig.app.databases["src"])
        await rig.source.execute(
            "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN age AS int CHECK (value > 0);"
            "CREATE DOMAIN price AS numeric(10, 2); CREATE DOMAIN ints AS int[]; CREATE DOMAIN code AS varchar(5);"
            "CREATE TABLE young (id age PRIMARY KEY, m mood, p price, c code, ms mood[], many ints);"
            "INSERT INTO young VALUES (1, 'ok', 1.5, 'x', '{ok,sad}', '{1,2}'), (2, NULL, NULL, NULL, NULL, NULL)"
        )
        for counts in (Counts(extracted=2, inserted=2), Counts(extracted=2, unchanged=2)):
            assert (await rig.succeeds("young"))["young"].counts == counts
        await rig.mirrors("young")
        assert current(rig.app.databases["src"]) is shared


@pytest.mark.asyncio
async def test_a_password_that_changes(source_db: Database, source_proxy: Proxy) -> None:
    """Readers opened under the old password go on; the last of them closes what they shared."""
    role = f"r_{source_db.name}"
    via = replace(source_db.through(source_proxy.port), user=role)
    passwords = ["first"]
    async with source_db.connect() as own:
        await own.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'first'")
        try:
            async with opened(via, lambda: passwords[-1]) as database:
                async with database.reader() as reader:
                    old = current(database)
                    await own.execute(f"ALTER ROLE {role} PASSWORD 'second'")
                    passwords.append("second")
                    assert await read(database) == [1]
                    assert catalogs(source_proxy) == 2
                    rows = await reader.query("SELECT 7")
                    assert (await reader.next_batch(rows)).column(0).to_pylist() == [7]
                    assert (current(database) is old, old.users) == (False, 1)
                assert is_closed(old)
                assert not is_closed(current(database))
        finally:
            await own.execute(f"DROP ROLE {role}")


def is_closed(shared) -> bool:
    """Whether no connection can be made of it, though the server is there."""
    assert shared.users == 0
    try:
        AdbcConnection(shared.making.result()).close()
    except AdbcError as error:
        return "connect" not in str(error)
    return False


@pytest.mark.asyncio
async def test_a_password_that_is_wrong_at_first(source_db: Database) -> None:
    """A login that was refused is not remembered; nor does it take a place for good."""
    passwords = ["wrong"]
    async with opened(source_db, lambda: passwords[-1]) as database:
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable):
                await read(database)
        passwords.append(source_db.password)
        assert await read(database) == [1]


@pytest.mark.asyncio
async def test_a_server_that_is_away_at_first(source_db: Database, source_proxy: Proxy) -> None:
    """Nor is a refused connection, by the same URI; all who waited for it are told."""
    async with opened(source_db.through(source_proxy.port)) as database:
        source_proxy.refuse()
        failed = await asyncio.gather(read(database), read(database), return_exceptions=True)
        assert [type(error) for error in failed] == [DatabaseUnavailable] * 2
        source_proxy.heal()
        assert await read(database) == [1]


@pytest.mark.asyncio
async def test_a_secret_that_cannot_be_had(source_db: Database) -> None:
    """Its error is told as it is, and no place is lost to it."""
    secrets: list[str] = []
    async with opened(source_db, lambda: secrets[0]) as database:
        for _ in range(3):
            with pytest.raises(IndexError):
                await read(database)
        secrets.append(source_db.password)
        assert await read(database) == [1]


@pytest.mark.asyncio
async def test_a_server_that_was_restarted(private_postgres: EmbeddedPostgres) -> None:
    """What was shared before outlives the server: connections are made of it anew."""
    async with opened(Databases(private_postgres).create()) as database:
        assert await read(database) == [1]
        shared = current(database)
        await asyncio.to_thread(private_postgres.kill)
        with pytest.raises(DatabaseUnavailable):
            await read(database)
        await asyncio.to_thread(private_postgres.start)
        assert await read(database) == [1]
        assert current(database) is shared


@pytest.mark.asyncio
async def test_use_leaves_nothing_open(source_db: Database) -> None:
    """However often readers are opened, also for a read that fails or ends early."""
    async with opened(source_db) as database:
        await read(database)
        before = descriptors()
        for _ in range(5):
            await read(database)
            with pytest.raises(AdbcError):
                await read(database, "SELECT no_such_column")
            async with database.reader() as reader:
                rows = await reader.query("SELECT g FROM generate_series(1, 3000000) g")
                await reader.next_batch(rows)
        assert descriptors() == before
        await no_session_left(source_db)
        assert current(database).users == 0


@pytest.mark.asyncio
async def test_cancelled_while_the_catalog_is_read(
    source_db: Database, source_proxy: Proxy
) -> None:
    """Who waits is free at once; what was begun is made, and good for the next."""
    async with opened(source_db.through(source_proxy.port)) as database:
        hold = source_proxy.hold(CATALOG)
        waiting = asyncio.create_task(read(database))
        await hold.reached()
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=2)
        assert waiting.cancelled()
        hold.release()
        assert await read(database) == [1]
        assert catalogs(source_proxy) == 1
        await until(lambda: current(database).users == 0)
        await no_session_left(source_db)


@pytest.mark.asyncio
async def test_cancelled_while_it_connects(source_db: Database, source_proxy: Proxy) -> None:
    """A connection that comes when nobody waits any more is closed, and ``aclose`` sees to it."""
    async with opened(source_db.through(source_proxy.port)) as database:
        assert await read(database) == [1]
        shared, before = current(database), source_proxy.connections
        source_proxy.blackhole()
        waiting = asyncio.create_task(read(database))
        await until(lambda: shared.users == 1)
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=2)
        assert (waiting.cancelled(), shared.users) == (True, 1)
        source_proxy.heal()
        await database.aclose()
        assert source_proxy.connections == before + 1
        assert is_closed(shared)
        await no_session_left(source_db)


@pytest.mark.asyncio
async def test_a_call_that_hangs(
    source_db: Database, source_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it for long; its connection is closed when it has ended, not under it."""
    monkeypatch.setattr(readers_module, "ROLLBACK_SECONDS", 0.2)
    async with opened(source_db.through(source_proxy.port)) as database:
        hold = source_proxy.hold("SELECT 2")
        hung = asyncio.create_task(read(database, "SELECT 2"))
        await hold.reached()
        hung.cancel()
        await asyncio.wait({hung}, timeout=5)
        assert hung.cancelled()
        assert database.stats("source")[1].open == 0
        assert (await sessions(source_db), current(database).users) == (1, 1)
        assert await read(database) == [1]
        hold.release()
        await until(lambda: current(database).users == 0)
        await no_session_left(source_db)


@pytest.mark.asyncio
async def test_closing_waits_for_nobody_for_long(source_db: Database, source_proxy: Proxy) -> None:
    """A network that swallows packets holds ``aclose`` up no longer than a connect may take."""
    async with opened(source_db.through(source_proxy.port)) as database:
        database.spec = replace(database.spec, connect_timeout_seconds=0.2)
        database._readers._spec = database.spec
        await read(database)
        source_proxy.blackhole()
        waiting = asyncio.create_task(read(database))
        await until(lambda: current(database).users == 1)
        waiting.cancel()
        async with asyncio.timeout(8):  # connecting takes ten in vain, unless configured
            await database.aclose()
        source_proxy.heal()
        await until(lambda: not database._readers._ending)


@pytest.mark.asyncio
async def test_a_reader_in_use_outlives_the_close(source_db: Database) -> None:
    """``aclose`` leaves it to its user, who closes what it was made of."""
    async with opened(source_db) as database:
        async with database.reader() as reader:
            shared = current(database)
            await database.aclose()
            rows = await reader.query("SELECT 5")
            assert (await reader.next_batch(rows)).column(0).to_pylist() == [5]
        assert is_closed(shared)
        await no_session_left(source_db)


@pytest.mark.asyncio
async def test_a_catalog_that_never_comes(
    source_db: Database, source_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while others do not wait for it, but read it anew."""
    async with opened(source_db.through(source_proxy.port)) as database:
        hold = source_proxy.hold(CATALOG)
        waiting = asyncio.create_task(read(database))
        await hold.reached()
        shared = current(database)
        monkeypatch.setattr(shared_module, "PATIENCE_SECONDS", 0)
        assert await read(database) == [1]
        assert current(database) is not shared
        hold.release()
        assert await waiting == [1]
        assert is_closed(shared)
