"""The room of one batch on local disk, gone when the batch ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import polars as pl

from cdc_daemon.cdc.compare import CAPTURED_SCHEMA, OPEN_SCHEMA
from cdc_daemon.extract.apart import APART_SCHEMA, Apart
from cdc_daemon.extract.digests import Digests
from cdc_daemon.extract.landing import Landing, LandingArea
from cdc_daemon.ports.cleanup import to_its_end


@dataclass(frozen=True, slots=True)
class Workspace:
    """What was captured, and what it is compared with."""

    rows: Landing
    captured: Digests
    keys: Landing
    """Of the open versions."""
    opened: Digests
    apart: Apart
    """What was read and is not carried."""
    _area: LandingArea
    _stack: ExitStack

    def digests(self) -> Digests:
        """Room for more digests of captured rows."""
        return _digests(self._area, self._stack, CAPTURED_SCHEMA)


@asynccontextmanager
async def workspace(area: LandingArea) -> AsyncIterator[Workspace]:
    """Room for one batch. It is made and removed in threads: a busy disk takes its time.

    Raises:
        LandingFailed: it cannot be made.
    """
    with ExitStack() as stack:
        opening = asyncio.ensure_future(asyncio.to_thread(_opened, area, stack))
        try:
            space = await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening})  # before the stack is closed
            raise
        try:
            yield space
        finally:
            await to_its_end(asyncio.to_thread(stack.close))


def _opened(area: LandingArea, stack: ExitStack) -> Workspace:
    return Workspace(
        rows=stack.enter_context(area.landing()),
        captured=_digests(area, stack, CAPTURED_SCHEMA),
        keys=stack.enter_context(area.landing()),
        opened=_digests(area, stack, OPEN_SCHEMA),
        apart=Apart(_digests(area, stack, APART_SCHEMA)),
        _area=area,
        _stack=stack,
    )


def _digests(area: LandingArea, stack: ExitStack, schema: dict[str, pl.DataType]) -> Digests:
    # hashes do not compress
    return Digests(stack.enter_context(area.landing("uncompressed")), schema)
