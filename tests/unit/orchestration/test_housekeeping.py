"""The service that keeps house: when it begins, how it goes on, and what a failure costs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from cdc_daemon.errors import ControlSchemaError, DatabaseUnavailable
from cdc_daemon.orchestration.housekeeping import AGAIN_SECONDS, EVERY_SECONDS, Housekeeper
from cdc_daemon.ports.control import Piece
from tests.support.virtual_time import elapsed, settled

pytestmark = pytest.mark.asyncio

DOWN = DatabaseUnavailable("down")


class Attic:
    """Implements ``Housekeeping`` and its watch: old rows, ten to a piece."""

    def __init__(self, *, event=0, batch=0, quarantine=0):
        self.old = {"event": event, "batch": batch, "quarantine": quarantine}
        self.error = None
        self.asked, self.swept_rows, self.errors = [], [], []

    async def events(self, after):
        return self._piece("event", after)

    async def batches(self, after):
        return self._piece("batch", after)

    async def quarantine(self, after):
        return self._piece("quarantine", after)

    def _piece(self, kind, after):
        self.asked.append((kind, after, asyncio.get_running_loop().time()))
        if self.error is not None:
            raise self.error
        deleted = min(10, self.old[kind])
        self.old[kind] -= deleted
        return Piece(deleted=deleted, go_on=after + deleted if deleted else None)

    def swept(self, kind, rows):
        self.swept_rows.append((kind, rows))

    def not_swept(self, error):
        self.errors.append(error)

    def began(self):
        """When it began to look."""
        return [at for kind, after, at in self.asked if (kind, after) == ("event", 0)]


@asynccontextmanager
async def keeping(attic):
    """The service over an attic; yields what starts it."""
    reached = asyncio.Event()
    running = asyncio.create_task(Housekeeper(reached, attic, attic).run())
    await settled()
    yield reached
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_it_waits_for_the_control_schema():
    """Before the target first answered nothing is asked of it; then at once."""
    attic = Attic()
    async with keeping(attic) as reached:
        await elapsed(2 * EVERY_SECONDS)
        assert attic.asked == []
        reached.set()
        await settled()
        assert attic.began() == [2 * EVERY_SECONDS]


async def test_it_goes_on_until_nothing_is_left():
    """Piece after piece, each from where the last one ended, events first."""
    attic = Attic(event=25, batch=10, quarantine=1)
    async with keeping(attic) as reached:
        reached.set()
        await settled()
    pieces = [("event", 0), ("event", 10), ("event", 20), ("event", 25), ("batch", 0)]
    last = [("batch", 10), ("quarantine", 0), ("quarantine", 1)]
    assert [asked[:2] for asked in attic.asked] == [*pieces, *last]
    assert attic.swept_rows == [
        *[("event", 10), ("event", 10), ("event", 5), ("event", 0)],
        *[("batch", 10), ("batch", 0)],
        *[("quarantine", 1), ("quarantine", 0)],
    ]


async def test_it_looks_once_an_hour():
    """And deletes what has grown old meanwhile."""
    attic = Attic()
    async with keeping(attic) as reached:
        reached.set()
        await elapsed(EVERY_SECONDS / 2)
        attic.old["batch"] = 3
        await elapsed(2 * EVERY_SECONDS)
    assert attic.began() == [0, EVERY_SECONDS, 2 * EVERY_SECONDS]
    assert attic.old["batch"] == 0


@pytest.mark.parametrize("error", [DOWN, ControlSchemaError("of a later version")])
async def test_a_failure_is_told_and_tried_again(error):
    """Law 8: neither an outage nor another version's schema ends the service, or floods the log."""
    attic = Attic(event=10)
    attic.error = error
    async with keeping(attic) as reached:
        reached.set()
        await elapsed(2.5 * AGAIN_SECONDS)
        assert attic.errors == [error] * 3
        attic.error = None
        await elapsed(AGAIN_SECONDS)
        assert attic.old["event"] == 0
        await elapsed(EVERY_SECONDS)
    *_, last = attic.began()
    assert last == 3 * AGAIN_SECONDS + EVERY_SECONDS
    assert attic.errors == [error] * 3


async def test_a_defect_is_not_hidden():
    """What is no failure of the environment ends the service: the supervisor drains, and says why."""
    attic, reached = Attic(), asyncio.Event()
    attic.error = ZeroDivisionError()
    reached.set()
    with pytest.raises(ZeroDivisionError):
        await Housekeeper(reached, attic, attic).run()
