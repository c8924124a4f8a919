"""Sessions: never more than configured, never waited for in a circle, never missed when they die."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from cdc_daemon.errors import Retry
from cdc_daemon.model.change import Counts
from cdc_daemon.model.config import PoolLimits
from cdc_daemon.model.run import RunOutcome, Status
from tests.support.databases import Database, Databases
from tests.support.proxy import Proxy
from tests.support.rig import SOURCE, TARGET, Rig, table

OURS = "application_name = 'cdc-daemon' AND backend_type = 'client backend'"
FILL = "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)"


async def make_tables(rig: Rig, number: int) -> None:
    for n in range(number):
        await rig.source.execute(
            f"CREATE TABLE t{n} (id int PRIMARY KEY);"
            f"INSERT INTO t{n} SELECT g FROM generate_series(1, 10) g"
        )


async def sessions(rig: Rig, database: Database) -> tuple[set[int], set[int]]:
    """Sessions of the application with a database, and those among them that hold a table's lock.

    A lock's session before it has the lock, or while it ends, is told by its last statement.
    """
    ((all_, locks),) = await rig.rows(
        "SELECT coalesce(array_agg(pid), '{}'), coalesce(array_agg(pid) FILTER ("
        "WHERE query LIKE '%pg_try_advisory_lock%' OR query = ''), '{}') "
        f"FROM pg_stat_activity WHERE {OURS} AND datname = $1",
        database.name,
    )
    return set(all_), set(locks)


def most_at_once(samples: list[set[int]]) -> int:
    """A session that was closed is seen until its server process ends: two samples must see it."""
    return max(len(before & after) for before, after in pairwise(samples))


@pytest.mark.asyncio
@pytest.mark.parametrize(("most", "workers"), [(2, 6), (5, 6)])
async def test_never_more_sessions_than_configured(
    source_db: Database, target_db: Database, most: int, workers: int
) -> None:
    """Many tables at once keep within ``pool.max``, locks apart; the smallest pool is enough."""
    names = [f"t{n}" for n in range(12)]
    pool = PoolLimits(max=most, acquire_timeout_seconds=20)
    async with Rig(source_db, target_db, tables=names, pool=pool, workers=workers) as rig:
        await make_tables(rig, len(names))
        running = asyncio.create_task(rig.succeeds())
        read: list[set[int]] = []
        written: list[set[int]] = []
        locked: list[set[int]] = []
        while not running.done():
            read.append((await sessions(rig, source_db))[0])
            all_, locks = await sessions(rig, target_db)
            written.append(all_ - locks)
            locked.append(locks)
        await running
        at_once = [most_at_once(samples) for samples in (read, written, locked)]
        assert at_once[0] <= most
        assert at_once[1] <= most
        assert at_once[2] <= workers + most  # sessions that have said nothing yet count here
        assert min(at_once) > 0
        await rig.succeeds()
        await rig.mirrors(*names[:3])


@pytest.mark.asyncio
async def test_one_connection_as_source_and_target(
    source_db: Database, target_db: Database
) -> None:
    """Tables of the target's own database: batches that read it never wait for one another."""
    names = [f"t{n}" for n in range(6)]
    pool = PoolLimits(max=4, acquire_timeout_seconds=3)
    specs = [table(name, source=TARGET) for name in names]
    async with Rig(target_db, target_db, tables=specs, pool=pool, workers=4) as rig:
        await make_tables(rig, len(names))
        await rig.succeeds()
        await rig.mirrors()


@pytest.mark.asyncio
async def test_idle_sessions_are_closed(source_db: Database, target_db: Database) -> None:
    """After ``idle_seconds`` no session but ``min`` is left; the next batch has new ones."""
    pool = PoolLimits(min=0, idle_seconds=0.2)
    async with Rig(source_db, target_db, tables=["t"], pool=pool) as rig:
        await rig.source.execute(FILL)
        await rig.succeeds()
        await no_session_left(rig, source_db, target_db)
        await rig.succeeds()


@pytest.mark.asyncio
async def test_old_sessions_are_replaced(source_db: Database, target_db: Database) -> None:
    """A session past ``max_age_seconds`` is closed when it comes back, not kept."""
    pool = PoolLimits(min=0, max_age_seconds=0)
    async with Rig(source_db, target_db, tables=["t"], pool=pool) as rig:
        await rig.source.execute(FILL)
        await rig.succeeds()
        await no_session_left(rig, source_db, target_db)
        await rig.succeeds()


async def no_session_left(rig: Rig, *databases: Database) -> None:
    async with asyncio.timeout(20):
        for database in databases:
            while (await sessions(rig, database))[0]:
                pass


@pytest.mark.asyncio
async def test_sessions_end_with_the_application(source_db: Database, target_db: Database) -> None:
    """Closing leaves no session behind on either side."""
    async with Rig(source_db, target_db) as watcher:
        async with Rig(source_db, target_db, tables=["t"]) as rig:
            await rig.source.execute(FILL)
            await rig.succeeds()
        await no_session_left(watcher, source_db)


def is_exhausted(outcome: RunOutcome, name: str) -> None:
    assert (outcome.error_kind, outcome.retry) == ("DatabaseUnavailable", Retry.BACKOFF), outcome
    assert outcome.error == f"connection {name}: no free session within 0.2 s"
    assert "pool.max" in (outcome.remedy or "")
    assert not outcome.held


@pytest.mark.asyncio
async def test_waiting_for_a_session_is_bounded(source_db: Database, target_db: Database) -> None:
    """Where none comes free within the timeout, the table fails with the knob's name."""
    pool = PoolLimits(max=2, acquire_timeout_seconds=0.2)
    async with Rig(source_db, target_db, tables=["t"], pool=pool) as rig:
        await rig.source.execute(FILL)
        async with rig.app.databases[SOURCE].session():
            is_exhausted(await rig.run(), SOURCE)
        async with rig.app.databases[SOURCE].reader():
            is_exhausted(await rig.run(), SOURCE)
        await rig.succeeds()
        async with rig.app.target.database.reader():
            is_exhausted(await rig.run(), TARGET)
        await rig.succeeds()


@pytest.mark.asyncio
async def test_a_server_that_does_not_answer_is_not_a_full_pool(
    source_db: Database, target_db: Database, source_proxy: Proxy
) -> None:
    """A network that swallows packets is told as such, and not to be mended with ``pool.max``."""
    via = source_db.through(source_proxy.port)
    settings = {"connect_timeout_seconds": 0.5}
    pool = PoolLimits(min=0, acquire_timeout_seconds=20, max_age_seconds=0)
    async with Rig(
        source_db, target_db, tables=["t"], source_via=via, settings=settings, pool=pool
    ) as rig:
        await rig.source.execute(FILL)
        await rig.succeeds()
        source_proxy.blackhole()
        outcome = await rig.run()
        source_proxy.heal()
        assert (outcome.error_kind, outcome.retry) == ("DatabaseUnavailable", Retry.BACKOFF)
        assert "no free session" not in (outcome.error or "")
        assert "pool.max" not in (outcome.remedy or "")
        await rig.succeeds()


@pytest.fixture
def private_databases(private_postgres: EmbeddedPostgres) -> tuple[Database, Database]:
    """Two databases on a server that may be stopped."""
    databases = Databases(private_postgres)
    return databases.create(), databases.create()


@pytest.mark.asyncio
async def test_a_restarted_server_is_found_again(
    private_postgres: EmbeddedPostgres,
    private_databases: tuple[Database, Database],
    source_db: Database,
    target_db: Database,
) -> None:
    """Law 8: while a database is down its tables fail; when it is back they run, all by itself."""
    away_source, away_target = private_databases
    async with (
        Rig(source_db, target_db, tables=["t"], source_via=away_source) as reads,
        Rig(source_db, target_db, tables=["t"], target_via=away_target, migrate=False) as writes,
    ):
        async with away_source.connect() as connection:
            await connection.execute(FILL)
        await reads.source.execute(FILL)
        await writes.app.control.apply()
        await reads.succeeds()
        await writes.succeeds()
        await asyncio.to_thread(private_postgres.kill)
        for rig in (reads, writes):
            outcome = await rig.run()
            assert (outcome.error_kind, outcome.retry) == ("DatabaseUnavailable", Retry.BACKOFF)
            assert "up and reachable" in (outcome.remedy or "")
        assert (await reads.app.states.state(reads.spec().id)).failures == 1
        assert len(writes.telemetry.lost) == 1
        await asyncio.to_thread(private_postgres.start)
        for rig in (reads, writes):
            assert (await rig.succeeds())["t"].counts == Counts(extracted=3, unchanged=3)


AT_SOURCE = (
    ("relkind", False),
    ("LOCK TABLE", False),
    ("pg_export_snapshot", True),
    ("SELECT count(*)", False),
    ("COPY (", False),
    ("COPY (", True),
    ("ROLLBACK", False),
)
AT_TARGET = (
    ('FROM "cdc"."table_state"', False),
    ("clock_timestamp()", False),
    ('INSERT INTO "cdc"."batch"', True),
    ("COPY (", False),
    ("SELECT DISTINCT l.", True),
    ('"_closes" bytea', True),
    ('"_closes") FROM', False),
    ("SET epoch", True),
    ('UPDATE "bronze"', True),
    ('INSERT INTO "bronze"', True),
    ('INSERT INTO "stage"', True),
    ("window_state", True),
    ("status = 'promoted', instant", True),
    ("COMMIT", False),
)


def is_backoff(rig: Rig, outcome: RunOutcome, at: tuple[str, bool]) -> None:
    if (outcome.error_kind, outcome.retry) != ("DatabaseUnavailable", Retry.BACKOFF):
        raise AssertionError(at, outcome.error_kind) from rig.telemetry.errors[-1]


async def killed_at(
    rig: Rig, proxy: Proxy, name: str, at: tuple[str, bool], killed: Database
) -> RunOutcome:
    """The outcome of a run whose sessions with a database the server ends at a statement."""
    hold = proxy.hold(at[0], after=at[1])
    running = asyncio.create_task(rig.run(name))
    await hold.reached()
    await rig.rows(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        f"WHERE {OURS} AND datname = $1 AND query NOT LIKE '%advisory_lock%'",
        killed.name,
    )
    hold.release()
    return await running


async def prepared(rig: Rig) -> None:
    """Histories, and one change of each kind to come."""
    names = [spec.id.name for spec in rig.config.tables]
    for name in names:
        await rig.source.execute(FILL.replace(" t ", f" {name} "))
    await rig.succeeds()
    for name in names:
        await rig.source.execute(
            f"DELETE FROM {name} WHERE id = 1; UPDATE {name} SET v = 0 WHERE id = 2;"
            f"INSERT INTO {name} VALUES (9)"
        )


async def mended(rig: Rig, name: str = "t") -> None:
    """The next run leaves what one run would have left."""
    await rig.succeeds(name)
    await rig.mirrors(name)
    versions = f"SELECT id, _operation, _closed_by FROM bronze.src_{name} ORDER BY 1, 2"
    assert await rig.rows(versions) == [
        (1, "I", "D"),
        (2, "I", "U"),
        (2, "U", None),
        (3, "I", None),
        (9, "I", None),
    ]
    assert await rig.rows(f"SELECT id, _operation FROM stage.src_{name} ORDER BY 1") == [
        (1, "D"),
        (2, "U"),
        (9, "I"),
    ]


@pytest.mark.asyncio
async def test_source_sessions_that_die(
    source_db: Database, target_db: Database, source_proxy: Proxy
) -> None:
    """Ended by the server at any stage: tried again by itself, nothing lost, nothing doubled."""
    via = source_db.through(source_proxy.port)
    stages = {f"t{n}": at for n, at in enumerate(AT_SOURCE)}
    async with Rig(source_db, target_db, tables=stages, source_via=via) as rig:
        await prepared(rig)
        for name, at in stages.items():
            outcome = await killed_at(rig, source_proxy, name, at, source_db)
            if outcome.status is not Status.SUCCEEDED:
                is_backoff(rig, outcome, at)
                assert (await rig.app.states.state(outcome.table)).failures == 1
            await mended(rig, name)


@pytest.mark.asyncio
async def test_target_sessions_that_die(
    source_db: Database, target_db: Database, target_proxy: Proxy
) -> None:
    """The same on the other side: promote is whole or not at all."""
    via = target_db.through(target_proxy.port)
    stages = {f"t{n}": at for n, at in enumerate(AT_TARGET)}
    async with Rig(source_db, target_db, tables=stages, target_via=via) as rig:
        await prepared(rig)
        for name, at in stages.items():
            before = await rig.bronze(name)
            outcome = await killed_at(rig, target_proxy, name, at, target_db)
            if outcome.status is not Status.SUCCEEDED:
                is_backoff(rig, outcome, at)
                assert await rig.bronze(name) == before
            await mended(rig, name)


@pytest.mark.asyncio
async def test_a_commit_whose_answer_is_lost(
    source_db: Database, target_db: Database, target_proxy: Proxy
) -> None:
    """The batch is history though its run failed: its record says so, and nothing is doubled."""
    via = target_db.through(target_proxy.port)

    def lose(_: object) -> None:
        target_proxy.on_statement("COMMIT", lambda _: target_proxy.cut_all(), after=True)

    async with Rig(source_db, target_db, tables=["t"], target_via=via) as rig:
        await prepared(rig)
        target_proxy.on_statement("status = 'promoted', instant", lose)
        outcome = await rig.run()
        assert outcome.retry is Retry.BACKOFF  # the lock's session may be seen to be gone first
        batches = await rig.rows("SELECT status FROM cdc.batch ORDER BY batch_id")
        assert batches == [("promoted",)] * 2
        assert (await rig.succeeds())["t"].counts == Counts(extracted=3, unchanged=3)
        await mended(rig)


@pytest.mark.asyncio
@pytest.mark.parametrize("at", ["SELECT count(*)", "ROLLBACK"])
async def test_a_lock_that_is_lost_stops_the_batch(
    source_db: Database, target_db: Database, source_proxy: Proxy, at: str
) -> None:
    """Law 2: the batch whose lock's session dies is stopped, and tried again by itself."""
    via = source_db.through(source_proxy.port)
    async with Rig(source_db, target_db, tables=["t"], source_via=via) as rig:
        await prepared(rig)
        hold = source_proxy.hold(at)
        running = asyncio.create_task(rig.run())
        await hold.reached()
        killed = await rig.rows(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks "
            "WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = $1)",
            target_db.name,
        )
        assert killed == [(True,)]
        hold.release()
        outcome = await running
        if outcome.status is not Status.SUCCEEDED:  # it may end before the loss is noticed
            assert (outcome.error_kind, outcome.retry) == ("LockLost", Retry.BACKOFF)
        await mended(rig)


@pytest.mark.asyncio
async def test_settings_reach_every_session(source_db: Database, target_db: Database) -> None:
    """Whatever the server or role sets by default, values are read and written in one notation."""
    async with Rig(source_db, target_db) as rig:
        for database in (source_db, target_db):
            for setting in (
                "datestyle = 'SQL, DMY'",
                "intervalstyle = 'iso_8601'",
                "timezone = 'Asia/Kathmandu'",
                "extra_float_digits = -15",
                "bytea_output = 'escape'",
                "standard_conforming_strings = off",
                "search_path = ''",
            ):
                await rig.target.execute(f"ALTER DATABASE {database.name} SET {setting}")
    name = "a\\'b"
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute(
            f"CREATE TABLE public.t (id float8 PRIMARY KEY, ds date[], i interval, tz timestamptz, "
            f'bs bytea[], f float8[], "{name}" text);'
            "INSERT INTO public.t VALUES (0.1::float8 + 0.2::float8, ARRAY[make_date(2024, 2, 1)], "
            "make_interval(months => 1), make_timestamptz(2024, 1, 1, 0, 0, 0.5, 'UTC'), "
            "ARRAY[decode('00ff5c', 'hex')], ARRAY[0.1::float8 + 0.2::float8], 'x')"
        )
        await rig.succeeds()
        await rig.mirrors()
        assert (await rig.succeeds())["t"].counts == Counts(extracted=1, unchanged=1)
