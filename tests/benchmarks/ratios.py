"""Figures of a run put in relation: medians of repeats, and ratios to the floor and to peers."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.benchmarks.results import PRODUCT, Cost, Results, Run, Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One step of the product: medians over its repeats.

    ``out`` and ``both`` say how many times longer it took than COPY out, and than COPY out and
    in; ``peers`` how many times longer each peer took. What was not measured is None or absent.
    """

    case: str
    step: str
    rows: int
    tables: int
    cost: Cost
    written: Written
    work: Mapping[str, float]
    steps: Mapping[str, float]
    out: float | None
    both: float | None
    peers: Mapping[str, float]


def lines(results: Results) -> tuple[Line, ...]:
    """The product's steps, in the order they were measured."""
    groups: dict[tuple[str, str, int], list[Run]] = {}
    for run in results.runs:
        if run.tool == PRODUCT:
            groups.setdefault((run.case, run.step, run.rows), []).append(run)
    return tuple(_line(runs, results) for runs in groups.values())


def _line(runs: list[Run], results: Results) -> Line:
    one = runs[0]
    seconds = statistics.median(run.cost.wall_seconds for run in runs)
    floors = [f for f in results.floors if (f.case, f.rows) == (one.case, one.rows)]
    same = [r for r in results.runs if (r.case, r.step, r.rows) == (one.case, one.step, one.rows)]
    return Line(
        case=one.case,
        step=one.step,
        rows=one.rows,
        tables=one.tables,
        cost=Cost(
            wall_seconds=seconds,
            cpu_seconds=statistics.median(run.cost.cpu_seconds for run in runs),
            server_cpu_seconds=statistics.median(run.cost.server_cpu_seconds for run in runs),
            peak_bytes=max(run.cost.peak_bytes for run in runs),
        ),
        written=Written(
            wal_bytes=max(run.written.wal_bytes for run in runs),
            relation_bytes=max(run.written.relation_bytes for run in runs),
            tuples=max(run.written.tuples for run in runs),
        ),
        work=_medians(run.work for run in runs),
        steps=_medians(run.steps for run in runs),
        out=seconds / floors[0].out_seconds if floors else None,
        both=seconds / floors[0].both_seconds if floors else None,
        peers={r.tool: r.cost.wall_seconds / seconds for r in same if r.tool != PRODUCT},
    )


def _medians(found: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """By name; a name that some repeats lack counts where it is."""
    values: dict[str, list[float]] = {}
    for one in found:
        for name, value in one.items():
            values.setdefault(name, []).append(value)
    return {name: statistics.median(several) for name, several in values.items()}
