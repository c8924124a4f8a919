"""Which versions are rewritten: told by the columns whose rules stayed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from cdc_daemon.cdc.row_hash import HASH, row_hash_v1
from cdc_daemon.extract.landing import Landing
from cdc_daemon.memory.control import MemoryControl
from cdc_daemon.memory.target import MemoryTarget, Version
from cdc_daemon.model.change import CLOSES, POSITION, Changes
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.run import Batch, Job
from cdc_daemon.model.window import WHOLE
from cdc_daemon.orchestration.rewriting import rewriting
from cdc_daemon.ports.flow import Begun, History, Landed
from cdc_daemon.schema.types import Integer, Text
from tests.factories import TABLE, make_frame, make_spec, make_table

pytestmark = pytest.mark.asyncio
AT = datetime(2026, 1, 1, tzinfo=UTC)
SHAPE = make_table({"ID": Integer(64), "V": Text(), "N": Integer(64)})
BEFORE = [(1, "clear", 1), (2, "clear", None), (3, "clear", 1)]
NOW = [(3, "masked", 2), (2, "masked", None), (4, "masked", 1), (1, "masked", 1)]


async def rewritten(folder, table) -> list[int]:
    """Positions among ``NOW`` of versions that are rewritten, where only ``V`` has a new rule."""
    landing = Landing(folder)
    for piece in (NOW[:2], NOW[2:]):
        frame = make_frame(table.columns, piece)
        await landing.add(frame.with_columns(row_hash_v1(frame, table.columns).alias(HASH)))
    target = MemoryTarget(MemoryControl())
    target.bronze[TABLE] = tuple(
        Version(
            key=n,
            row={c.target_name: v for c, v in zip(table.columns, row, strict=True)},
            row_hash=n,
            hash_version=1,
            operation="I",
            batch=1,
            valid_from=AT,
        )
        for n, row in enumerate(BEFORE)
    )
    updated = pl.DataFrame({POSITION: [0, 1, 3], CLOSES: [9, 9, 9]}).cast(
        {POSITION: pl.UInt32, CLOSES: pl.UInt128}
    )
    changes = Changes(
        inserted=pl.Series([2], dtype=pl.UInt32),
        updated=updated,
        deleted=updated.clear(),
        unchanged=0,
    )
    begun = Begun(
        job=Job(table=make_spec()),
        batch=Batch(number=2, table=TABLE, window=WHOLE, read_at=AT),
        history=History(state=TableState(table=TABLE), table=table, is_empty=False),
        rules={"V": "mask"},
    )
    landed = Landed(begun=begun, rows=landing, extracted=4, counted=4)
    found = await rewriting(target, landed, changes)
    assert found.inserted.to_list() == [2]
    both = [*found.updated[POSITION], *found.rewritten[POSITION]]
    assert sorted(both) == [0, 1, 3]
    return found.rewritten[POSITION].sort().to_list()


async def test_rows_that_differ_in_nothing_else_are(tmp_path):
    """NULL is equal to NULL; what changed at the source begins a new version (law 4)."""
    assert await rewritten(tmp_path, SHAPE) == [1, 3]


async def test_a_key_that_is_not_hashed_is_still_what_versions_are_found_by(tmp_path):
    """A computed key column is carried and not hashed: it is read nevertheless."""
    columns = (replace(SHAPE.columns[0], hashed=False), *SHAPE.columns[1:])
    assert await rewritten(tmp_path, replace(SHAPE, columns=columns)) == [1, 3]
