"""Threads of connections: in order, in the caller's context, and no hindrance to an exit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextvars import ContextVar

import pytest

from cdc_daemon.databases.sqlserver.threads import OneThread, aside, hanging

WHO: ContextVar[str] = ContextVar("who")


@pytest.mark.asyncio
async def test_calls_come_one_after_another() -> None:
    """All calls of a connection are one thread's, in the order they were asked for."""
    thread = OneThread("t")
    loop = asyncio.get_running_loop()
    seen: list[tuple[int, int]] = []
    calls = [
        loop.run_in_executor(thread, lambda n=n: seen.append((n, threading.get_ident())))
        for n in range(20)
    ]
    await asyncio.gather(*calls)
    thread.shutdown()
    assert [n for n, _ in seen] == list(range(20))
    assert len({ident for _, ident in seen}) == 1


def test_errors_are_told() -> None:
    """What a call raises is raised where its result is asked for, even what is no Exception."""
    thread = OneThread("t")
    with pytest.raises(KeyboardInterrupt):
        thread.submit(_interrupted).result(10)
    assert thread.submit(int, "7").result(10) == 7
    thread.shutdown()


def _interrupted() -> None:
    raise KeyboardInterrupt


def test_the_callers_context() -> None:
    """Work in the thread is accounted to who asked for it."""
    WHO.set("me")
    thread = OneThread("t")
    assert thread.submit(WHO.get).result(10) == "me"
    thread.shutdown()
    assert aside(WHO.get).result(10) == "me"


def test_a_call_that_was_given_up_is_not_made() -> None:
    """A cancelled call that has not begun is passed over."""
    thread, go, made = OneThread("t"), threading.Event(), []
    first = thread.submit(go.wait)
    second = thread.submit(made.append, 2)
    assert second.cancel()
    go.set()
    first.result(10)
    thread.submit(int).result(10)
    thread.shutdown()
    assert made == []


def test_a_call_that_has_not_come_back_is_told() -> None:
    """Who ends the process can ask; a thread that only waits for calls is none that hangs."""
    thread, begun, go = OneThread("t"), threading.Event(), threading.Event()
    thread.submit(int).result(10)
    assert not hanging()
    call = thread.submit(lambda: (begun.set(), go.wait()))
    begun.wait()
    assert hanging()
    go.set()
    call.result(10)
    assert not hanging()
    thread.shutdown()


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    """Law 7: the process ends though a driver never comes back."""
    program = (
        "import threading, asyncio\n"
        "from cdc_daemon.databases.sqlserver.threads import OneThread\n"
        "async def main():\n"
        "    begun = threading.Event()\n"
        "    OneThread('t').submit(lambda: (begun.set(), threading.Event().wait()))\n"
        "    await asyncio.to_thread(begun.wait)\n"
        "asyncio.run(main())\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
