"""Once an hour what the control tables need no more is deleted: a service of the daemon.

Law 8: a target that is down costs a line in the log, and another try; never the daemon.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from cdc_daemon.errors import CdcError
from cdc_daemon.ports.control import Housekeeping

EVERY_SECONDS = 3600.0
AGAIN_SECONDS = 300.0
"""After a failure."""


class HousekeepingWatch(Protocol):
    """Told what comes of it; for metrics and logs. Raises nothing."""

    def swept(self, kind: str, rows: int) -> None:
        """So many rows of a kind were deleted: ``event``, ``batch`` or ``quarantine``.

        None is news, too.
        """
        ...

    def not_swept(self, error: CdcError) -> None:
        """It did not come to its end, and is tried again."""
        ...


class Housekeeper:
    """Begins once ``reached`` is set: the control schema is this version's."""

    name = "housekeeping"

    def __init__(
        self, reached: asyncio.Event, keeping: Housekeeping, watch: HousekeepingWatch
    ) -> None:
        self._reached = reached
        self._keeping = keeping
        self._watch = watch

    async def run(self) -> None:
        """Until cancelled; a piece that is being deleted then is rolled back."""
        await self._reached.wait()
        while True:
            try:
                await self._sweep()
            except CdcError as error:
                self._watch.not_swept(error)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                await asyncio.sleep(EVERY_SECONDS)

    async def _sweep(self) -> None:
        keeping = self._keeping
        for kind, piece_of in (
            ("event", keeping.events),
            ("batch", keeping.batches),
            ("quarantine", keeping.quarantine),
        ):
            go_on: int | None = 0
            while go_on is not None:
                piece = await piece_of(go_on)
                self._watch.swept(kind, piece.deleted)
                go_on = piece.go_on
