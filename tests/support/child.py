"""``once`` without the command line, in a process that does its imports before it is needed.

It says ``ready``, reads one line of JSON from standard input, and runs the configurations in it
side by side: one SIGKILL then stops each of them at a point of its own.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from cdc_daemon.bootstrap import app
from cdc_daemon.model.run import Job, RunOutcome
from cdc_daemon.orchestration.once import run_once
from cdc_daemon.secrets.resolver import resolve
from cdc_daemon.settings.load import load
from tests.support.recorded import RecordedProgress, RecordedTelemetry


async def once(config_path: Path) -> tuple[RunOutcome, ...]:
    """One pass over all tables of a configuration, the control schema brought up to date."""
    config = load(config_path, {})
    telemetry = RecordedTelemetry()
    wiring = app(config, lambda ref: resolve(ref, {}), RecordedProgress(), telemetry)
    async with wiring as wired:
        await wired.control.apply()
        jobs = [Job(table=spec) for spec in config.tables]
        outcomes = await run_once(jobs, wired.runner, config.lanes)
    for error in (*telemetry.errors, *telemetry.lost):
        if error is not None:
            traceback.print_exception(error)
    return outcomes


async def _side_by_side(config_paths: Sequence[Path]) -> None:
    for outcomes in await asyncio.gather(*map(once, config_paths)):
        for outcome in outcomes:
            said = {"table": str(outcome.table), "status": outcome.status.value}
            _say(json.dumps(said | {"error_kind": outcome.error_kind, "error": outcome.error}))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    _say("ready")
    work = json.loads(sys.stdin.readline())
    if work["file_bytes"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (work["file_bytes"], work["file_bytes"]))
    asyncio.run(_side_by_side([Path(path) for path in work["configs"]]))


if __name__ == "__main__":
    main()
