"""Whoever runs jobs."""

from __future__ import annotations

from typing import Protocol

from cdc_daemon.model.run import Job, RunOutcome


class Runner(Protocol):
    """Turns a job into an outcome."""

    async def run(self, job: Job) -> RunOutcome:
        """Raises nothing but cancellation."""
        ...
