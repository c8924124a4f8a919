"""Cleaning up though the caller is being cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await ``work``, which is bounded; a cancellation meanwhile is raised after it, not during.

    A session that goes back to its pool while its cleanup still runs would be closed under it.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # the cancellation is what is told
        raise
