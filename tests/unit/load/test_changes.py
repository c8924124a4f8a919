"""The rows that promote loads: each changed row once, with what it does and what it closes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal as Number

import polars as pl
import pytest

from cdc_daemon.cdc.row_hash import CURRENT, HASH
from cdc_daemon.load.changes import (
    CHANGE_COLUMNS,
    VERSION_COLUMNS,
    arriving_of,
    changed_rows,
    counts,
    first_versions,
)
from cdc_daemon.ports.flow import SetApart

SAME = ("same", 1, date(2000, 1, 1), Number("1.50"), "{}")
OLD = ("changed", 2, date(2000, 1, 2), Number("2.00"), None)
NEW = ("changed", 2, date(2000, 1, 2), Number("2.01"), None)
ADDED = ("added", 3, None, None, "[]")
BACK = ("back", 4, date.max, Number("-0.01"), '""')
GONE = ("gone", 5, date.min, Number("9.99"), "null")
AT = datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=UTC)


async def all_of(frames) -> pl.DataFrame:
    return pl.concat([frame async for frame in frames])


@pytest.mark.asyncio
async def test_each_change_is_loaded_with_its_operation(situation):
    """I, U, R and D rows appear once each; what did not change does not appear."""
    captured = [[ADDED, SAME], [NEW, BACK]]
    compared = await situation.compared(captured, [[SAME, GONE], [OLD]], reopened=[3])
    loaded = await all_of(changed_rows(compared))
    names = situation.table.by_name["NAME"].field
    assert dict(loaded.select(names, "_operation").iter_rows()) == {
        "added": "I",
        "changed": "U",
        "back": "R",
        "gone": "D",
    }
    assert loaded.height == 4


@pytest.mark.asyncio
async def test_opened_rows_are_whole_and_carry_their_hash(situation):
    """A row opens with every value as captured, and with the hash it was compared by."""
    captured = [[ADDED, SAME], [NEW, BACK]]
    compared = await situation.compared(captured, [[SAME, GONE], [OLD]], reopened=[3])
    loaded = await all_of(changed_rows(compared))
    opened = loaded.filter(pl.col("_operation") != "D")
    fields = [column.field for column in situation.table.columns]
    assert opened.select(fields).rows() == [ADDED, NEW, BACK]
    assert opened[HASH].to_list() == situation.hashes([ADDED, NEW, BACK])


@pytest.mark.asyncio
async def test_only_updates_and_deletes_close_and_by_the_hash_seen(situation):
    """Closing names the hash of the very version that was compared (law 2)."""
    captured = [[ADDED, SAME], [NEW, BACK]]
    compared = await situation.compared(captured, [[SAME, GONE], [OLD]], reopened=[3])
    loaded = await all_of(changed_rows(compared))
    old, gone = situation.hashes([OLD, GONE])
    assert dict(loaded.select("_operation", "_closes").iter_rows()) == {
        "I": None,
        "U": old,
        "R": None,
        "D": gone,
    }


@pytest.mark.asyncio
async def test_deletes_carry_their_key_and_nothing_else(situation):
    """A deleted row is known by its key; the rest is NULL, in the carriers of the table."""
    compared = await situation.compared([[SAME]], [[GONE, SAME], [OLD]])
    loaded = await all_of(changed_rows(compared))
    fields = [column.field for column in situation.table.columns]
    assert loaded.select(fields).rows() == [
        ("gone", 5, None, None, None),
        ("changed", 2, None, None, None),
    ]
    assert loaded[HASH].to_list() == [None, None]
    assert loaded.columns == [*fields, *CHANGE_COLUMNS]


@pytest.mark.asyncio
async def test_all_pieces_are_of_one_schema(situation):
    """Opened and deleted rows go through one COPY, so their types are the same."""
    compared = await situation.compared([[SAME, ADDED], [NEW]], [[GONE], [OLD, SAME]])
    frames = [frame async for frame in changed_rows(compared)]
    assert len(frames) > 1
    schema = {column.field: column.carrier for column in situation.table.columns}
    schema |= {"_operation": pl.String(), HASH: pl.UInt128(), "_closes": pl.UInt128()}
    assert all(dict(frame.schema) == schema for frame in frames)


@pytest.mark.asyncio
async def test_keys_swapped_between_rows_are_updates(situation):
    """Rows that exchange their values change both keys, and each closes its own version."""
    one, two = ("a", 1, None, Number(1), "x"), ("a", 2, None, Number(2), "y")
    crossed = [("a", 1, None, Number(2), "y"), ("a", 2, None, Number(1), "x")]
    compared = await situation.compared([crossed], [[two, one]])
    loaded = await all_of(changed_rows(compared))
    assert loaded["_operation"].to_list() == ["U", "U"]
    assert loaded["_closes"].to_list() == situation.hashes([one, two])


@pytest.mark.asyncio
async def test_nothing_changed_loads_nothing(situation):
    """An unchanged table gives no row to load (law 5)."""
    compared = await situation.compared([[SAME], [OLD]], [[OLD, SAME]])
    assert [frame async for frame in changed_rows(compared)] == []


@pytest.mark.asyncio
async def test_first_versions_are_all_rows_with_their_version_columns(situation):
    """A first load opens every landed row at one instant, in the order it was read."""
    rows = [[ADDED, SAME], [], [NEW]]
    compared = await situation.compared(rows, first=True)
    loaded = await all_of(first_versions(arriving_of(compared), AT))
    fields = [column.field for column in situation.table.columns]
    assert loaded.columns == [*fields, *VERSION_COLUMNS]
    assert loaded.select(fields).rows() == [ADDED, SAME, NEW]
    assert loaded[HASH].to_list() == situation.hashes([ADDED, SAME, NEW])
    constant = loaded.drop(*fields, HASH).unique()
    assert constant.rows() == [(AT, True, "I", CURRENT, 7)]
    assert loaded.schema["_valid_from"] == pl.Datetime("us", "UTC")
    assert (loaded.schema["_hash_version"], loaded.schema["_batch_id"]) == (pl.Int16, pl.Int64)


@pytest.mark.asyncio
async def test_a_rewrite_is_loaded_with_the_hash_it_replaces(situation):
    """Whole, as an update is; and it counts apart."""
    compared = await situation.compared([[ADDED, SAME], [NEW]], [[SAME, OLD]])
    same = compared.changes.updated["_position"]
    compared = replace(compared, changes=compared.changes.rewriting(same))
    loaded = await all_of(changed_rows(compared))
    by_name = {row[0]: row for row in loaded.select("c0", "_operation", HASH, "_closes").rows()}
    assert by_name["changed"][1:] == ("W", *situation.hashes([NEW]), *situation.hashes([OLD]))
    found = counts(compared)
    assert (found.rewritten, found.updated, found.opened, found.closed) == (1, 0, 1, 0)


@pytest.mark.asyncio
async def test_a_first_load_leaves_refused_rows_out_and_counts_them(situation):
    """Law 6: extracted is what is inserted, what is quarantined and what is filtered."""
    compared = await situation.compared([[ADDED, SAME], [NEW]], first=True)
    apart = SetApart(rejected=2, filtered=4)
    compared = replace(
        compared,
        landed=replace(compared.landed, extracted=3 + 6, apart=apart),
        refused=pl.Series([1], dtype=pl.UInt32),
    )
    loaded = await all_of(first_versions(arriving_of(compared), AT))
    assert loaded["c0"].to_list() == ["added", "changed"]
    found = await arriving_of(compared).verdict()
    assert (found.extracted, found.inserted, found.quarantined, found.filtered) == (9, 2, 3, 4)
