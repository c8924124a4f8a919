"""One measured step: a process, what it cost, what the server spent on it, what it wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks.measure import measured
from tests.benchmarks.results import Cost, Written
from tests.benchmarks.server import Server, difference, settle, written
from tests.support.databases import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where steps are measured: the server, the source, and a folder for everything else."""

    server: Server
    source: Database
    folder: Path

    def step(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        target: Database,
        schemas: Sequence[str],
        folder: Path,
    ) -> tuple[Cost, Written]:
        """Runs a program that writes to ``schemas`` of ``target``.

        Raises:
            ProgramFailed: it did not end well.
        """
        settle(self.source, target)
        before, used = written(target, schemas), self.server.cpu_seconds()
        cost = measured(command, env, folder)
        server = self.server.cpu_seconds() - used
        after = written(target, schemas)
        return replace(cost, server_cpu_seconds=server), difference(before, after)
