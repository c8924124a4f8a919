"""What a person is shown of work in progress.

Law 9: names, numbers and sentences of our own, never a value of a row.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from cdc_daemon.errors import CdcError
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Batch, RunOutcome
from cdc_daemon.model.table import TableId


class Progress(Protocol):
    """Told of every table that runs; returns at once and raises nothing."""

    def started(self, table: TableId) -> None:
        """A run of the table began."""
        ...

    def step(self, table: TableId, name: str) -> None:
        """The run entered a step: its rows count from nothing again."""
        ...

    def rows(self, table: TableId, n: int, total: int | None) -> None:
        """The step has done `n` rows in all so far, of `total` where that is known."""
        ...

    def finished(self, table: TableId, status: str, summary: str) -> None:
        """The run ended; `summary` is a sentence of ours."""
        ...


class RunObserver(Protocol):
    """Told by the flow where it is."""

    def unrecorded(self, error: CdcError) -> None:
        """What the batch left out could not be put on record; the batch goes on."""
        ...

    def step(self, name: str) -> AbstractContextManager[None]:
        """The block is a step: ``EXTRACT``, ``CDC_PROMOTION``, ``SCD2_PROMOTION``."""
        ...

    def numbered(self, batch: Batch) -> None:
        """The batch has its number."""
        ...

    def rows(self, n: int, total: int | None) -> None:
        """Rows extracted so far."""
        ...

    def passed(self, guards: tuple[Guard, ...]) -> None:
        """Guards that tripped and were accepted by a person, for the record."""
        ...


class Telemetry(Protocol):
    """Where a run leaves its canonical line; raises nothing."""

    def bound(self, **context: str | int) -> AbstractContextManager[None]:
        """Every line logged inside the block carries ``context``."""
        ...

    def numbered(self, batch: int) -> None:
        """From now on lines logged by this run carry its batch's number, too."""
        ...

    def outcome(self, outcome: RunOutcome, error: BaseException | None) -> None:
        """The one canonical line of a run."""
        ...

    def unrecorded(self, error: BaseException) -> None:
        """A run's end could not be put on record in the control tables."""
        ...
