"""Lets the peers do what the product did: a first load, and a batch with one percent changed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.measure import ProgramFailed
from tests.benchmarks.measured import Bench
from tests.benchmarks.peers.catalog import PACKAGES, PEERS
from tests.benchmarks.peers.peer import Peer
from tests.benchmarks.progress import Progress
from tests.benchmarks.results import Results
from tests.benchmarks.tables import Shape

STEPS = ("first", "changed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Runs peers on one table; a peer that fails is out, with its reason on record."""

    bench: Bench
    shape: Shape
    results: Results
    progress: Progress
    environments: Path

    def run(self, names: Sequence[str], steps: Sequence[str], change: Callable[[], int]) -> None:
        """All peers first, then all changed, on the same rows; ``change`` numbers the changes."""
        with ExitStack() as stack:
            peers = [peer for name in names if (peer := self._made(name, stack))]
            versions = self.shape.rows
            for step in (step for step in STEPS if step in steps):
                if step == "changed":
                    number = change()
                    self.bench.source.execute(self.shape.change(number))
                    versions += self.shape.changes(number)
                peers = [peer for peer in peers if self._ran(peer, step, versions)]

    def _made(self, name: str, stack: ExitStack) -> Peer | None:
        self.results.peers[name] = {"packages": PACKAGES[name], "failed": None}
        self.progress.say(f"{name}: its environment")
        target = stack.enter_context(self.bench.server.database())
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=self.bench.folder))
        try:
            return PEERS[name](self.bench, target, self.environments, Path(folder))
        except ProgramFailed as error:
            self._out(name, error)
            return None

    def _ran(self, peer: Peer, step: str, versions: int) -> bool:
        """Whether it did its work: so many versions, and as many open ones as rows."""
        self.progress.say(f"{self.shape.name}: {step}, {peer.name}")
        try:
            peer.prepare(self.shape)
            run = peer.run(self.shape, step)
            _check(peer.kept(self.shape), (versions, self.shape.rows))
        except ProgramFailed as error:
            self._out(peer.name, error)
            return False
        self.results.runs.append(run)
        return True

    def _out(self, name: str, error: ProgramFailed) -> None:
        self.results.peers[name]["failed"] = str(error)
        self.progress.say(f"{name} is out: {error}")


def _check(kept: tuple[int, int], expected: tuple[int, int]) -> None:
    if kept != expected:
        raise ProgramFailed(f"keeps versions, open ones: {kept} instead of {expected}")
