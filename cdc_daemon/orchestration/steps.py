"""The step a batch is in, as its observer is told: one at a time."""

from __future__ import annotations

from contextlib import ExitStack

from cdc_daemon.ports.telemetry import RunObserver

EXTRACT = "EXTRACT"
COMPARE = "CDC_PROMOTION"
PROMOTE = "SCD2_PROMOTION"


class Steps(ExitStack):
    """Ends the last step with the block."""

    def __init__(self, observer: RunObserver) -> None:
        super().__init__()
        self._observer = observer

    def begin(self, name: str) -> None:
        """End the step before, and begin this one."""
        self.close()
        self.enter_context(self._observer.step(name))
