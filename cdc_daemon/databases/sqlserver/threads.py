"""Threads that do not keep a process from ending: a driver's call may hang for good (law 7)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeAlias, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Calls: TypeAlias = "SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]"


class OneThread(Executor):
    """Calls one after another, each in its caller's context; all of one connection's.

    The thread begins with the first call and ends with ``shutdown``, once all calls before it
    have ended.
    """

    def __init__(self, name: str) -> None:
        self._calls: _Calls = SimpleQueue()
        self._thread = _Thread(self._calls, name)
        self._starting = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have it called; asyncio's ``run_in_executor`` asks here."""
        future: Future[T] = Future()
        self._calls.put((future, partial(copy_context().run, fn, *args, **kwargs)))
        with self._starting:
            if self._thread.ident is None:
                self._thread.start()
        return future

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - as Executor has it
        """End the thread after the calls so far; whoever waited would wait for good."""
        self._calls.put(None)


def aside(call: Callable[[], object]) -> Future[Any]:
    """Call it in a thread of its own."""
    thread = OneThread("aside")
    future = thread.submit(call)
    thread.shutdown()
    return future


def hanging() -> bool:
    """Whether a driver's call has not come back.

    Such a process ends by ``os._exit``: the drivers' own clean-up at a usual exit would wait for
    the call, or crash when it comes back in the middle of it.
    """
    return any(isinstance(t, _Thread) and t.busy for t in threading.enumerate())


class _Thread(threading.Thread):
    def __init__(self, calls: _Calls, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.busy = False
        self._calls = calls

    def run(self) -> None:
        while (asked := self._calls.get()) is not None:
            future, call = asked
            if future.set_running_or_notify_cancel():
                self.busy = True
                try:
                    result = call()
                except BaseException as error:  # noqa: BLE001 - told to who asked, as any executor
                    self.busy = False
                    future.set_exception(error)
                else:
                    self.busy = False
                    future.set_result(result)
                    del result
            # a connection that nobody waits for any more is closed here, not in the loop
            del asked, future, call
