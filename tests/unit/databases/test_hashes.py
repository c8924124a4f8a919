"""Row hashes as every engine stores them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

import cdc_daemon
from cdc_daemon.databases.hashes import hash_bytes, hash_numbers

ROOT = Path(cdc_daemon.__file__).parents[1]
ALONE = """
import polars as pl
from cdc_daemon.databases.hashes import hash_bytes
assert hash_bytes(pl.Series([None, 1], dtype=pl.UInt128)).to_pylist() == [None, bytes(15) + b"\\1"]
"""
NUMBERS = st.lists(
    st.none() | st.integers(0, 2**128 - 1) | st.sampled_from([0, 1, 2**64, 2**128 - 1])
)


def big_endian(number):
    return None if number is None else number.to_bytes(16, "big")


@settings(deadline=None)
@given(NUMBERS)
def test_hashes_are_sixteen_bytes_most_significant_first(numbers):
    """The stored hash is the published number; NULL stays NULL, and 0 is not NULL (law 5)."""
    array = hash_bytes(pl.Series(numbers, dtype=pl.UInt128))
    assert array.type == pa.binary(16)
    assert array.to_pylist() == [big_endian(number) for number in numbers]


@settings(deadline=None)
@given(NUMBERS)
def test_stored_hashes_are_read_back_as_the_numbers_they_were(numbers):
    """What is compared with is what was written (law 5)."""
    stored = pl.Series("h", [big_endian(number) for number in numbers], dtype=pl.Binary)
    read = hash_numbers(stored)
    assert read.dtype == pl.UInt128
    assert read.to_list() == numbers


def test_hashes_need_no_other_module_to_have_been_imported():
    """What encoding uses it imports itself: it works in a process that did nothing else."""
    subprocess.run([sys.executable, "-c", ALONE], check=True, cwd=ROOT)
