"""The room of one batch on local disk, gone when the batch ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import polars as pl

from cdc_daemon.cdc.compare import CAPTURED_SCHEMA, OPEN_SCHEMA
from cdc_daemon.extract.digests import Digests
from cdc_daemon.extract.landing import Landing, LandingArea


@dataclass(frozen=True, slots=True)
class Workspace:
    """What was captured, and what it is compared with."""

    rows: Landing
    captured: Digests
    keys: Landing
    """Of the open versions."""
    opened: Digests
    _area: LandingArea
    _stack: ExitStack

    def digests(self) -> Digests:
        """Room for more digests of captured rows."""
        return _digests(self._area, self._stack, CAPTURED_SCHEMA)


@contextmanager
def workspace(area: LandingArea) -> Iterator[Workspace]:
    """Room for one batch."""
    with ExitStack() as stack:
        yield Workspace(
            rows=stack.enter_context(area.landing()),
            captured=_digests(area, stack, CAPTURED_SCHEMA),
            keys=stack.enter_context(area.landing()),
            opened=_digests(area, stack, OPEN_SCHEMA),
            _area=area,
            _stack=stack,
        )


def _digests(area: LandingArea, stack: ExitStack, schema: dict[str, pl.DataType]) -> Digests:
    # hashes do not compress
    return Digests(stack.enter_context(area.landing("uncompressed")), schema)
