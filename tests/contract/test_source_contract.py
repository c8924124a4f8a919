"""``ports.source``: snapshots of tables, whatever serves them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest

from cdc_daemon.errors import DatabaseUnavailable, TableNotFound
from cdc_daemon.model.table import TableSpec
from cdc_daemon.ports.source import Reading
from tests.contract.engines.base import WIDE, Engine, Row, Specs

pytestmark = pytest.mark.asyncio

ROWS: list[Row] = [
    ("a", "bc", "x", 1, Decimal("1.50")),
    ("ab", "c", "", -(2**63), Decimal("-0.01")),
    ("é", "🦆\t\n\x1f", None, None, None),
]


async def _rows(reading: Reading) -> list[Row]:
    frames = [frame async for frame in reading.batches(reading.table.columns)]
    return sorted(row for frame in frames for row in frame.rows())


@pytest.fixture
def spec(specs: Specs) -> TableSpec:
    """A table of the test's own."""
    return specs.fresh()


async def test_a_reading_gives_the_rows_as_they_are(engine: Engine, spec: TableSpec) -> None:
    """Law 6: every value arrives as it is: NULL and '' apart, numbers exact, text untouched."""
    await engine.create(spec, WIDE)
    await engine.put(spec, ROWS)
    async with engine.source.read(spec) as reading:
        assert await _rows(reading) == sorted(ROWS)


async def test_frames_are_in_carriers_under_fields(engine: Engine, spec: TableSpec) -> None:
    """Columns are named ``c0`` … in catalog order and have the carrier of their logical type."""
    await engine.create(spec, WIDE)
    await engine.put(spec, ROWS)
    async with engine.source.read(spec) as reading:
        columns = reading.table.columns
        frames = [frame async for frame in reading.batches(columns)]
    assert [c.field for c in columns] == [f"c{n}" for n in range(len(columns))]
    assert frames
    for frame in frames:
        assert frame.schema == pl.Schema({c.field: c.carrier for c in columns})


async def test_a_reading_describes_the_table(engine: Engine, spec: TableSpec) -> None:
    """Names, logical types and key are those of the source's catalog, in its order."""
    await engine.create(spec, WIDE)
    async with engine.source.read(spec) as reading:
        assert {c.name: c.type for c in reading.table.columns} == engine.described(WIDE)
        assert reading.table.key == WIDE.key
        assert reading.table.snapshot


async def test_a_column_is_carried_as_text_on_request(engine: Engine, spec: TableSpec) -> None:
    """A number whose column is read again as text is the number's digits."""
    await engine.create(spec, WIDE)
    await engine.put(spec, ROWS[:1])
    async with engine.source.read(spec) as reading:
        text = [replace(c, as_text=True) if c.name == "m" else c for c in reading.table.columns]
        frames = [frame async for frame in reading.batches(text)]
    assert [row[-1] for frame in frames for row in frame.rows()] == ["1.50"]


async def test_count_and_rows_are_of_one_snapshot(engine: Engine, spec: TableSpec) -> None:
    """Law 10: what is written after the snapshot opened is in neither the count nor the rows."""
    await engine.create(spec, WIDE)
    await engine.put(spec, ROWS)
    async with engine.source.read(spec) as reading:
        await engine.put(spec, ROWS[:1])
        assert await reading.count() == len(ROWS)
        assert await _rows(reading) == sorted(ROWS)
    async with engine.source.read(spec) as reading:
        assert await reading.count() == 1


async def test_rows_can_be_read_again_in_one_snapshot(engine: Engine, spec: TableSpec) -> None:
    """A value that did not fit is found by reading again: the second time gives the same rows."""
    await engine.create(spec, WIDE)
    await engine.put(spec, ROWS)
    async with engine.source.read(spec) as reading:
        first = await _rows(reading)
        await engine.put(spec, [])
        assert await _rows(reading) == first


async def test_an_empty_table_is_read(engine: Engine, spec: TableSpec) -> None:
    """No rows are no error."""
    await engine.create(spec, WIDE)
    async with engine.source.read(spec) as reading:
        assert await reading.count() == 0
        assert await _rows(reading) == []


async def test_a_reading_that_is_left_in_the_middle_ends(engine: Engine, spec: TableSpec) -> None:
    """A reader that stops after some rows, or fails, leaves nothing behind in the next's way."""
    await engine.create(spec, WIDE)
    await engine.put(spec, ROWS)
    with suppress(LookupError):
        async with engine.source.read(spec) as reading:
            batches = reading.batches(reading.table.columns)
            await anext(batches)
            await batches.aclose()
            raise LookupError
    await engine.add_column(spec, "later")
    async with engine.source.read(spec) as reading:
        assert await reading.count() == len(ROWS)


async def test_the_table_as_it_is_now_is_the_same(engine: Engine, spec: TableSpec) -> None:
    """Nothing changed: the description after the last row equals the one before the first."""
    await engine.create(spec, WIDE)
    async with engine.source.read(spec) as reading:
        await _rows(reading)
        assert await reading.table_now() == reading.table


async def test_a_new_column_shows_in_the_next_reading(engine: Engine, spec: TableSpec) -> None:
    """The catalog is read afresh each time; a new column comes last and is NULL."""
    await engine.create(spec, WIDE)
    await engine.put(spec, ROWS)
    async with engine.source.read(spec) as reading:
        before = reading.table
    await engine.add_column(spec, "later")
    async with engine.source.read(spec) as reading:
        assert reading.table != before
        assert [c.name for c in reading.table.columns] == [*WIDE.types, "later"]
        assert [row[-1] for row in await _rows(reading)] == [None] * len(ROWS)


async def test_a_table_that_is_not_there_is_named(engine: Engine, spec: TableSpec) -> None:
    """``TableNotFound`` names the table, before anything is read."""
    with pytest.raises(TableNotFound, match=str(spec.id)):
        async with engine.source.read(spec):
            pytest.fail("there is nothing to read")


async def test_a_database_that_is_down_says_so(engine: Engine, spec: TableSpec) -> None:
    """Law 8: a database that cannot be reached is ``DatabaseUnavailable``, asked or read."""
    await engine.source.ping()
    with pytest.raises(DatabaseUnavailable):
        await engine.unreachable.ping()
    with pytest.raises(DatabaseUnavailable):
        async with engine.unreachable.read(spec):
            pytest.fail("there is nothing to read")
