"""Real input: the eight tables of TPC-H, twice, proven row by row at both instants."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest

from tests.support import configs, tpch
from tests.support.databases import Database
from tests.support.histories import broken
from tests.support.process import cdc

SEED = 20

_CHANGES = """
    SELECT count(*) FILTER (WHERE _batch_id = $1 AND _operation = 'I'),
        count(*) FILTER (WHERE _batch_id = $1 AND _operation = 'U'),
        count(*) FILTER (WHERE _batch_id = $1 AND _operation = 'R'),
        count(*) FILTER (WHERE _closed_batch_id = $1 AND _closed_by = 'D')
    FROM bronze.src_{}
"""
_STAGED = """
    SELECT count(*) FILTER (WHERE _operation = 'I'), count(*) FILTER (WHERE _operation = 'U'),
        count(*) FILTER (WHERE _operation = 'R'), count(*) FILTER (WHERE _operation = 'D')
    FROM stage.src_{} WHERE _batch_id = $1
"""
_AS_OF = "bronze.src_{} WHERE _valid_from <= $1 AND ($1 < _valid_to OR _valid_to IS NULL)"
_VERSIONS = """
    SELECT count(*), sum(hashtext(format('%s %s %s', ctid, xmin, xmax))::bigint),
        pg_relation_size('{0}')
    FROM {0}
"""
"""What any write changes: where each row lies, and which transactions made and locked it."""


@pytest.mark.parametrize("scale", [0.01, pytest.param(0.1, marks=pytest.mark.long)])
@pytest.mark.asyncio
async def test_two_batches_of_tpch_are_proven_at_both_instants(
    scale: float, source_db: Database, tmp_path: Path
) -> None:
    """Counts are those of the refresh; bronze equals the source as of both batches (law 4)."""
    # source and target schemas share a database, so that the server itself can compare them
    config = configs.write(
        tmp_path / "tpch.yaml",
        source=source_db,
        target=source_db,
        tables=tpch.KEYS,
        landing=tmp_path / "landing",
    )
    async with source_db.connect() as connection:
        await tpch.create(connection, scale)
        first = await _batch(config, connection)
        for table in tpch.KEYS:
            rows = await connection.fetchval(f"SELECT count(*) FROM {table}")
            assert tuple(await connection.fetchrow(_CHANGES.format(table), first[table])) == (
                *(rows, 0, 0, 0),
            )
            assert await connection.fetchval(f"SELECT count(*) FROM stage.src_{table}") == 0

        await _keep_copy(connection, "before")
        refreshed = await tpch.refresh(connection, SEED)
        second = await _batch(config, connection)
        for table, counts in refreshed.items():
            expected = (counts.inserted, counts.updated, 0, counts.deleted)
            for sql in (_CHANGES, _STAGED):
                found = await connection.fetchrow(sql.format(table), second[table])
                assert tuple(found) == expected, table

        written = await _written(connection)
        third = await _batch(config, connection)
        after = await _written(connection)
        assert [row[:-1] for row in after] == [row[:-1] for row in written]  # law 5
        for (*_, size), (*_, before) in zip(after, written, strict=True):
            assert size <= before  # autovacuum may cut a table, nobody may make it grow
        await _proven(connection, (("before", first), ("public", second), ("public", third)))
        for table, key in tpch.KEYS.items():
            assert await broken(connection, table, key) == []


async def _batch(config: Path, connection: asyncpg.Connection) -> dict[str, int]:
    """Runs the command; the batch that it promoted of each table."""
    ended = await asyncio.to_thread(cdc, ["once", "--config", str(config)], timeout=600)
    assert ended.returncode == 0, ended
    rows = await connection.fetch("SELECT table_name, max(batch_id) FROM cdc.batch GROUP BY 1")
    assert {table for table, _ in rows} == set(tpch.KEYS)
    assert await connection.fetchval("SELECT every(status = 'promoted') FROM cdc.batch")
    return dict(map(tuple, rows))


async def _keep_copy(connection: asyncpg.Connection, schema: str) -> None:
    await connection.execute(f"CREATE SCHEMA {schema}")
    for table in tpch.KEYS:
        await connection.execute(f"CREATE TABLE {schema}.{table} AS TABLE public.{table}")


async def _written(connection: asyncpg.Connection) -> list[tuple[object, ...]]:
    names = [f"{schema}.src_{table}" for schema in ("bronze", "stage") for table in tpch.KEYS]
    return [(n, *await connection.fetchrow(_VERSIONS.format(n))) for n in names]


async def _proven(
    connection: asyncpg.Connection, copies: Sequence[tuple[str, dict[str, int]]]
) -> None:
    """Bronze as of each batch, and at the end the view, against what the source had then."""
    for table in tpch.KEYS:
        for schema, batches in copies:
            instant = await connection.fetchval(
                "SELECT instant FROM cdc.batch WHERE batch_id = $1", batches[table]
            )
            as_of = _AS_OF.format(table).replace("$1", f"'{instant.isoformat()}'::timestamptz")
            await _equal(connection, f"{schema}.{table}", as_of)
        await _equal(connection, table, f"bronze.src_{table}_current")


async def _equal(connection: asyncpg.Connection, source: str, bronze: str) -> None:
    """The same rows, compared as text: what types would blur (1.5 and 1.50, padding) counts."""
    columns = await connection.fetch(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::text::regclass "
        "AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        source,
    )
    row = f"ROW({', '.join(name for (name,) in columns)})::text"
    here, there = f"SELECT {row} FROM {source}", f"SELECT {row} FROM {bronze}"
    for missing in (f"{here} EXCEPT ALL {there}", f"{there} EXCEPT ALL {here}"):
        assert await connection.fetchval(f"SELECT count(*) FROM ({missing}) AS missing") == 0, (
            bronze
        )
