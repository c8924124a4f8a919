"""All gauges, as one collector: read when they are asked for, and nothing is left to be stale."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from cdc_daemon import __version__
from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.observability.metrics import declared
from cdc_daemon.observability.metrics.declaration import Kind
from cdc_daemon.observability.metrics.instruments import family, single
from cdc_daemon.observability.metrics.loop_gap import Largest
from cdc_daemon.observability.metrics.memory import memory
from cdc_daemon.observability.metrics.tables import Tables
from cdc_daemon.observability.metrics.watched import Reading, Watched

_MB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The configuration in force, as far as it is exposed."""

    generation: int
    digest: str
    memory_budget: int
    """Bytes."""
    at: datetime

    @classmethod
    def of(cls, snapshot: ConfigSnapshot, at: datetime) -> Configured:
        """A snapshot that was taken at ``at``."""
        return cls(
            generation=snapshot.version,
            digest=snapshot.digest,
            memory_budget=snapshot.runtime.memory_budget_mb * _MB,
            at=at,
        )


class Gauges(Collector):
    """What is known now; written on the event loop, collected in any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self.tables = Tables(clock)
        self.gap = Largest(clock)
        self.watched = Watched()
        self.reading = Reading()
        self.config: Configured | None = None
        self.reload_ok: bool | None = None

    def describe(self) -> Iterator[Metric]:
        """The names, so that the registry refuses a second of the same."""
        return (family(each) for each in declared.ALL if each.kind is Kind.GAUGE)

    def collect(self) -> Iterator[Metric]:
        """Every gauge."""
        yield from self.tables.families()
        yield from self.reading.families()
        yield from self._process()
        yield from self._configuration()

    def _process(self) -> Iterator[Metric]:
        yield family(declared.BUILD, [((__version__,), 1)])
        yield single(declared.UPTIME, self._clock() - self._started)
        yield single(declared.LOOP_GAP_MAX, self.gap.value())
        used = memory()
        if used is not None:
            yield single(declared.MEMORY, used.resident)
            yield single(declared.MEMORY_PEAK, used.peak)

    def _configuration(self) -> Iterator[Metric]:
        if self.reload_ok is not None:
            yield single(declared.RELOAD_OK, self.reload_ok)
        config = self.config
        if config is not None:
            yield single(declared.GENERATION, config.generation)
            yield single(declared.RELOAD_AT, config.at.timestamp())
            yield single(declared.MEMORY_BUDGET, config.memory_budget)
            yield family(declared.CONFIG, [((config.digest,), 1)])
