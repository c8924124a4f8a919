"""Indexes of bronze around large loads: dropped where it pays, and back exactly as they were."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from cdc_daemon.databases.postgresql.indexes import SECONDARY_INDEXES
from cdc_daemon.load.indexes import LEAST_OPENED
from cdc_daemon.model.run import Job, Status
from cdc_daemon.orchestration.plan import plan
from tests.support.databases import Database
from tests.support.failpoints import cut
from tests.support.proxy import Proxy
from tests.support.rig import Rig

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v int, w text)"
FILL = "INSERT INTO t SELECT g, g, 'w' || g FROM generate_series({}, {}) g"
FEW = 1_000
MANY = FEW + 2 * LEAST_OPENED + 500
MORE = MANY + LEAST_OPENED + 200
"""Enough, and still less than half of what is open then."""
OPEN_KEY, KEY_FROM = "src_t_open_key", "src_t_key_from"
ANYBODYS = {
    "plain": "CREATE INDEX plain ON bronze.src_t (v, w DESC NULLS LAST)",
    'Odd "name': 'CREATE INDEX "Odd ""name" ON bronze.src_t (w text_pattern_ops) INCLUDE (v)',
    "partial": "CREATE INDEX partial ON bronze.src_t (v) WITH (fillfactor = 71) WHERE w LIKE 'it''s%' AND v > 3",
    "said": 'CREATE INDEX said ON bronze.src_t (lower(w) COLLATE "C"); '
    "COMMENT ON INDEX bronze.said IS E'it''s \\\\ said'",
    "hashed": "CREATE INDEX hashed ON bronze.src_t USING hash (w)",
    "ranges": "CREATE INDEX ranges ON bronze.src_t USING brin (_valid_from) WITH (pages_per_range = 7)",
    "words": "CREATE INDEX words ON bronze.src_t USING gin (to_tsvector('simple', w))",
}
KEPT = {
    "unique": 'CREATE UNIQUE INDEX "unique" ON bronze.src_t (id, _valid_from)',
    "backing": "ALTER TABLE bronze.src_t ADD CONSTRAINT backing UNIQUE (id, _valid_from, v)",
    "excluding": "ALTER TABLE bronze.src_t ADD CONSTRAINT excluding "
    "EXCLUDE USING btree (id WITH =, _valid_from WITH =)",
    "clustered": "CREATE INDEX clustered ON bronze.src_t (v); CLUSTER bronze.src_t USING clustered",
    "sampled": "CREATE INDEX sampled ON bronze.src_t ((v + 1)); "
    "ALTER INDEX bronze.sampled ALTER COLUMN 1 SET STATISTICS 77",
    "broken": "CREATE INDEX broken ON bronze.src_t (v); "
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'bronze.broken'::regclass",
}


@dataclass(frozen=True, slots=True)
class Found:
    """An index as the catalog has it."""

    oid: int
    looks: tuple[object, ...]


async def indexes(rig: Rig) -> dict[str, Found]:
    """Those of bronze by name: definition, tablespace, comment, whether it is valid."""
    rows = await rig.rows(
        "SELECT x.relname::text, x.oid, pg_get_indexdef(x.oid), x.reltablespace, x.reloptions, "
        "obj_description(x.oid), i.indisvalid FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid "
        "WHERE i.indrelid = 'bronze.src_t'::regclass"
    )
    return {name: Found(oid, tuple(looks)) for name, oid, *looks in rows}


def made_anew(before: Mapping[str, Found], after: Mapping[str, Found]) -> set[str]:
    """The names of indexes that are others by now, and look the same."""
    assert {name: found.looks for name, found in after.items()} == {
        name: found.looks for name, found in before.items()
    }
    return {name for name, found in after.items() if found.oid != before[name].oid}


@asynccontextmanager
async def loaded(
    source_db: Database, target_db: Database, *statements: str, rows: int = FEW, **how: Database
) -> AsyncIterator[Rig]:
    """A table of a few rows that is history, with indexes of somebody else's."""
    async with Rig(source_db, target_db, tables=["t"], **how) as rig:
        await rig.source.execute(TABLE)
        await rig.source.execute(FILL.format(1, rows))
        await rig.succeeds()
        for statement in statements:
            await rig.target.execute(statement)
        yield rig


@pytest.mark.asyncio
async def test_indexes_come_back_as_they_were(source_db: Database, target_db: Database) -> None:
    """Above the ratio all secondary ones are made anew, identical; below it, none is touched."""
    async with loaded(source_db, target_db, *ANYBODYS.values(), *KEPT.values()) as rig:
        before = await indexes(rig)
        await rig.source.execute(FILL.format(FEW + 1, MANY))
        await rig.succeeds()
        after = await indexes(rig)
        assert made_anew(before, after) == {*ANYBODYS, KEY_FROM}
        await rig.mirrors()
        await rig.source.execute(FILL.format(MANY + 1, MORE))
        assert (await rig.succeeds())["t"].counts.inserted >= LEAST_OPENED
        assert await indexes(rig) == after
        await rig.mirrors()


@pytest.mark.asyncio
async def test_an_index_comes_back_to_its_tablespace(
    source_db: Database, target_db: Database
) -> None:
    """Also where the session would put new ones elsewhere by itself."""
    place = f"place_{uuid.uuid4().hex[:12]}"
    async with loaded(source_db, target_db) as rig:
        await rig.target.execute("SET allow_in_place_tablespaces = on")
        await rig.target.execute(f"CREATE TABLESPACE {place} LOCATION ''")
        try:
            await rig.target.execute(
                f"CREATE INDEX placed ON bronze.src_t (v) TABLESPACE {place} WHERE v > 1"
            )
            await rig.target.execute(
                f"ALTER DATABASE {target_db.name} SET default_tablespace = {place}"
            )
            before = await indexes(rig)
            await rig.source.execute(FILL.format(FEW + 1, MANY))
            async with Rig(source_db, target_db, tables=["t"]) as anew:
                await anew.succeeds()
            assert made_anew(before, await indexes(rig)) == {"placed", KEY_FROM}
        finally:
            await rig.target.execute(f"ALTER DATABASE {target_db.name} RESET default_tablespace")
            await rig.target.execute("DROP INDEX IF EXISTS bronze.placed")
            await rig.target.execute(f"DROP TABLESPACE {place}")


@pytest.mark.asyncio
@pytest.mark.parametrize("at", ["DROP INDEX", "CREATE INDEX", "COMMENT ON", "ANALYZE", "COMMIT"])
async def test_a_promote_that_is_cut_leaves_all_as_it_was(
    source_db: Database, target_db: Database, target_proxy: Proxy, at: str
) -> None:
    """Law 7: wherever a rebuild ends, no index is missing and no row is there; then it is done."""
    via = target_db.through(target_proxy.port)
    async with loaded(source_db, target_db, ANYBODYS["said"], target_via=via) as rig:
        before, rows = await indexes(rig), await rig.bronze()
        await rig.source.execute(FILL.format(FEW + 1, MANY))
        armed: list[str] = []
        target_proxy.on_statement("LOCK TABLE ONLY", lambda s: armed.append(s.sql))
        target_proxy.on_statement(lambda s: bool(armed) and at in s.sql, cut())
        assert (await rig.run()).status is Status.FAILED
        assert armed
        assert await indexes(rig) == before
        assert await rig.bronze() == rows
        await rig.succeeds()
        assert made_anew(before, await indexes(rig)) == {"said", KEY_FROM}
        await rig.mirrors()


@pytest.mark.asyncio
async def test_an_index_that_new_rows_break_fails_the_batch_alone(
    source_db: Database, target_db: Database
) -> None:
    """A refused rebuild is rolled back whole, as a refused insert is."""
    picky = "CREATE INDEX picky ON bronze.src_t ((100 / v))"
    async with loaded(source_db, target_db, picky) as rig:
        before, rows = await indexes(rig), await rig.bronze()
        await rig.source.execute(FILL.format(FEW + 1, MANY))
        await rig.source.execute("UPDATE t SET v = 0 WHERE id = 2000")
        outcome = await rig.run()
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "RowRefused")
        assert (await indexes(rig), await rig.bronze()) == (before, rows)


@pytest.mark.asyncio
async def test_a_reader_of_bronze_is_not_in_the_way(
    source_db: Database, target_db: Database
) -> None:
    """While somebody reads the table, a batch waits for nobody and leaves the indexes alone."""
    async with loaded(source_db, target_db) as rig, target_db.connect() as reader:
        before = await indexes(rig)
        await rig.source.execute(FILL.format(FEW + 1, MANY))
        async with reader.transaction():
            await reader.fetch("SELECT FROM bronze.src_t_current LIMIT 1")
            await rig.succeeds()
        assert await indexes(rig) == before
        await rig.mirrors()


@pytest.mark.asyncio
async def test_a_first_load_into_a_table_that_has_indexes(
    source_db: Database, target_db: Database
) -> None:
    """They are made of all rows at once; a table that stays empty keeps those it has (law 5)."""
    async with loaded(source_db, target_db, *ANYBODYS.values(), rows=0) as rig:
        before = await indexes(rig)
        await rig.succeeds()
        assert await indexes(rig) == before
        await rig.source.execute(FILL.format(1, 10))
        await rig.succeeds()
        assert made_anew(before, await indexes(rig)) == {*ANYBODYS, KEY_FROM}
        assert await gathered(rig) == {"id", "_valid_to"}
        await rig.mirrors()


async def gathered(rig: Rig) -> set[str]:
    """Columns of bronze that the planner knows something of."""
    rows = await rig.rows(
        "SELECT attname::text FROM pg_stats WHERE (schemaname, tablename) = ('bronze', 'src_t')"
    )
    return {name for (name,) in rows}


@pytest.mark.asyncio
async def test_statistics_are_there_right_after_a_first_load(
    source_db: Database, target_db: Database
) -> None:
    """The next close need not guess: keys are known to be distinct, and no version to be closed."""
    async with loaded(source_db, target_db) as rig:
        assert await gathered(rig) == {"id", "_valid_to"}
        known = (
            "SELECT n_distinct, null_frac FROM pg_stats WHERE tablename = 'src_t' AND attname = $1"
        )
        assert await rig.rows(known, "id") == [(-1, 0)]
        assert await rig.rows(known, "_valid_to") == [(0, 1)]
        size = "SELECT reltuples FROM pg_class WHERE oid = 'bronze.src_t'::regclass"
        assert await rig.rows(size) == [(FEW,)]


@pytest.mark.asyncio
async def test_statistics_follow_a_rebuild(source_db: Database, target_db: Database) -> None:
    """Most rows are new then: what was known of the others says little."""
    async with loaded(source_db, target_db) as rig:
        await rig.source.execute(FILL.format(FEW + 1, MANY))
        await rig.succeeds()
        size = "SELECT reltuples FROM pg_class WHERE oid = 'bronze.src_t'::regclass"
        assert await rig.rows(size) == [(MANY,)]


@pytest.mark.asyncio
async def test_a_plan_shows_what_is_dropped_and_made_again(
    source_db: Database, target_db: Database
) -> None:
    """Where it would happen, and nothing of it is done."""
    async with loaded(source_db, target_db, ANYBODYS["plain"]) as rig:
        before = await indexes(rig)
        job = Job(table=rig.spec())
        pipeline = rig.app.pipelines["src"]
        assert (await plan(pipeline, job, rig.progress, show_keys=False)).ddl == ()
        await rig.source.execute(FILL.format(FEW + 1, MANY))
        ddl = (await plan(pipeline, job, rig.progress, show_keys=False)).ddl
        assert ddl[:2] == (f'DROP INDEX "bronze"."{KEY_FROM}"', 'DROP INDEX "bronze"."plain"')
        assert [" ".join(statement.split()[:3]) for statement in ddl[2:]] == [
            f"CREATE INDEX {KEY_FROM}",
            "CREATE INDEX plain",
        ]
        assert await indexes(rig) == before


@pytest.mark.asyncio
async def test_only_what_a_role_can_make_again_is_dropped(
    source_db: Database, target_db: Database
) -> None:
    """Somebody who may write a table without owning it rebuilds none of its indexes."""
    role = f"writer_{uuid.uuid4().hex[:12]}"
    async with loaded(source_db, target_db) as rig:
        assert [row[0] for row in await rig.rows(SECONDARY_INDEXES, "bronze", "src_t")] == [
            KEY_FROM
        ]
        await rig.target.execute(f"CREATE ROLE {role}; GRANT ALL ON SCHEMA bronze TO {role}")
        await rig.target.execute(f"GRANT ALL ON bronze.src_t TO {role}; SET ROLE {role}")
        try:
            assert await rig.rows(SECONDARY_INDEXES, "bronze", "src_t") == []
        finally:
            await rig.target.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")
