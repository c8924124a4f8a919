"""What the benchmarks make of their figures: medians, ratios, the limits of DESIGN 9, tables."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tests.benchmarks.ratios import lines
from tests.benchmarks.report import tables
from tests.benchmarks.requirements import MEGABYTE, requirements
from tests.benchmarks.results import PRODUCT, Cost, Daemon, Floor, Phase, Results, Run, Written

ROWS = 1_000_000


def make_run(step: str, seconds: float, *, tool: str = PRODUCT, **other) -> Run:
    cost = Cost(wall_seconds=seconds, cpu_seconds=seconds / 2, peak_bytes=200 * MEGABYTE)
    given = {"case": "mixed", "step": step, "tool": tool, "rows": ROWS, "cost": cost} | other
    return Run(**given)


def make_floor(**other) -> Floor:
    times = {"out": (1.0, 5.0, 2.0), "into": (3.0, 3.0, 9.0)}
    sizes = {"table_bytes": 190 * MEGABYTE, "copy_bytes": 1}
    return Floor(**{"case": "mixed", "rows": ROWS, **sizes, **times, **other})


def make_daemon(gap: float, **other) -> Daemon:
    phases = (Phase(name="first", seconds=2.0, late={"0.001": 5.0, "+Inf": 9.0}),)
    given = {"case": "mixed", "rows": ROWS, "peak_bytes": 301 * MEGABYTE, "phases": phases}
    return Daemon(**given | {"gap_max_seconds": gap} | other)


def make_results() -> Results:
    """A first load at 7 s beside a floor of 5 s; a next batch that takes 4 s."""
    found = Results(floors=[make_floor()], daemons=[make_daemon(0.030)])
    found.runs += [make_run("first", seconds) for seconds in (7.0, 6.0, 20.0)]
    found.runs += [make_run("changed", 4.0), make_run("unchanged", 3.0)]
    found.runs += [make_run("first", 42.0, tool="dlt"), make_run("changed", 60.0, tool="dlt")]
    found.runs += [make_run("changed", 12.0, tool="dbt")]
    return found


def met(results: Results) -> dict[str, tuple[bool | None, bool | None]]:
    required = requirements(lines(results), results.daemons)
    return {one.work: (one.must_met, one.aim_met) for one in required}


def test_repeats_count_by_their_median() -> None:
    """One slow repeat changes nothing; ratios are of medians."""
    first = lines(make_results())[0]
    assert first.cost.wall_seconds == 7.0
    assert (first.out, first.both) == (3.5, 1.4)
    assert first.peers == {"dlt": 6.0}


def test_only_the_same_table_step_and_size_are_compared() -> None:
    """A floor or a peer of another size is no measure."""
    found = make_results()
    found.floors = [make_floor(rows=2 * ROWS)]
    found.runs = [run if run.tool == PRODUCT else replace(run, rows=5) for run in found.runs]
    first = lines(found)[0]
    assert (first.out, first.both, first.peers) == (None, None, {})


def test_memory_and_writes_count_by_the_largest() -> None:
    """A peak that one repeat had is a peak; a row that one repeat wrote was written."""
    found = make_results()
    cost = Cost(wall_seconds=3.0, cpu_seconds=1.0, peak_bytes=500 * MEGABYTE)
    found.runs.append(make_run("unchanged", 3.0, cost=cost, written=Written(tuples=1), repeat=1))
    assert met(found)["once, 1,000,000 rows: VmHWM"] == (False, False)
    assert met(found)["unchanged: written to stage and bronze"] == (False, None)


def test_what_a_batch_recorded_is_summed_up_by_name() -> None:
    """Names may come and go between versions of the product."""
    found = Results(
        runs=[
            make_run("first", 1.0, work={"hash": 1.0}),
            make_run("first", 1.0, work={"hash": 3.0, "load": 4.0}),
        ]
    )
    assert lines(found)[0].work == {"hash": 2.0, "load": 4.0}


def test_design_9_is_judged() -> None:
    """Each limit is met or not by its own figure."""
    assert met(make_results()) == {
        "first: faster than dlt": (True, False),
        "first: (out + in)": (None, True),
        "changed: faster than dlt": (True, True),
        "changed: faster than dbt": (False, None),
        "changed: out": (None, True),
        "unchanged: beside changed": (True, None),
        "unchanged: written to stage and bronze": (True, None),
        "once, 1,000,000 rows: VmHWM": (True, True),
        "daemon, 1,000,000 rows: VmHWM": (True, False),
        "daemon, 1,000,000 rows: event-loop gap": (True, False),
    }


@pytest.mark.parametrize(
    ("rows", "megabytes"), [(1, 450), (ROWS, 450), (ROWS + 1, 1024), (20 * ROWS, 1024)]
)
def test_memory_has_a_limit_for_each_size(rows: int, megabytes: int) -> None:
    """450 MB up to a million rows, 1 GB beyond."""
    for more, must in ((0, True), (1, False)):
        peak = megabytes * MEGABYTE + more
        judged = requirements((), (make_daemon(0.0, rows=rows, peak_bytes=peak),))
        assert judged[0].must_met is must


@pytest.mark.parametrize(
    ("gap", "judged"), [(0.020, (True, True)), (0.050, (True, False)), (0.051, (False, False))]
)
def test_the_loop_has_its_limits(gap: float, judged: tuple[bool, bool]) -> None:
    """50 ms must hold, 20 ms is aimed at."""
    assert (
        met(Results(daemons=[make_daemon(gap)]))["daemon, 1,000,000 rows: event-loop gap"] == judged
    )


def test_long_runs_are_judged_by_their_memory_alone() -> None:
    """Ratios of DESIGN 9 hold for the size that was asked for, which comes first."""
    found = make_results()
    found.runs.append(make_run("first", 900.0, rows=20 * ROWS))
    judged = met(found)
    assert judged["first: (out + in)"] == (None, True)
    assert judged["once, 20,000,000 rows: VmHWM"] == (True, True)


def test_the_report_tells_everything() -> None:
    """Every table is printed in full, whatever its width."""
    found = make_results()
    found.runs[0] = replace(found.runs[0], work={"hash": 1.25}, steps={"EXTRACT": 5.5})
    console = Console(width=200, file=io.StringIO(), record=True)
    required = requirements(lines(found), found.daemons)
    for table in tables(found, lines(found), required):
        console.print(table)
    told = console.export_text()
    assert "…" not in told
    for words in ("dlt ÷", "hash", "1.25", "extract", "5.50", "NOT MET", "+Inf", "30 ms"):
        assert words in told


def test_a_run_that_measured_nothing_prints_nothing() -> None:
    """No empty tables."""
    assert list(tables(Results(), (), ())) == []
    assert requirements((), ()) == ()
