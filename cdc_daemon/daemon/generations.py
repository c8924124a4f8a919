"""Resources by configuration version: opened on first use, closed when old and not in use.

A lease sees one resource from beginning to end, whatever is reloaded meanwhile. One that cannot be
closed is told, and is nobody else's trouble: neither the batch's that used it last, nor of the
others that are to be closed (law 8).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")


@dataclass(slots=True)
class _Generation(Generic[T]):
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    resource: T | None = None
    leases: int = 0


class Generations(Generic[T]):
    """One resource a version; the newest stays open."""

    def __init__(self, open_version: Callable[[int], AbstractAsyncContextManager[T]]) -> None:
        self._open = open_version
        self._generations: dict[int, _Generation[T]] = {}

    @property
    def versions(self) -> tuple[int, ...]:
        """Those that are open or being opened."""
        return tuple(sorted(self._generations))

    @asynccontextmanager
    async def lease(self, version: int) -> AsyncIterator[T]:
        """The version's resource, for as long as the block lasts."""
        generation = self._generations.setdefault(version, _Generation())
        generation.leases += 1
        try:
            async with generation.opening:
                if generation.resource is None:
                    opened = self._open(version)
                    generation.resource = await generation.stack.enter_async_context(opened)
            yield generation.resource
        finally:
            generation.leases -= 1
            await asyncio.shield(self.retire())

    async def retire(self) -> None:
        """Close what is old and not leased."""
        newest = max(self._generations, default=0)
        for version, generation in list(self._generations.items()):
            if version < newest and not generation.leases:
                await _closed(version, self._generations.pop(version))

    async def aclose(self) -> None:
        """Close everything."""
        while self._generations:
            await _closed(*self._generations.popitem())


async def _closed(version: int, generation: _Generation[T]) -> None:
    try:
        await generation.stack.aclose()
    except Exception as error:  # noqa: BLE001 - the boundary: whatever a driver fails of at its end
        log = structlog.get_logger("cdc_daemon.daemon")
        log.warning("not closed", generation=version, error_kind=type(error).__name__)
