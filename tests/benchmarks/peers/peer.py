"""What a peer is to the benchmarks."""

from __future__ import annotations

from typing import Protocol

from tests.benchmarks.results import Run
from tests.benchmarks.tables import Shape


class Peer(Protocol):
    """Another program that keeps the history of a table, with a target database of its own."""

    @property
    def name(self) -> str:
        """As in the report."""

    def prepare(self, shape: Shape) -> None:
        """What it needs before a step and is not measured."""

    def run(self, shape: Shape, step: str) -> Run:
        """One process, to its end.

        Raises:
            ProgramFailed: it did not end well.
        """

    def kept(self, shape: Shape) -> tuple[int, int]:
        """How many versions it keeps, and how many of them are open."""
