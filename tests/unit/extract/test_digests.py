"""Digests: in parts that both sides agree on, in memory or on disk, with their positions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.cdc.compare import CAPTURED_SCHEMA
from cdc_daemon.cdc.row_hash import HASH, KEY
from cdc_daemon.extract import digests as module
from cdc_daemon.extract.digests import FEW, PARTS, Digests
from cdc_daemon.extract.landing import Landing
from cdc_daemon.model.change import POSITION

KEYS = st.integers(0, 2**128 - 1) | st.integers(0, 200)


def frame(keys) -> pl.DataFrame:
    return pl.DataFrame({KEY: keys, HASH: [k // 3 for k in keys]}, schema=CAPTURED_SCHEMA)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(KEYS, max_size=30), max_size=6), st.integers(0, 60))
def test_parts_hold_every_row_once(pieces, share):
    """Whatever is kept in memory or written: each row is in one part, with its position."""

    async def check(folder: Path) -> None:
        found = Digests(Landing(folder, "uncompressed"), CAPTURED_SCHEMA, share)
        for keys in pieces:
            await found.add(frame(keys))
        whole = frame([k for keys in pieces for k in keys]).with_row_index(POSITION)
        assert found.rows == whole.height
        parts = [found.part(n, PARTS) for n in range(PARTS)]
        assert pl.concat(parts).sort(POSITION).equals(whole)
        for n, part in enumerate(parts):
            assert part[KEY].is_in(whole.filter(pl.col(KEY) % PARTS == n)[KEY].implode()).all()

    with TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder)))


@pytest.mark.asyncio
async def test_few_rows_are_one_part_and_touch_no_disk(tmp_path):
    """A small table costs no file, and can still be split as the other side is."""
    few = Digests(Landing(tmp_path), CAPTURED_SCHEMA)
    await few.add(frame([1, 2, 2**127]))
    assert few.parts == 1
    assert few.part(0, 1)[POSITION].to_list() == [0, 1, 2]
    again = pl.concat([few.part(n, PARTS) for n in range(PARTS)])
    assert sorted(again[POSITION]) == [0, 1, 2]
    assert not list(tmp_path.iterdir())


@pytest.mark.asyncio
async def test_many_rows_are_several_parts(tmp_path):
    """Above ``FEW`` rows both sides are compared in parts."""
    many = Digests(Landing(tmp_path), CAPTURED_SCHEMA)
    await many.add(frame(list(range(FEW + 1))))
    assert many.parts == PARTS


@pytest.mark.asyncio
async def test_memory_holds_no_more_than_its_share(tmp_path):
    """Law 11: what is over the share is on disk, not in memory."""
    held = Digests(Landing(tmp_path, "uncompressed"), CAPTURED_SCHEMA, share=100)
    for n in range(50):
        await held.add(frame(list(range(n * 10, n * 10 + 10))))
        assert sum(kept.height for kept in held._kept) <= 100
    assert list(tmp_path.iterdir())


@pytest.mark.asyncio
async def test_what_was_cleared_is_gone(tmp_path):
    """A table that is read again leaves nothing of the first reading."""
    again = Digests(Landing(tmp_path), CAPTURED_SCHEMA, share=2)
    await again.add(frame([1, 2, 3]))
    again.clear()
    await again.add(frame([4]))
    assert again.rows == 1
    assert [again.part(n, PARTS)[KEY].to_list() for n in range(PARTS)][4] == [4]
    assert sum(again.part(n, PARTS).height for n in range(PARTS)) == 1
    assert list(tmp_path.iterdir()) == []
    assert module.SHARE < 10**6
