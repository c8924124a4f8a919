"""The benchmarks' command measures what it says, so that it does not rot between uses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.process import ROOT, environment

ROWS = 2_000
STEPS = ["first", "changed", "unchanged"]


def test_the_benchmarks_run(tmp_path: Path) -> None:
    """Three steps of a small table: figures are complete and possible, and a report is printed."""
    found = tmp_path / "figures.json"
    asked = ["--rows", str(ROWS), "--peers", "none", "--only", ",".join(STEPS), "--repeat", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *asked, "--json", str(found)],
        cwd=ROOT,
        env=environment(None, None),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "DESIGN 9" in done.stdout
    assert "unchanged, cdc-daemon, run 1" in done.stderr
    told = json.loads(found.read_text())
    assert told["machine"]["cores"] >= 1
    assert told["machine"]["postgresql_settings"]["fsync"] == "on"
    assert told["arguments"]["rows"] == ROWS
    assert told["peers"] == told["failed"] == {}
    (floor,) = told["floors"]
    assert floor["case"] == "mixed"
    assert len(floor["out"]) == len(floor["into"]) == 3
    assert min(floor["out"] + floor["into"]) > 0
    assert [run["step"] for run in told["runs"]] == STEPS
    for run in told["runs"]:
        check_run(run)
    first, changed, unchanged = (run["written"] for run in told["runs"])
    assert first["tuples"] == ROWS
    assert first["relation_bytes"] > floor["table_bytes"]
    assert changed["tuples"] == 3 * ROWS // 100  # closed, opened, and in stage
    assert unchanged["tuples"] == unchanged["relation_bytes"] == 0
    works = {one["work"] for one in told["requirements"]}
    assert {"first: (out + in)", "changed: out", "unchanged: beside changed"} <= works


def test_what_masking_costs_is_measured() -> None:
    """Every step with rules and without, in relation; nothing else where nothing else was asked."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--only", "masked", "--rows", str(ROWS)],
        cwd=ROOT,
        env=environment(None, None),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [line.split(",")[0] for line in done.stdout.splitlines() if "times (allowed" in line]
    assert told == STEPS


def check_run(run: dict) -> None:
    """One process: it took time and memory, and its steps fit into it."""
    cost = run["cost"]
    assert (run["tool"], run["rows"]) == ("cdc-daemon", ROWS)
    assert 0 < run["steps"]["TABLE_TOTAL"] < cost["wall_seconds"] < 60
    assert 0 < cost["cpu_seconds"] < 60
    assert 30e6 < cost["peak_bytes"] < 1e9
    assert cost["server_cpu_seconds"] >= 0
    assert run["written"]["wal_bytes"] > 0
    assert {"EXTRACT", "CDC_PROMOTION", "SCD2_PROMOTION"} <= set(run["steps"])
    assert {"extract", "decode", "hash", "promote"} <= set(run["work"])


def test_a_case_that_is_none_is_refused() -> None:
    """Exit code 2 names the cases there are, before a server is started."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--only", "first,frist"],
        cwd=ROOT,
        env=environment(None, None),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "frist: not one of first, changed, unchanged, wide" in done.stderr
    assert "the server starts" not in done.stderr
