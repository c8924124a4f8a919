"""What masking and hashing five of twelve columns adds to a batch: ``once`` with rules and without.

Both are whole processes on the same source, in turns, each with a history of its own; the best of
a few runs of each counts.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks import server
from tests.benchmarks.measured import Bench
from tests.benchmarks.product import Product
from tests.benchmarks.results import STEPS
from tests.benchmarks.server import Server, execute_all
from tests.benchmarks.tables import people
from tests.support.site import Site

WANTED = 1.4
KEY = "a key that only this benchmark has"
RULES: tuple[dict[str, Any], ...] = (
    {"column": "customer", "use": "hash", "key": KEY, "key_version": "1"},
    *({"column": kind, "use": "mask", "kind": kind} for kind in ("email", "phone", "ssn", "card")),
)
PLAIN, MASKED = "without rules", "five columns masked or hashed"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the ratios; 1 where a step takes more than it may."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.masked", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=2, help="the best one counts")
    args = parser.parse_args(arguments)
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    peaks: defaultdict[str, int] = defaultdict(int)
    with ExitStack() as stack:
        running = stack.enter_context(server.running())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="cdc-benchmarks-"))
        bench = _bench(stack, running, args.rows, Path(folder))
        for number in range(args.runs):
            for what, step, seconds, peak in _measured(bench, args.rows, number):
                found[what, step].append(seconds)
                peaks[what] = max(peaks[what], peak)
    worst = 0.0
    for step in STEPS:
        plain, masked = min(found[PLAIN, step]), min(found[MASKED, step])
        worst = max(worst, masked / plain)
        print(  # noqa: T201 - a program that reports
            f"{step}, {args.rows:,} rows: {PLAIN} {plain:.2f} s, {MASKED} {masked:.2f} s: "
            f"{masked / plain:.2f} times (allowed: {WANTED})"
        )
    for what, peak in peaks.items():
        print(f"VmHWM, {what}: {peak / 2**20:.0f} MB")  # noqa: T201 - a program that reports
    return int(worst > WANTED)


def _bench(stack: ExitStack, running: Server, rows: int, folder: Path) -> Bench:
    source = stack.enter_context(running.database())
    execute_all(source, people(rows).create())
    return Bench(server=running, source=source, folder=folder)


def _measured(bench: Bench, rows: int, number: int) -> Iterator[tuple[str, str, float, int]]:
    """Both, step by step, in turns: what, which step, seconds, bytes."""
    shape = people(rows)
    with ExitStack() as stack:
        products = {}
        for what, rules in ((PLAIN, ()), (MASKED, RULES)):
            target = stack.enter_context(bench.server.database())
            own = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=bench.folder)))
            site = Site(bench.source, target, own)
            site.configure({"name": shape.name, "transform": list(rules)})
            products[what] = Product(bench, site)
        for step in STEPS:
            changes = {"first": rows, "changed": shape.changes(number), "unchanged": 0}[step]
            if step == "changed":
                execute_all(bench.source, (shape.change(number),))
            for what, product in products.items():
                cost = product.once("people", step, (shape,), changes, number).cost
                yield what, step, cost.wall_seconds, cost.peak_bytes


if __name__ == "__main__":
    sys.exit(main())
