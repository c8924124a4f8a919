"""How the benchmarks measure a process, and what tables they make."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.benchmarks.measure import ProgramFailed, measured, peak_bytes
from tests.benchmarks.tables import composite_key, mixed, small, text_key, wide

MEGABYTE = 1024 * 1024
HELD = 300
BUSY = "import time\nwhile time.process_time() < 0.2: pass"


def cost_of(program: str, folder: Path):
    return measured([sys.executable, "-c", program], os.environ, folder)


def test_a_process_is_measured(tmp_path: Path) -> None:
    """CPU it used up, and the memory that it held at its largest, though it let it go."""
    cost = cost_of(f"x = bytearray({HELD * MEGABYTE})\ndel x\n{BUSY}", tmp_path)
    assert 0.2 <= cost.cpu_seconds < 10
    assert cost.wall_seconds >= 0.2
    assert HELD < cost.peak_bytes / MEGABYTE < HELD + 100


def test_memory_of_this_process_is_not_the_childs(tmp_path: Path) -> None:
    """A child begins as a copy of its parent; the copy's size counts for nothing."""
    held = bytearray(HELD * MEGABYTE)
    assert peak_bytes(os.getpid()) > len(held)
    assert cost_of(BUSY, tmp_path).peak_bytes < HELD * MEGABYTE / 2


def test_a_process_that_fails_is_quoted(tmp_path: Path) -> None:
    """Its last words say why."""
    with pytest.raises(ProgramFailed, match=r"ended with 3:\s+no such luck"):
        cost_of("import sys; print('no such luck'); sys.exit(3)", tmp_path)


@pytest.mark.parametrize("rows", [1, 99, 100, 2_000])
@pytest.mark.parametrize("number", [0, 1, 99, 100])
def test_changes_are_foretold(rows: int, number: int) -> None:
    """``changes`` counts the rows that ``change`` selects."""
    shape = mixed(rows)
    remainder = int(shape.change(number).rpartition("= ")[2])
    assert shape.changes(number) == sum(n % 100 == remainder for n in range(1, rows + 1))


def test_tables_have_the_columns_they_promise() -> None:
    """Twelve mixed ones, two hundred wide ones, and in each what changes are made by."""
    assert len(mixed(1).columns) == 12
    assert len(wide(1).columns) == 200
    for shape in (mixed(1), wide(1), text_key(1), composite_key(1), small(7)):
        names = [column.name for column in shape.columns]
        assert len(set(names)) == len(names)
        assert {"n", *shape.key} <= set(names)
        assert shape.changed.partition(" ")[0] in names
