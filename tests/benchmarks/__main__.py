"""``python -m tests.benchmarks``: measures what was asked for, and prints it in relation."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from rich.console import Console

from tests.benchmarks import machine, masked, server, sqlserver
from tests.benchmarks.cases import CASES, LONG_ROWS, Cases, Plan
from tests.benchmarks.peers.catalog import PEERS
from tests.benchmarks.peers.environments import default_folder
from tests.benchmarks.progress import Progress
from tests.benchmarks.ratios import lines
from tests.benchmarks.report import tables
from tests.benchmarks.requirements import requirements
from tests.benchmarks.results import Results
from tests.support.sqlserver import URL

BESIDE: Mapping[str, Callable[[Sequence[str]], int]] = MappingProxyType(
    {"masked": masked.main, "sqlserver": sqlserver.main}
)
"""Cases that are programs of their own, too, and print their own figures."""
WIDTH = 200
_SPACE = 500_000_000
_LOG_A_ROW, _LOG_LIMIT = 4_000, 5_000_000_000
_TABLES_A_ROW = 1_500


def main() -> int:
    """0 where all that was asked for was measured; 1 where not, or, with --check, a must is missed."""
    args = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    plan = Plan(
        rows=args.rows,
        only=args.only,
        peers=args.peers,
        environments=args.envs.absolute(),
        repeat=args.repeat,
        long=args.long,
    )
    progress, results = Progress(), Results(arguments={**asdict(plan), "environments": None})
    needed = _needed(max((plan.rows, *LONG_ROWS) if plan.long else (plan.rows,)))
    if (free := shutil.disk_usage(tempfile.gettempdir()).free) < needed:
        progress.say(f"{free / 1e9:.0f} GB are free in the temp folder, {needed / 1e9:.0f} wanted")
        return 1
    try:
        _measure(plan, results, progress)
    except KeyboardInterrupt:  # Ctrl-C or SIGTERM: what was measured before is told
        results.failed["all"] = "interrupted"
        return _tell(results, args)
    told = _tell(results, args)
    missed = [BESIDE[name](["--rows", str(plan.rows)]) for name in plan.only if name in BESIDE]
    return told or int(args.check and any(missed))


def _measure(plan: Plan, results: Results, progress: Progress) -> None:
    progress.say("the server starts")
    with server.running() as running, tempfile.TemporaryDirectory(prefix="cdc-benchmarks-") as own:
        results.machine = machine.facts(running.version(), dict(server.SETTINGS))
        cases = Cases(
            server=running, plan=plan, results=results, progress=progress, folder=Path(own)
        )
        cases.run()
    progress.say("done")


def _tell(results: Results, args: Namespace) -> int:
    found = lines(results)
    required = requirements(found, results.daemons)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    for table in tables(results, found, required):
        console.print(table)
    if args.json is not None:
        told = results.as_json() | {"requirements": [asdict(one) for one in required]}
        args.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    missed = args.check and any(one.must_met is False for one in required)
    return int(missed or bool(results.failed) or any(p["failed"] for p in results.peers.values()))


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rows", type=_positive, default=1_000_000, help="of the mixed table")
    cases = (*CASES, *BESIDE)
    parser.add_argument(
        "--only",
        type=_some_of(cases),
        default=cases if URL in os.environ else (*CASES, "masked"),
        metavar="CASE,…",
        help=f"{', '.join(cases)} (the last by itself only where {URL} names a server)",
    )
    parser.add_argument(
        "--peers",
        type=_some_of((*PEERS, "none")),
        default=tuple(PEERS),
        metavar="PEER,…",
        help=f"{', '.join(PEERS)}, or none",
    )
    parser.add_argument("--repeat", type=_positive, default=3, help="histories of the product")
    parser.add_argument("--long", action="store_true", help="also 5 and 20 million rows")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a must is not met")
    parser.add_argument("--json", type=Path, metavar="FILE", help="for every raw figure")
    parser.add_argument(
        "--envs", type=Path, default=default_folder(), help="where peers' environments are kept"
    )
    args = parser.parse_args()
    args.peers = tuple(peer for peer in args.peers if peer != "none")
    return args


def _positive(text: str) -> int:
    number = int(text.replace("_", ""))
    if number < 1:
        raise ArgumentTypeError("at least 1")
    return number


def _some_of(names: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        given = tuple(part.strip() for part in text.split(","))
        if unknown := [name for name in given if name not in names]:
            raise ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(names)}")
        return given

    return parse


def _needed(rows: int) -> int:
    """Bytes on disk: the server's log up to its limit, the source, histories, landed rows."""
    return _SPACE + min(_LOG_A_ROW * rows, _LOG_LIMIT) + _TABLES_A_ROW * rows


if __name__ == "__main__":
    sys.exit(main())
