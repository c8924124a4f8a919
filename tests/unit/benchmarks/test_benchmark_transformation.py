"""The benchmark of masking and hashing compares what gives the same values."""

from __future__ import annotations

import subprocess
import sys

from tests.benchmarks.transformation import NAMES, looped, people, vectorised


def test_both_sides_do_the_same_work():
    """The loop by hand and the pipeline give the same five columns."""
    frame = people(2_000)
    masked = vectorised(frame)
    assert [masked[f"c{n}"].to_list() for n in range(len(NAMES))] == looped(frame)
    assert all((masked[name] != frame[name]).all() for name in frame.columns)


def test_the_benchmark_prints_its_ratio():
    """One line, in one run."""
    command = [sys.executable, "-m", "tests.benchmarks.transformation", "--rows", "1000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    assert "times faster" in done.stdout
