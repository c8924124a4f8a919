"""Stages of the flow that run side by side: the next item is made while the last one is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from enum import Enum
from typing import TypeVar

T = TypeVar("T")


class _End(Enum):
    END = 0


async def ahead(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """``items``, of which one is always being made, or ready: never more (law 11).

    Close it: until then ``items`` goes on.
    """
    async with aclosing(items):
        coming = asyncio.ensure_future(_next(items))
        try:
            while not isinstance(item := await coming, _End):
                coming = asyncio.ensure_future(_next(items))
                yield item
        finally:
            coming.cancel()
            await asyncio.wait({coming})
            if not coming.cancelled():
                coming.exception()  # nobody waits for the item that failed


async def _next(items: AsyncGenerator[T, None]) -> T | _End:
    try:
        return await anext(items)
    except StopAsyncIteration:
        return _End.END
