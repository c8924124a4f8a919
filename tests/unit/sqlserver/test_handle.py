"""A driver's statement: what interrupts it and what frees it come one after the other (law 8)."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cdc_daemon.databases.sqlserver.handle import Handle
from cdc_daemon.databases.sqlserver.threads import aside

SECONDS = 20
NEVER_SECONDS = 0.2
"""How long to wait for what must not come."""


@pytest.mark.parametrize("free", [Handle.close, Handle.replace])
def test_a_statement_is_freed_after_its_interruption(
    free: Callable[[Handle, Callable[[], object]], None],
) -> None:
    """What an interruption uses is there until it has ended."""
    handle, begun, freed = Handle(), threading.Event(), threading.Event()
    freed_meanwhile = list[bool]()

    def interruption() -> None:
        begun.set()
        freed_meanwhile.append(freed.wait(NEVER_SECONDS))

    interrupting = aside(lambda: handle.interrupt(interruption))
    assert begun.wait(SECONDS)
    free(handle, freed.set)
    interrupting.result(SECONDS)
    assert freed_meanwhile == [False]
    assert freed.is_set()


def test_what_is_closed_is_not_interrupted() -> None:
    """An interruption that comes too late has nothing to use."""
    handle, calls = Handle(), list[str]()
    handle.close(lambda: calls.append("closed"))
    handle.interrupt(lambda: calls.append("interrupted"))
    assert calls == ["closed"]


def test_what_replaces_a_statement_may_be_interrupted() -> None:
    """A cursor whose statement failed runs others, which can be cancelled as the first one."""
    handle, calls = Handle(), list[str]()
    handle.replace(lambda: calls.append("replaced"))
    handle.interrupt(lambda: calls.append("interrupted"))
    assert calls == ["replaced", "interrupted"]


def test_a_close_that_fails_closes() -> None:
    """The driver's error goes to who closes; nobody interrupts what may be half gone."""
    handle, calls = Handle(), list[str]()
    with pytest.raises(ZeroDivisionError):
        handle.close(lambda: 1 // 0)
    handle.interrupt(lambda: calls.append("interrupted"))
    assert calls == []
