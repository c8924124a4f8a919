"""Relations of every kind, and tables that change their shape while they are read."""

from __future__ import annotations

import asyncio

import pytest

from cdc_daemon.errors import Retry
from cdc_daemon.model.change import Counts
from cdc_daemon.model.run import RunOutcome, Status
from tests.support.databases import Database
from tests.support.proxy import Proxy
from tests.support.rig import Rig, table

FILL = (
    "CREATE TABLE t (id int PRIMARY KEY, v int, w text);"
    "INSERT INTO t SELECT g, g, 'w' FROM generate_series(1, 50) g"
)
UNLOCKED = ("ROLLBACK", True)
"""Where the batch holds no lock on the table any more."""
STAGES = (
    ("BEGIN ISOLATION", False),
    ("LOCK TABLE", False),
    ("i.indisprimary", False),
    ("SELECT count(*)", False),
    ("COPY (", False),
    ("COPY (", True),
    ("ROLLBACK", False),
    UNLOCKED,
)
"""Statements of a batch at the source, in their order; before they are sent or after the answer."""
ADD = "ALTER TABLE {t} ADD x int DEFAULT 7"
DROP = "ALTER TABLE {t} DROP w"
RETYPE = "ALTER TABLE {t} ALTER v TYPE bigint"
REWRITE = "TRUNCATE {t}; INSERT INTO {t} SELECT g, -g, 'x' FROM generate_series(1, 40) g"
MOVES = (
    *((REWRITE, at) for at in STAGES),
    *((RETYPE, at) for at in STAGES[3:5]),
    *((ADD, at) for at in STAGES[1:3]),
    (DROP, STAGES[1]),
    (DROP, STAGES[4]),
)
QUICK = {"lock_timeout_seconds": 0.3}


async def done_or_blocked(rig: Rig, work: asyncio.Task[object]) -> None:
    """Waits until the test's statement at the source has ended, or waits for a lock."""
    pid = rig.source.get_server_pid()
    waiting = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1"
    while not work.done() and not await rig.target.fetchval(waiting, pid):
        pass


async def meanwhile(
    rig: Rig, proxy: Proxy, at: tuple[str, bool], sql: str, name: str = "t"
) -> RunOutcome:
    """Runs the table, and ``sql`` at the source as soon as the run is at a statement."""
    hold = proxy.hold(at[0], after=at[1])
    running = asyncio.create_task(rig.run(name))
    await hold.reached()
    altering = asyncio.create_task(rig.source.execute(sql))
    if at == UNLOCKED:  # all the same, the server may not have ended the reader's session yet
        async with asyncio.timeout(30):
            await altering
    else:
        await done_or_blocked(rig, altering)
    hold.release()
    outcome = await running
    await altering
    return outcome


@pytest.mark.asyncio
async def test_tables_altered_while_they_are_read(
    source_db: Database, target_db: Database, source_proxy: Proxy
) -> None:
    """A batch is discarded or holds the table as it was before or after; the next one is right."""
    via = source_db.through(source_proxy.port)
    moves = {f"t{n}": move for n, move in enumerate(MOVES)}
    async with Rig(source_db, target_db, tables=moves, source_via=via, settings=QUICK) as rig:
        for name in moves:
            await rig.source.execute(FILL.replace(" t ", f" {name} "))
        await rig.succeeds()
        for name, (change, at) in moves.items():
            await rig.source.execute(f"UPDATE {name} SET v = 0 WHERE id = 1")
            await altered(rig, source_proxy, name, change, at)


async def altered(rig: Rig, proxy: Proxy, name: str, change: str, at: tuple[str, bool]) -> None:
    rows = f"SELECT id, v::text FROM {name} ORDER BY id"
    allowed = [await kept(rig, rows)]
    unchanged = await rig.bronze(name)
    outcome = await meanwhile(rig, proxy, at, change.replace("{t}", name), name)
    allowed.append(await kept(rig, rows))
    if outcome.status is Status.SUCCEEDED:
        mirror = f"SELECT id, v::text FROM bronze.src_{name}_current ORDER BY id"
        assert await rig.rows(mirror) in allowed, (change, at)
    else:
        assert outcome.error_kind in {"SchemaMoved", "Conflict", "IncompatibleChange"}, outcome
        assert outcome.retry is Retry.BACKOFF or outcome.held
        assert await rig.bronze(name) == unchanged
    await rig.app.states.release(outcome.table)
    again = await rig.run(name)
    if change in {DROP, RETYPE}:
        assert again.error_kind == "IncompatibleChange", (change, at)
    else:
        assert again.status is Status.SUCCEEDED, (change, at, again)
        await rig.mirrors(name)


async def kept(rig: Rig, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await rig.source.fetch(sql)]


@pytest.mark.asyncio
async def test_columns_that_moved_discard_the_batch(
    source_db: Database, target_db: Database, source_proxy: Proxy
) -> None:
    """Rows read before an ALTER that is seen after them are not promoted; it is tried again."""
    via = source_db.through(source_proxy.port)
    async with Rig(source_db, target_db, tables=["t"], source_via=via) as rig:
        await rig.source.execute(FILL)
        outcome = await meanwhile(rig, source_proxy, UNLOCKED, "ALTER TABLE t ADD x int")
        assert (outcome.error_kind, outcome.retry) == ("SchemaMoved", Retry.BACKOFF)
        assert not outcome.held
        assert await rig.rows("SELECT status, error_kind FROM cdc.batch") == [
            ("failed", "SchemaMoved")
        ]
        assert (await rig.succeeds())["t"].counts == Counts(extracted=50, inserted=50)
        await rig.mirrors()


@pytest.mark.asyncio
async def test_a_table_dropped_while_it_is_read(
    source_db: Database, target_db: Database, source_proxy: Proxy
) -> None:
    """A table that is gone after the last row is not closed: its batch is discarded."""
    via = source_db.through(source_proxy.port)
    async with Rig(source_db, target_db, tables=["t"], source_via=via) as rig:
        await rig.source.execute(FILL)
        await rig.succeeds()
        await rig.source.execute("DELETE FROM t WHERE id = 1")
        outcome = await meanwhile(rig, source_proxy, UNLOCKED, "DROP TABLE t")
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "TableNotFound")
        assert await rig.rows("SELECT count(*) FROM bronze.src_t_current") == [(50,)]


RELATIONS = """
CREATE TABLE base (id int PRIMARY KEY, v int);
INSERT INTO base SELECT g, g FROM generate_series(1, 20) g;
CREATE VIEW seen AS SELECT id, v * 2 AS twice, v IS NULL AS odd FROM base;
CREATE VIEW grouped AS SELECT v % 3 AS third, count(*) AS n, sum(v) AS total FROM base GROUP BY 1;
CREATE MATERIALIZED VIEW frozen AS SELECT * FROM base;
CREATE UNIQUE INDEX ON frozen (id);
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, v int);
INSERT INTO unlogged SELECT * FROM base;
CREATE TABLE made (id int PRIMARY KEY, v int, twice int GENERATED ALWAYS AS (v * 2) STORED,
    n bigint GENERATED ALWAYS AS IDENTITY);
INSERT INTO made SELECT * FROM base;
CREATE TABLE parts (id int, v int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE part_2 (v int, dropped int, id int NOT NULL);
ALTER TABLE part_2 DROP dropped;
ALTER TABLE parts ATTACH PARTITION part_2 FOR VALUES FROM (10) TO (100);
INSERT INTO parts SELECT * FROM base;
CREATE TABLE parent (id int PRIMARY KEY, v int);
CREATE TABLE child (extra text) INHERITS (parent);
INSERT INTO parent SELECT * FROM base WHERE id < 10;
INSERT INTO child SELECT *, 'x' FROM base WHERE id >= 10;
"""
KINDS = {
    "base": (),
    "seen": ("id",),
    "grouped": ("third",),
    "frozen": ("id",),
    "unlogged": (),
    "made": (),
    "parts": (),
    "parent": (),
}


@pytest.mark.asyncio
async def test_relations_of_every_kind(source_db: Database, target_db: Database) -> None:
    """Views, materialized views, partitioned, inherited and unlogged tables are read whole."""
    specs = [table(name, key=key) for name, key in KINDS.items()]
    async with Rig(source_db, target_db, tables=specs) as rig:
        await rig.source.execute(RELATIONS)
        await rig.succeeds()
        await rig.mirrors()
        await rig.source.execute(
            "UPDATE base SET v = 0 WHERE id = 1; DELETE FROM base WHERE id = 20;"
            "UPDATE unlogged SET v = 0 WHERE id = 1; UPDATE made SET v = 0 WHERE id = 1;"
            "UPDATE parts SET v = 0 WHERE id = 1; UPDATE parts SET id = 50 WHERE id = 2;"
            "UPDATE child SET v = 0 WHERE id = 10; DELETE FROM parent WHERE id = 20"
        )
        outcomes = await rig.succeeds()
        one = Counts(extracted=20, updated=1, unchanged=19)
        assert outcomes["frozen"].counts == Counts(extracted=20, unchanged=20)
        assert outcomes["seen"].counts == Counts(extracted=19, updated=1, deleted=1, unchanged=18)
        assert outcomes["made"].counts == outcomes["unlogged"].counts == one
        assert outcomes["parts"].counts == Counts(
            extracted=20, inserted=1, updated=1, deleted=1, unchanged=18
        )
        assert outcomes["parent"].counts == Counts(extracted=19, updated=1, deleted=1, unchanged=18)
        await rig.mirrors()
        await rig.source.execute(
            "REFRESH MATERIALIZED VIEW frozen; ALTER TABLE parts DETACH PARTITION part_2"
        )
        outcomes = await rig.succeeds()
        assert outcomes["frozen"].counts == Counts(extracted=19, updated=1, deleted=1, unchanged=18)
        assert outcomes["parts"].counts == Counts(extracted=8, deleted=12, unchanged=8)
        await rig.mirrors()


@pytest.mark.asyncio
async def test_what_is_no_table_is_not_found(source_db: Database, target_db: Database) -> None:
    """Sequences, indexes and types have names of relations too; they are no tables."""
    async with Rig(source_db, target_db, tables=["numbers", "t_pkey", "pair"]) as rig:
        await rig.source.execute(
            "CREATE SEQUENCE numbers; CREATE TABLE t (id int PRIMARY KEY); CREATE TYPE pair AS (a int)"
        )
        kinds = {outcome.error_kind for outcome in (await rig.once()).values()}
        assert kinds == {"TableNotFound"}


@pytest.mark.asyncio
async def test_the_key_is_the_best_there_is(source_db: Database, target_db: Database) -> None:
    """The primary key first, else the narrowest unique index that holds for every row."""
    names = ["a", "b", "c"]
    async with Rig(source_db, target_db, tables=names) as rig:
        await rig.source.execute(
            "CREATE TABLE a (x int NOT NULL UNIQUE, y int, z int, PRIMARY KEY (z, y));"
            "CREATE TABLE b (x int UNIQUE, y int NOT NULL, z int NOT NULL, v int);"
            "CREATE UNIQUE INDEX ON b (y, z); CREATE UNIQUE INDEX ON b (y) WHERE v > 0;"
            "CREATE TABLE c (x int NOT NULL, y int NOT NULL, z int NOT NULL, UNIQUE (x, y));"
            "CREATE UNIQUE INDEX ON c (z) INCLUDE (x)"
        )
        await rig.succeeds()
        keys = await rig.rows(
            "SELECT tablename, substring(indexdef FROM '\\((.*?)\\) WHERE') FROM pg_indexes "
            "WHERE schemaname = 'bronze' AND indexname LIKE '%open_key' ORDER BY 1"
        )
        assert keys == [("src_a", "z, y"), ("src_b", "y, z"), ("src_c", "z")]


@pytest.mark.asyncio
async def test_excluded_columns_are_not_there(source_db: Database, target_db: Database) -> None:
    """An excluded column is neither read nor kept, whatever its type, and its changes are none."""
    async with Rig(source_db, target_db, tables=[table("t", exclude=("no", "never"))]) as rig:
        await rig.source.execute(
            "CREATE TYPE pair AS (a int); CREATE TABLE t (id int PRIMARY KEY, no pair, v int, never text);"
            "INSERT INTO t VALUES (1, ROW(1), 2, 'secret')"
        )
        await rig.succeeds()
        await rig.source.execute("UPDATE t SET never = 'other'")
        assert (await rig.succeeds())["t"].counts == Counts(extracted=1, unchanged=1)
        assert await rig.rows("SELECT * FROM bronze.src_t_current") == [(1, 2)]
