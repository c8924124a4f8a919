"""What DESIGN 9 asks of the mixed table, and whether a run met it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.benchmarks.ratios import Line
from tests.benchmarks.results import Daemon

CASE = "mixed"
MEGABYTE = 1024 * 1024
SMALL_ROWS = 1_000_000
GAP_MUST, GAP_AIM = 0.050, 0.020
PEAK_MUST, PEAK_MUST_LARGE, PEAK_AIM = 450, 1024, 300
"""MB: up to a million rows, beyond, and wherever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One figure beside its limits; ``None``: there is no such limit."""

    work: str
    found: str
    must: str = "-"
    must_met: bool | None = None
    aim: str = "-"
    aim_met: bool | None = None


def requirements(lines: Sequence[Line], daemons: Iterable[Daemon]) -> tuple[Requirement, ...]:
    """All that the run has figures for, in DESIGN's order."""
    mixed = [line for line in lines if line.case == CASE]
    steps = {line.step: line for line in mixed if line.rows == mixed[0].rows}
    found: list[Requirement] = []
    if (first := steps.get("first")) is not None:
        found += _at_least(first, "dlt", 6, 9)
        found += _at_most("first: (out + in)", first.both, 1.5)
    if (changed := steps.get("changed")) is not None:
        found += _at_least(changed, "dlt", 9, 14)
        found += _at_least(changed, "dbt", 4, None)
        found += _at_most("changed: out", changed.out, 2.2)
        if (unchanged := steps.get("unchanged")) is not None:
            found += _unchanged(unchanged, changed)
    for rows in sorted({line.rows for line in mixed}):
        peak = max(line.cost.peak_bytes for line in mixed if line.rows == rows)
        found.append(_peak(f"once, {rows:,} rows: VmHWM", rows, peak))
    for daemon in daemons:
        found.append(_peak(f"daemon, {daemon.rows:,} rows: VmHWM", daemon.rows, daemon.peak_bytes))
        found.append(_gap(daemon))
    return tuple(found)


def _at_least(line: Line, peer: str, must: float, aim: float | None) -> Iterator[Requirement]:
    if (times := line.peers.get(peer)) is not None:
        yield Requirement(
            work=f"{line.step}: faster than {peer}",
            found=f"{times:.1f} times",
            must=f"≥ {must} times",
            must_met=times >= must,
            aim=f"≥ {aim} times" if aim else "-",
            aim_met=times >= aim if aim else None,
        )


def _at_most(work: str, ratio: float | None, aim: float) -> Iterator[Requirement]:
    if ratio is not None:
        yield Requirement(
            work=work, found=f"{ratio:.2f} times", aim=f"≤ {aim} times", aim_met=ratio <= aim
        )


def _unchanged(unchanged: Line, changed: Line) -> Iterator[Requirement]:
    seconds, limit = unchanged.cost.wall_seconds, changed.cost.wall_seconds
    yield Requirement(
        work="unchanged: beside changed",
        found=f"{seconds / limit:.2f} times",
        must="≤ 1 times",
        must_met=seconds <= limit,
    )
    touched = unchanged.written
    yield Requirement(
        work="unchanged: written to stage and bronze",
        found=f"{touched.tuples} rows, {touched.relation_bytes} bytes",
        must="nothing",
        must_met=touched.tuples == touched.relation_bytes == 0,
    )


def _peak(work: str, rows: int, peak: int) -> Requirement:
    must = PEAK_MUST if rows <= SMALL_ROWS else PEAK_MUST_LARGE
    return Requirement(
        work=work,
        found=f"{peak / MEGABYTE:.0f} MB",
        must=f"≤ {must} MB",
        must_met=peak <= must * MEGABYTE,
        aim=f"≤ {PEAK_AIM} MB",
        aim_met=peak <= PEAK_AIM * MEGABYTE,
    )


def _gap(daemon: Daemon) -> Requirement:
    def told(seconds: float) -> str:
        return f"{seconds * 1000:.0f} ms"

    return Requirement(
        work=f"daemon, {daemon.rows:,} rows: event-loop gap",
        found=told(daemon.gap_max_seconds),
        must=f"≤ {told(GAP_MUST)}",
        must_met=daemon.gap_max_seconds <= GAP_MUST,
        aim=f"≤ {told(GAP_AIM)}",
        aim_met=daemon.gap_max_seconds <= GAP_AIM,
    )
