"""Rows on local disk: found again by position, whole or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.errors import LandingFailed
from cdc_daemon.extract.landing import FILE, Landing
from cdc_daemon.model.change import POSITION


def frame(start, height):
    return pl.DataFrame({"c0": [f"row {n}" for n in range(start, start + height)]})


async def filled(folder, sizes) -> Landing:
    landing = Landing(folder)
    for size in sizes:
        await landing.add(frame(landing.rows, size))
    return landing


async def taken(rows) -> list[tuple[int, str]]:
    return [row async for piece in rows for row in piece.select(POSITION, "c0").iter_rows()]


def expected(positions):
    return [(n, f"row {n}") for n in positions]


@pytest.mark.asyncio
@pytest.mark.parametrize("sizes", [[], [0], [3], [3, 2], [0, 3, 0, 0, 2, 0]])
async def test_positions_run_across_files(tmp_path, sizes):
    """Every row comes back once, in order, with its position; empty batches take none."""
    landing = await filled(tmp_path, sizes)
    assert landing.rows == sum(sizes)
    assert await taken(landing.all()) == expected(range(sum(sizes)))
    assert landing.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 7), max_size=6), st.data())
def test_any_sorted_positions_can_be_taken(sizes, data):
    """The rows at given positions, and no others, wherever the files end."""
    wanted = st.sets(st.integers(0, sum(sizes) - 1)) if sum(sizes) else st.just(set())
    positions = sorted(data.draw(wanted))
    dtype = data.draw(st.sampled_from([pl.UInt32, pl.UInt64, pl.Int64]))

    async def check(folder):
        landing = await filled(Path(folder), sizes)
        assert await taken(landing.take(pl.Series(positions, dtype=dtype))) == expected(positions)

    with TemporaryDirectory() as folder:
        asyncio.run(check(folder))


@pytest.mark.asyncio
async def test_pieces_that_hold_nothing_wanted_are_not_read(tmp_path):
    """Taking rows costs what the change costs, not the table (law 11)."""
    landing = await filled(tmp_path, [5, 5, 5])
    written = bytearray((tmp_path / FILE).read_bytes())
    third = len(written) // 3
    written[third : 2 * third] = b"x" * third  # the piece in the middle
    (tmp_path / FILE).write_bytes(written)
    assert await taken(landing.take(pl.Series([0, 4, 10, 14], dtype=pl.UInt32))) == expected(
        [0, 4, 10, 14]
    )


@pytest.mark.asyncio
async def test_every_value_comes_back_as_it_was(tmp_path):
    """Files keep carriers and values exactly (law 6)."""
    rows = pl.DataFrame(
        {
            "c0": pl.Series([2**31 - 1, -(2**31), None], dtype=pl.Int32).cast(pl.Date),
            "c1": pl.Series(["", None, "\x00\t😀"]),
            "c2": pl.Series([b"", None, b"\x00\xff"]),
            "c3": pl.Series([0, 2**128 - 1, None], dtype=pl.UInt128),
            "c4": pl.Series([1, None, -1]).cast(pl.Decimal(38, 38), strict=False),
            "c5": pl.Series([2**63 - 1, -(2**63), None]).cast(pl.Datetime("us", "UTC")),
        }
    )
    landing = Landing(tmp_path)
    await landing.add(rows)
    (back,) = [piece async for piece in landing.all()]
    assert back.drop(POSITION).equals(rows)
    assert back.drop(POSITION).schema == rows.schema


@pytest.mark.asyncio
async def test_a_cleared_landing_begins_again(tmp_path):
    """A table that is read again leaves nothing of the first reading."""
    landing = await filled(tmp_path, [5, 5])
    landing.clear()
    assert (landing.rows, landing.bytes, list(tmp_path.iterdir())) == (0, 0, [])
    assert await taken(landing.all()) == []
    await landing.add(frame(0, 2))
    assert await taken(landing.all()) == expected(range(2))


@pytest.mark.asyncio
async def test_a_full_disk_is_said_in_words(tmp_path):
    """Where no byte can be written, folder and reason are named, and no row counts (law 9)."""
    (tmp_path / FILE).symlink_to("/dev/full")
    landing = Landing(tmp_path)
    with pytest.raises(LandingFailed) as caught:
        await landing.add(frame(0, 100))
    assert str(tmp_path.parent) in str(caught.value)
    assert "No space left on device" in str(caught.value)
    assert "row 1" not in str(caught.value)
    assert landing.rows == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("damage", [b"", b"junk", None])
async def test_a_file_that_cannot_be_read_again_fails_the_batch(tmp_path, damage):
    """A damaged or missing file is an error that names the place, never rows that are absent."""
    landing = await filled(tmp_path, [3])
    path = tmp_path / FILE
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(LandingFailed, match=str(tmp_path.parent)):
        await taken(landing.all())
    with pytest.raises(LandingFailed):
        await taken(landing.take(pl.Series([1], dtype=pl.UInt32)))


@pytest.mark.asyncio
@pytest.mark.parametrize("compression", ["lz4", "uncompressed"])
async def test_files_hold_no_more_than_the_rows(tmp_path, compression):
    """Law 9: neither what a text was cut from nor rows that were left out, which memory shares."""
    texts = pl.DataFrame({"c0": [f"a text of twenty char; {n} is not in it" for n in range(9)]})
    carried = texts.head(8).filter(pl.int_range(8) % 2 == 0)
    landing = Landing(tmp_path, compression)
    await landing.add(carried.select(pl.col("c0").str.head(21)))
    await landing.add(carried)
    assert await taken(landing.all()) == [
        *((n, "a text of twenty char") for n in range(4)),
        *((n + 4, text) for n, text in enumerate(carried["c0"])),
    ]
    if compression == "uncompressed":
        written = (tmp_path / FILE).read_bytes()
        assert (written.count(b"a text"), written.count(b"is not in it")) == (8, 4)
