"""TPC-H as the tests use it."""

from __future__ import annotations

from csv import DictReader

import asyncpg
import pytest

from tests.support import tpch
from tests.support.databases import Database

SCALE = 0.001


async def _contents(connection: asyncpg.Connection, schema: str) -> dict[str, dict]:
    """All rows of all tables by key."""
    found = {}
    for table, key in tpch.KEYS.items():
        rows = await connection.fetch(f"SELECT * FROM {schema}.{table}")
        found[table] = {tuple(row[name] for name in key): tuple(row) for row in rows}
    return found


@pytest.mark.asyncio
async def test_tables_hold_what_the_generator_made(source_db: Database) -> None:
    """Every table has the keys of its file, none twice, and exact decimals."""
    async with source_db.connect() as connection:
        await tpch.create(connection, SCALE)
        contents = await _contents(connection, "public")
        for table, rows in contents.items():
            with (tpch.generate(SCALE) / f"{table}.csv").open(newline="") as file:
                made = {tuple(line[name] for name in tpch.KEYS[table]) for line in DictReader(file)}
            assert {tuple(map(str, key)) for key in rows} == made
        typed = await connection.fetchval(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = 'lineitem'::regclass AND attname = 'l_extendedprice'"
        )
        assert typed == "numeric(15,2)"


@pytest.mark.asyncio
async def test_refresh_does_what_it_reports(source_db: Database) -> None:
    """The counts returned equal the differences between the tables before and after."""
    async with source_db.connect() as connection:
        await tpch.create(connection, SCALE, schema="tpch")
        for seed in (1, 2):
            before = await _contents(connection, "tpch")
            counts = await tpch.refresh(connection, seed, share=0.05, schema="tpch")
            after = await _contents(connection, "tpch")
            for table in tpch.KEYS:
                old, new = before[table], after[table]
                kept = old.keys() & new.keys()
                assert counts[table] == tpch.Counts(
                    inserted=len(new.keys() - old.keys()),
                    updated=sum(old[key] != new[key] for key in kept),
                    deleted=len(old.keys() - new.keys()),
                )
            assert counts["lineitem"].inserted > counts["orders"].inserted > 0
            assert counts["lineitem"].deleted > counts["orders"].deleted > 0


@pytest.mark.asyncio
async def test_refresh_is_deterministic(source_db: Database, target_db: Database) -> None:
    """The same scale and seed give the same rows in another database."""
    contents = []
    for database in (source_db, target_db):
        async with database.connect() as connection:
            await tpch.create(connection, SCALE)
            await tpch.refresh(connection, seed=7)
            contents.append(await _contents(connection, "public"))
    assert contents[0] == contents[1]
