"""What can be read of a running part at once, from memory: depths, sizes, sessions.

Law 9: numbers, and names from the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStats:
    """A lane as it is now."""

    name: str
    depth: int
    """Tables that wait for a worker."""
    size: int
    """Tables that may wait."""
    workers: int
    busy: int
    """Workers that have a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStats:
    """The sessions of one kind with one database, as they are now."""

    connection: str
    role: str
    """``source`` or ``target``."""
    kind: str
    """``pooled``, or ``reader``: opened for one read."""
    limit: int
    """Sessions there may be."""
    open: int
    idle: int
    waiting: int
    """Tasks that wait for a session."""

    @property
    def in_use(self) -> int:
        """Sessions somebody has."""
        return self.open - self.idle


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What of the memory budget is spoken for."""

    reserved: int = 0
    """Bytes that running batches hold."""
    waiting: int = 0
    """Batches that wait for memory."""


class PoolObserver(Protocol):
    """Told of every wish for a session; returns at once and raises nothing."""

    def acquired(self, seconds: float) -> None:
        """A session was had after ``seconds``, connecting included."""
        ...

    def failed(self, kind: str) -> None:
        """None was to be had; ``kind`` is the error's."""
        ...
