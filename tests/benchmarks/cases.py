"""The cases: which table goes through which steps, by the product and by its peers."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks import tables
from tests.benchmarks.daemon import measure_daemon
from tests.benchmarks.floor import measure_floor
from tests.benchmarks.measure import ProgramFailed
from tests.benchmarks.measured import Bench
from tests.benchmarks.peers.race import Race
from tests.benchmarks.product import Product
from tests.benchmarks.progress import Progress
from tests.benchmarks.results import STEPS, Results
from tests.benchmarks.server import Server, execute_all
from tests.benchmarks.tables import Shape
from tests.support.site import Site

CASES = (*STEPS, "wide", "textkey", "small", "daemon")
LONG_ROWS = (5_000_000, 20_000_000)
SMALL_TABLES = 2_000
_ROWS_A_SMALL_TABLE = 500
_FEWEST_SMALL_TABLES = 10
_WIDE_SHARE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was asked for."""

    rows: int
    only: tuple[str, ...]
    peers: tuple[str, ...]
    environments: Path
    repeat: int
    long: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """Runs what was asked for; ``results`` grows."""

    server: Server
    plan: Plan
    results: Results
    progress: Progress
    folder: Path

    def run(self) -> None:
        """All cases of the plan; one that fails is put on record and ends no other."""
        for name, work in self._wanted():
            try:
                work()
            except ProgramFailed as error:
                self.results.failed[name] = str(error)
                self.progress.say(f"{name} failed: {error}")

    def _wanted(self) -> Iterator[tuple[str, Callable[[], None]]]:
        plan, asked = self.plan, frozenset(self.plan.only)
        if steps := _steps_to(asked):
            mixed = tables.mixed(plan.rows)
            yield "mixed", lambda: self._table(mixed, steps, plan.repeat, plan.peers)
        if "daemon" in asked:
            yield "daemon", lambda: self._daemon(tables.mixed(plan.rows))
        others: list[Shape] = []
        if "wide" in asked:
            others.append(tables.wide(max(1, plan.rows // _WIDE_SHARE)))
        if "textkey" in asked:
            others += [tables.text_key(plan.rows), tables.composite_key(plan.rows)]
        for shape in others:
            yield shape.name, partial(self._table, shape, STEPS[:2], plan.repeat)
        if "small" in asked:
            yield "small", self._small
        for rows in LONG_ROWS if plan.long else ():
            yield f"mixed, {rows:,} rows", partial(self._table, tables.mixed(rows), STEPS, 1)

    def _table(
        self, shape: Shape, steps: Sequence[str], repeats: int, peers: Sequence[str] = ()
    ) -> None:
        with ExitStack() as stack:
            bench = self._bench(stack, (shape,))
            self.progress.say(f"{shape.name}: the floor")
            with self.server.database() as target:
                floor = measure_floor(bench.source, target, shape, bench.folder)
            self.results.floors.append(floor)
            rounds = itertools.count()
            for repeat in range(repeats):
                self._product(bench, (shape,), steps, rounds, repeat=repeat, case=shape.name)
            if peers:
                self._race(bench, shape).run(peers, steps, rounds.__next__)

    def _product(
        self,
        bench: Bench,
        shapes: Sequence[Shape],
        steps: Sequence[str],
        rounds: itertools.count[int],
        *,
        repeat: int,
        case: str,
    ) -> None:
        """One history from its beginning, in a target of its own."""
        with self.server.database() as target, tempfile.TemporaryDirectory(dir=self.folder) as own:
            product = Product(bench, Site(bench.source, target, Path(own)))
            product.configure(shapes)
            for step in steps:
                self.progress.say(f"{case}: {step}, cdc-daemon, run {repeat + 1}")
                changes = 0
                if step == "changed":
                    number = next(rounds)
                    execute_all(bench.source, (shape.change(number) for shape in shapes))
                    changes = sum(shape.changes(number) for shape in shapes)
                elif step == "first":
                    changes = sum(shape.rows for shape in shapes)
                run = product.once(case, step, shapes, changes, repeat)
                self.results.runs.append(run)

    def _race(self, bench: Bench, shape: Shape) -> Race:
        return Race(
            bench=bench,
            shape=shape,
            results=self.results,
            progress=self.progress,
            environments=self.plan.environments,
        )

    def _small(self) -> None:
        wanted = max(_FEWEST_SMALL_TABLES, self.plan.rows // _ROWS_A_SMALL_TABLE)
        shapes = tuple(tables.small(n) for n in range(min(SMALL_TABLES, wanted)))
        with ExitStack() as stack:
            bench = self._bench(stack, shapes)
            steps, rounds = ("first", "unchanged"), itertools.count()
            self._product(bench, shapes, steps, rounds, repeat=0, case="small")

    def _daemon(self, shape: Shape) -> None:
        with ExitStack() as stack:
            bench = self._bench(stack, (shape,))
            self.progress.say("daemon: first and changed")
            site = Site(bench.source, stack.enter_context(self.server.database()), bench.folder)
            self.results.daemons.append(measure_daemon(site, shape))

    def _bench(self, stack: ExitStack, shapes: Sequence[Shape]) -> Bench:
        """A source that holds these tables, and a folder; both go with the stack."""
        rows = sum(shape.rows for shape in shapes)
        self.progress.say(f"{shapes[0].name}: {rows:,} rows in {len(shapes):,} tables are made")
        source = stack.enter_context(self.server.database())
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=self.folder))
        execute_all(source, (statement for shape in shapes for statement in shape.create()))
        return Bench(server=self.server, source=source, folder=Path(folder))


def _steps_to(asked: frozenset[str]) -> tuple[str, ...]:
    """The steps of one history up to the last that was asked for: each needs those before it."""
    numbers = [number for number, step in enumerate(STEPS) if step in asked]
    return STEPS[: max(numbers) + 1] if numbers else ()
