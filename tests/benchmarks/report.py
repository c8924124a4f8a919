"""The tables that a run prints: ratios, costs, DESIGN 9, a profile by step, gaps of the loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from tests.benchmarks.ratios import Line
from tests.benchmarks.requirements import MEGABYTE, Requirement
from tests.benchmarks.results import Daemon, Floor, Results

STEPS = ("EXTRACT", "CDC_PROMOTION", "SCD2_PROMOTION", "TABLE_TOTAL")
_NOTHING = "-"


def tables(
    results: Results, lines: Sequence[Line], required: Sequence[Requirement]
) -> Iterator[Table]:
    """All tables that have something to tell."""
    if results.floors:
        yield _floors(results.floors)
    if lines:
        yield _ratios(lines, sorted({name for line in lines for name in line.peers}))
        yield _costs(results)
        yield _profile(lines)
    if results.daemons:
        yield _gaps(results.daemons)
    if required:
        yield _required(required)


def _floors(floors: Iterable[Floor]) -> Table:
    table = _table(
        "The floor: COPY in binary, median of three", "table", "rows", "MB", "out s", "in s"
    )
    for one in floors:
        seconds = (f"{one.out_seconds:.2f}", f"{one.both_seconds - one.out_seconds:.2f}")
        table.add_row(one.case, f"{one.rows:,}", _megabytes(one.table_bytes), *seconds)
    return table


def _ratios(lines: Iterable[Line], peers: Sequence[str]) -> Table:
    wanted = ("÷ out", "÷ (out + in)", *(f"{peer} ÷" for peer in peers))
    table = _table(
        "cdc-daemon (medians): its time ÷ COPY, and peers' ÷ its time",
        "table", "step", "rows", "seconds", "µs/row", "ms/table", *wanted,
    )  # fmt: skip
    for line in lines:
        seconds = line.cost.wall_seconds
        table.add_row(
            line.case,
            line.step,
            f"{line.rows:,}",
            f"{seconds:.2f}",
            f"{seconds / line.rows * 1e6:.1f}",
            f"{seconds / line.tables * 1e3:.1f}" if line.tables > 1 else _NOTHING,
            *(_ratio(ratio) for ratio in (line.out, line.both, *map(line.peers.get, peers))),
        )
    return table


def _costs(results: Results) -> Table:
    table = _table(
        "Every process that was measured",
        "table", "step", "rows", "program", "wall s", "CPU s", "server CPU s", "peak MB",
        "log MB", "tables + MB", "rows written",
    )  # fmt: skip
    for run in results.runs:
        cost, written = run.cost, run.written
        table.add_row(
            run.case,
            run.step,
            f"{run.rows:,}",
            run.tool,
            f"{cost.wall_seconds:.2f}",
            f"{cost.cpu_seconds:.2f}",
            f"{cost.server_cpu_seconds:.2f}",
            _megabytes(cost.peak_bytes),
            _megabytes(written.wal_bytes),
            _megabytes(written.relation_bytes),
            f"{written.tuples:,}",
        )
    return table


def _profile(lines: Sequence[Line]) -> Table:
    steps = [name for name in STEPS if any(name in line.steps for line in lines)]
    work = list(dict.fromkeys(name for line in lines for name in line.work))
    table = _table(
        "Where the seconds go: steps, and work inside them (it overlaps)",
        "table", "step", "rows", *(name.lower() for name in steps), *work,
    )  # fmt: skip
    for line in lines:
        found = [line.steps.get(name) for name in steps] + [line.work.get(name) for name in work]
        table.add_row(line.case, line.step, f"{line.rows:,}", *map(_seconds, found))
    return table


def _gaps(daemons: Iterable[Daemon]) -> Table:
    bounds = list(dict.fromkeys(b for d in daemons for p in d.phases for b in p.late))
    table = _table(
        "The daemon's event loop: wakes by how late they were, up to so many seconds",
        "table", "batch", "rows", "seconds", *bounds,
    )  # fmt: skip
    for daemon in daemons:
        for phase in daemon.phases:
            late = [f"{phase.late.get(bound, 0):.0f}" for bound in bounds]
            table.add_row(
                daemon.case, phase.name, f"{daemon.rows:,}", _seconds(phase.seconds), *late
            )
    return table


def _required(required: Iterable[Requirement]) -> Table:
    table = _table("DESIGN 9", "work", "found", "must", "", "aim", "")
    for one in required:
        table.add_row(one.work, one.found, one.must, _met(one.must_met), one.aim, _met(one.aim_met))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", min_width=len(title), box=SIMPLE_HEAD)
    for number, column in enumerate(columns):
        words = number == 0 or column in {"step", "batch", "program", "must", "aim", ""}
        table.add_column(column, justify="left" if words else "right", no_wrap=True)
    return table


def _met(met: object) -> str:
    return _NOTHING if met is None else "met" if met else "NOT MET"


def _ratio(ratio: float | None) -> str:
    return _NOTHING if ratio is None else f"{ratio:.2f}"


def _seconds(seconds: float | None) -> str:
    return _NOTHING if seconds is None else f"{seconds:.2f}"


def _megabytes(count: int) -> str:
    return f"{count / MEGABYTE:.1f}"
