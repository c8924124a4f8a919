"""Waits for sessions as metrics; pools come and go with configurations, the series stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from cdc_daemon.observability.metrics import declared
from cdc_daemon.observability.metrics.error_kinds import error_kind
from cdc_daemon.observability.metrics.instruments import Tally, histogram, prune


class Pools:
    """Acquires of all pools of configured connections."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._acquire = histogram(declared.POOL_ACQUIRE, registry)
        self._errors = Tally(declared.POOL_ERRORS, registry)
        self._connections: frozenset[str] = frozenset()

    def keep_only(self, connections: Iterable[str]) -> None:
        """Forget every other connection."""
        self._connections = frozenset(connections)
        prune(self._acquire, "connection", self._connections)
        self._errors.keep_only(self._connections)

    def acquired(self, connection: str, role: str, seconds: float) -> None:
        """A session was had; nothing is kept of a connection that is not configured."""
        if connection in self._connections:
            self._acquire.labels(connection, role).observe(seconds)

    def failed(self, connection: str, role: str, kind: str) -> None:
        """None was to be had."""
        if connection in self._connections:
            self._errors.add(connection, role, error_kind(kind))


@dataclass(frozen=True, slots=True)
class MeteredPool:
    """One pool; implements ``ports.statistics.PoolObserver``."""

    pools: Pools
    connection: str
    role: str

    def acquired(self, seconds: float) -> None:
        """A session was had."""
        self.pools.acquired(self.connection, self.role, seconds)

    def failed(self, kind: str) -> None:
        """None was to be had."""
        self.pools.failed(self.connection, self.role, kind)
