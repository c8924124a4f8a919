"""A running daemon through a first load and a changed batch: its event loop's gaps, its peak."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests.benchmarks.measure import ProgramFailed, peak_bytes
from tests.benchmarks.results import Daemon, Phase
from tests.benchmarks.server import settle
from tests.benchmarks.tables import Shape
from tests.support.daemon import RunningDaemon, configure, serving
from tests.support.site import Site

ASK_SECONDS = 20.0
"""The gauge forgets after one to two minutes; scrapes are rare, so that they are no load."""
ASKED_AT_MOST = 180
_GAUGE = "cdc_event_loop_gap_max_seconds"
_BUCKET = "cdc_event_loop_gap_seconds_bucket"


def measure_daemon(site: Site, shape: Shape) -> Daemon:
    """Starts it with the table due at once; then changes the table and triggers it.

    Raises:
        ProgramFailed: a batch or a command failed.
    """
    configure(site, shape.name, every="1d")
    settle(site.source, site.target)
    with serving(site) as daemon:
        gaps = _Gaps(daemon)
        first = gaps.until_batch(1, "first")
        site.source.execute(shape.change(0))
        settle(site.source, site.target)
        gaps.ask()
        done = site.run("trigger", shape.name)
        if done.returncode != 0:
            raise ProgramFailed(done.stderr)
        changed = gaps.until_batch(2, "changed")
        peak = peak_bytes(daemon.pid)
        daemon.terminate()
        daemon.wait()
    return Daemon(
        case=shape.name,
        rows=shape.rows,
        gap_max_seconds=gaps.largest,
        peak_bytes=peak,
        phases=(first, changed),
    )


@dataclass(slots=True)
class _Gaps:
    """Reads the daemon's own metrics of its event loop."""

    daemon: RunningDaemon
    largest: float = 0.0
    late: dict[str, float] = field(default_factory=dict)

    def ask(self) -> None:
        """One scrape."""
        samples = self.daemon.samples()
        self.late = {labels["le"]: value for name, labels, value in samples if name == _BUCKET}
        self.largest = max(self.largest, *(v for name, _, v in samples if name == _GAUGE))

    def until_batch(self, number: int, name: str) -> Phase:
        """Waits for the end of a batch; the wakes since the last scrape."""
        if not self.late:
            self.ask()
        began, before = time.monotonic(), self.late
        event = self._wait(number)
        seconds = time.monotonic() - began
        if event["status"] != "succeeded":
            raise ProgramFailed(f"batch {number} ended as {event['status']}: {event.get('error')}")
        self.ask()
        late = {bound: value - before[bound] for bound, value in self.late.items()}
        return Phase(name=name, seconds=seconds, late=late)

    def _wait(self, number: int) -> dict[str, object]:
        for _ in range(ASKED_AT_MOST):
            try:
                return self.daemon.wait_event(ASK_SECONDS, event="batch", batch_id=number)
            except TimeoutError:
                self.ask()
        raise ProgramFailed(f"batch {number} did not end")
