"""Names and shapes of tables: whatever PostgreSQL lets a table be called, and how it may change."""

from __future__ import annotations

import pytest

from cdc_daemon.model.change import Counts
from cdc_daemon.model.run import Status
from tests.support.databases import Database
from tests.support.rig import Rig, table

NAMES = (
    *("order", "select", 'a"b', '""', "a'b", "a\\b", "a b", " ", "a.b", "a;b", "a--b", "/*", "%s"),
    *(
        "$1",
        "{0}",
        "{control}",
        "Mixed",
        "MIXED",
        "Ünï😀",
        "ß",
        "\t",
        "a\nb",
        "1",
        "9e9",
        "\u00e9",
        "e\u0301",
    ),
    *("_valid_from", "_valid_to", "_is_current", "_operation", "_closed_by", "_row_hash"),
    *("_hash_version", "_batch_id", "_closed_batch_id", "_changed_at", "_position", "_closes"),
    *(
        "_valid_from_src",
        "_valid_from_src_src",
        "_key_digest",
        "_later",
        "_x",
        "c0",
        "c1",
        "b",
        "l",
    ),
    *("x" * 63, "é" * 31, "x" * 62 + "y", "landed", "opened", "literal", "count", "length"),
)
KEY_NAMES = tuple(
    name for name in NAMES if name.startswith("_") or name in {"order", 'a"b', "l", "c1"}
)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def grows_and_shrinks(rig: Rig, relation: str, key: str) -> None:
    """Three batches that use every statement there is, each mirrored."""
    await rig.succeeds()
    await rig.mirrors()
    await rig.source.execute(f"DELETE FROM {relation} WHERE {key} = '1'")
    await rig.source.execute(f"INSERT INTO {relation} ({key}) VALUES ('3')")
    (outcome,) = (await rig.succeeds()).values()
    assert outcome.counts == Counts(extracted=2, inserted=1, deleted=1, unchanged=1)
    await rig.mirrors()
    await rig.source.execute(f"INSERT INTO {relation} ({key}) VALUES ('1')")
    (outcome,) = (await rig.succeeds()).values()
    assert outcome.counts is not None
    assert (outcome.counts.reopened, outcome.counts.inserted) == (1, 0)
    await rig.mirrors()


@pytest.mark.asyncio
async def test_columns_may_have_any_name(source_db: Database, target_db: Database) -> None:
    """Reserved words, quotes, Unicode, our own columns' names: carried, changed and looked up."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        made = ", ".join(f"{quoted(name)} text" for name in NAMES)
        values = ", ".join(f"'{n}'" for n in range(len(NAMES)))
        await rig.source.execute(
            f"CREATE TABLE t (id text PRIMARY KEY, {made});"
            f"INSERT INTO t VALUES ('1', {values}), ('2', {values})"
        )
        await grows_and_shrinks(rig, "t", "id")
        await rig.source.execute(
            f"UPDATE t SET {', '.join(f'{quoted(name)} = $${name}$$' for name in NAMES)} WHERE id = '2'"
        )
        assert (await rig.succeeds())["t"].counts == Counts(extracted=3, updated=1, unchanged=2)
        await rig.mirrors()
        kept = await rig.rows("SELECT \"_valid_from_src\" FROM bronze.src_t_current WHERE id = '2'")
        assert kept == [("_valid_from",)]


@pytest.mark.asyncio
async def test_key_columns_may_have_any_name(source_db: Database, target_db: Database) -> None:
    """Such names as the whole key, one table each: also where keys are looked up."""
    specs = [table(f"t{n}", key=(name,)) for n, name in enumerate(KEY_NAMES)]
    async with Rig(source_db, target_db, tables=specs) as rig:
        for n, name in enumerate(KEY_NAMES):
            await rig.source.execute(
                f"CREATE TABLE t{n} ({quoted(name)} text, v int); INSERT INTO t{n} VALUES ('1')"
            )
        await rig.succeeds()
        for n in range(len(KEY_NAMES)):
            await rig.source.execute(f"INSERT INTO t{n} VALUES ('2', 1); UPDATE t{n} SET v = 1")
        failed = {
            KEY_NAMES[int(outcome.table.name[1:])]: outcome.error
            for outcome in (await rig.once()).values()
            if outcome.status is not Status.SUCCEEDED
        }
        assert failed == {}
        await rig.mirrors()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ('s"p', 'a"b'),
        ("Schéma 😀", "order"),
        ("a.b", "c.d"),
        ("public", "x" * 63),
        ("x" * 63, "É" * 31),
        ("%s", "_cdc_load"),
        ("pg", "$1;--"),
    ],
    ids=range(7),
)
async def test_tables_and_schemas_may_have_any_name(
    source_db: Database, target_db: Database, schema: str, name: str
) -> None:
    """Names are quoted wherever they go: reading, history, feed, view and indexes."""
    relation = f"{quoted(schema)}.{quoted(name)}"
    async with Rig(source_db, target_db, tables=[table(name, schema=schema)]) as rig:
        await rig.source.execute(
            f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)};"
            f"CREATE TABLE {relation} (id text PRIMARY KEY, v int);"
            f"INSERT INTO {relation} VALUES ('1', 1), ('2', 2)"
        )
        await grows_and_shrinks(rig, relation, "id")
        state = await rig.rows("SELECT source, schema_name, table_name, epoch FROM cdc.table_state")
        assert state == [("src", schema, name, 3)]


@pytest.mark.asyncio
async def test_four_hundred_columns(source_db: Database, target_db: Database) -> None:
    """A wide table is carried whole, and a change in its last column is one version."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        made = ", ".join(f"c{n} {('int', 'text', 'numeric')[n % 3]}" for n in range(400))
        values = ", ".join("g" if n % 3 != 1 else "g::text" for n in range(400))
        await rig.source.execute(
            f"CREATE TABLE t (id int PRIMARY KEY, {made});"
            f"INSERT INTO t SELECT g, {values} FROM generate_series(1, 50) g"
        )
        await rig.succeeds()
        await rig.source.execute("UPDATE t SET c399 = 0 WHERE id = 7")
        assert (await rig.succeeds())["t"].counts == Counts(extracted=50, updated=1, unchanged=49)
        await rig.mirrors()


@pytest.mark.asyncio
async def test_column_order_means_nothing(source_db: Database, target_db: Database) -> None:
    """T15: a table made anew with its columns in another order gives no version."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute(
            "CREATE TABLE t (id int PRIMARY KEY, a text, b numeric(5,2), c date);"
            "INSERT INTO t VALUES (1, 'x', 1.5, '2024-01-01'), (2, NULL, NULL, NULL)"
        )
        await rig.succeeds()
        await rig.source.execute(
            "ALTER TABLE t RENAME TO old; CREATE TABLE t (c date, b numeric(5,2), id int, a text);"
            "INSERT INTO t SELECT c, b, id, a FROM old; ALTER TABLE t ADD PRIMARY KEY (id)"
        )
        assert (await rig.succeeds())["t"].counts == Counts(extracted=2, unchanged=2)
        await rig.source.execute("UPDATE t SET a = 'y' WHERE id = 1")
        assert (await rig.succeeds())["t"].counts == Counts(extracted=2, updated=1, unchanged=1)
        await rig.mirrors()


@pytest.mark.asyncio
async def test_a_column_dropped_and_made_again_unseen(
    source_db: Database, target_db: Database
) -> None:
    """A column that went to the end between two batches, with its values, gives no version."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute(
            "CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t VALUES (1, 2, 3)"
        )
        await rig.succeeds()
        await rig.source.execute(
            "ALTER TABLE t DROP a; ALTER TABLE t ADD a int; UPDATE t SET a = 2"
        )
        assert (await rig.succeeds())["t"].counts == Counts(extracted=1, unchanged=1)


@pytest.mark.asyncio
async def test_a_new_column_is_added_without_versions(
    source_db: Database, target_db: Database
) -> None:
    """It is NULL for what came before, in bronze, stage and view; its first values are updates."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute(
            "CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 1), (2, 2)"
        )
        await rig.succeeds()
        await rig.source.execute('ALTER TABLE t ADD "_row_hash" text, ADD n numeric(9,3)')
        assert (await rig.succeeds())["t"].counts == Counts(extracted=2, unchanged=2)
        assert await rig.rows("SELECT * FROM bronze.src_t_current ORDER BY id") == [
            (1, 1, None, None),
            (2, 2, None, None),
        ]
        await rig.source.execute("UPDATE t SET n = 1.5 WHERE id = 1; DELETE FROM t WHERE id = 2")
        outcome = (await rig.succeeds())["t"]
        assert outcome.counts == Counts(extracted=1, updated=1, deleted=1)
        assert [(v["n"], v["_closed_by"]) for v in await rig.bronze()] == [
            (None, "U"),
            (None, "D"),
            ("1.500", None),
        ]
        await rig.mirrors()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE t DROP a", "gone: a"),
        ("ALTER TABLE t RENAME a TO z", "gone: a"),
        ("ALTER TABLE t ALTER a TYPE text", "a (integer in the history, text now)"),
        ("ALTER TABLE t ALTER a TYPE bigint", "a (integer in the history, bigint now)"),
        ("ALTER TABLE t ALTER v TYPE varchar(9)", "v (character varying(20) in the history"),
        ("ALTER TABLE t ALTER id TYPE text", "id (integer in the history, text now)"),
    ],
)
async def test_what_history_cannot_absorb_stops_the_table(
    source_db: Database, target_db: Database, change: str, named: str
) -> None:
    """T15: a column gone or of another type stops the table, by name, before anything is written."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute(
            "CREATE TABLE t (id int PRIMARY KEY, a int, v varchar(20)); INSERT INTO t VALUES (1, 1)"
        )
        await rig.succeeds()
        before = await rig.bronze()
        await rig.source.execute(change)
        outcome = await rig.run()
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "IncompatibleChange")
        assert named in (outcome.error or "")
        assert "target_table" in (outcome.remedy or "")
        assert outcome.held
        assert await rig.bronze() == before


@pytest.mark.asyncio
async def test_a_changed_key_is_refused(source_db: Database, target_db: Database) -> None:
    """A history is of one key: with another one, configured or discovered, the table stops."""
    async with Rig(source_db, target_db, tables=["t", "u"]) as rig:
        await rig.source.execute(
            "CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL); INSERT INTO t VALUES (1, 1);"
            "CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1)"
        )
        await rig.succeeds()
        before = await rig.bronze("t"), await rig.bronze("u")
        rig.change("t", key=("id", "a"))
        await rig.source.execute(
            "ALTER TABLE u DROP CONSTRAINT u_pkey, ADD x int DEFAULT 1, ADD PRIMARY KEY (id, x)"
        )
        outcomes = await rig.once()
        assert {o.status for o in outcomes.values()} == {Status.FAILED}
        assert "(id, a)" in (outcomes["t"].error or "")
        assert "key has a new column x" in (outcomes["u"].error or "")
        for outcome in outcomes.values():
            assert "target_table" in (outcome.remedy or "")
        assert (await rig.bronze("t"), await rig.bronze("u")) == before


@pytest.mark.asyncio
async def test_a_new_history_under_another_name(source_db: Database, target_db: Database) -> None:
    """The remedy of a refused change works: another ``target_table`` begins a history anew."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
        await rig.succeeds()
        await rig.source.execute("ALTER TABLE t ALTER id TYPE bigint")
        assert (await rig.run()).error_kind == "IncompatibleChange"
        again = table("t", bronze="src_t_2")
        rig.change("t", bronze=again.bronze, stage=again.stage)
        await rig.app.states.release(again.id)
        assert (await rig.succeeds())["t"].counts == Counts(extracted=1, inserted=1)
        await rig.mirrors()
