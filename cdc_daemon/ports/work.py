"""Where the time of a batch goes: seconds by kind of work, added up wherever it is done.

Kinds run side by side, so that together they may take longer than the batch. Threads and tasks
that a batch begins add to its account, because they inherit its context.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_account: ContextVar[dict[str, float] | None] = ContextVar("work", default=None)


@contextmanager
def accounted(account: dict[str, float]) -> Iterator[None]:
    """Work inside the block is added to ``account``."""
    token = _account.set(account)
    try:
        yield
    finally:
        _account.reset(token)


@contextmanager
def spent(kind: str) -> Iterator[None]:
    """The block is work of ``kind``: ``extract``, ``decode``, ``hash``, ``land`` and so on."""
    account, begin = _account.get(), time.perf_counter()
    try:
        yield
    finally:
        if account is not None:
            account[kind] = account.get(kind, 0.0) + time.perf_counter() - begin
