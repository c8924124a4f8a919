"""Two engines as one: the source of the first, the history in the second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from tests.contract.engines.base import Engine

_OF_SOURCE = frozenset({"source", "unreachable", "create", "put", "add_column"})


class Pair:
    """Implements ``Engine``; whatever is asked is asked of the one whose it is."""

    def __init__(self, source: Engine, target: Engine) -> None:
        self._source = source
        self._target = target
        self.name = f"{source.name} to {target.name}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source if name in _OF_SOURCE else self._target, name)


@asynccontextmanager
async def paired(
    source: AbstractAsyncContextManager[Engine], target: AbstractAsyncContextManager[Engine]
) -> AsyncIterator[Pair]:
    """Both started."""
    async with source as one, target as other:
        yield Pair(one, other)
