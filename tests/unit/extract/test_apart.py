"""Rows set apart: counted exactly, listed up to a limit, and forgotten when read again."""

from __future__ import annotations

import polars as pl
import pytest

from cdc_daemon.cdc.row_hash import KEY
from cdc_daemon.extract import apart as module
from cdc_daemon.extract.apart import APART_SCHEMA, UNLISTED, Apart, Left
from cdc_daemon.extract.digests import FEW, PARTS, Digests
from cdc_daemon.extract.landing import Landing
from cdc_daemon.model.rejection import Rejection
from cdc_daemon.ports.flow import SetApart


@pytest.fixture
def apart(tmp_path):
    return Apart(Digests(Landing(tmp_path), APART_SCHEMA, share=10))


def left(*keys: int | None, **other) -> Left:
    known = [key for key in keys if key is not None]
    return Left(
        keys=pl.Series(known, dtype=pl.UInt128),
        rejections=tuple(Rejection(reason="odd", column="V", key=key) for key in keys),
        rejected=len(keys),
        **other,
    )


@pytest.mark.asyncio
async def test_counts_add_up_over_frames(apart):
    """Rejected and filtered rows of all frames; one unknown key is enough."""
    await apart.add(left(1, 2))
    await apart.add(left(3, filtered=4))
    assert not apart.summary().unknown
    await apart.add(left(unknown=True))
    found = apart.summary()
    assert (found.rejected, found.filtered, found.rows, apart.rows) == (3, 4, 7, 7)
    assert found.unknown
    assert sorted(apart.keys.part(0, 1)[KEY]) == [1, 2, 3]


@pytest.mark.asyncio
async def test_beyond_a_limit_rejections_are_only_counted(apart, monkeypatch):
    """Law 11: how many there are is exact, whatever is kept of them, in whichever frame."""
    monkeypatch.setattr(module, "MOST", 3)
    await apart.add(left(1, 2, unlisted=5))
    await apart.add(left(3, 4, 5))
    await apart.add(left(6))
    listed = apart.summary().rejections
    assert [one.key for one in listed] == [1, 2, 3, None]
    assert (listed[-1].reason, listed[-1].rows) == (UNLISTED, 5 + 3)


@pytest.mark.asyncio
async def test_rejections_without_a_key_take_no_room(apart, monkeypatch):
    """They are one by column and reason, with all their rows, however many frames had some."""
    monkeypatch.setattr(module, "MOST", 2)
    for _ in range(5):
        nulls = Rejection(reason="null_key", column="K", rows=10)
        await apart.add(Left(keys=pl.Series([], dtype=pl.UInt128), rejections=(nulls,)))
    await apart.add(left(1, 2))
    assert apart.summary().rejections == (
        Rejection(reason="odd", column="V", key=1),
        Rejection(reason="odd", column="V", key=2),
        Rejection(reason="null_key", column="K", rows=50),
    )


@pytest.mark.asyncio
async def test_what_is_read_again_is_counted_anew(apart):
    """Counts, reasons, keys, and files of keys: nothing of the first reading is left."""
    await apart.add(left(*range(30), None, filtered=2, keyless=1, unlisted=4, unknown=True))
    apart.clear()
    assert apart.summary() == SetApart()
    assert (apart.rows, apart.keyless, apart.keys.rows) == (0, 0, 0)


@pytest.mark.asyncio
async def test_many_keys_fall_into_the_parts_of_their_digests(tmp_path):
    """What is compared with them, a part at a time, finds every one (law 10)."""
    apart = Apart(Digests(Landing(tmp_path), APART_SCHEMA))
    for first in range(0, FEW + 2, 10_000):
        await apart.add(left(filtered=1))
        keys = pl.Series(range(first, first + 10_000), dtype=pl.UInt128)
        await apart.add(Left(keys=keys, filtered=10_000))
    assert apart.keys.parts == PARTS
    assert apart.keys.part(3, PARTS)[KEY].to_list() == list(range(3, 60_000, PARTS))
