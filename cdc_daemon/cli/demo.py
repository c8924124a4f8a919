"""``demo``: a shop that changes, batches through the real code, and what history says.

Law: however it ends, its server is stopped and its files are gone; and what it claims it has
checked, or it exits with 1.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from cdc_daemon.cli.signals import Signals
from cdc_daemon.cli.terminal import open_console
from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from cdc_daemon.errors import ExitCode

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")
_LOOK_SECONDS = 0.2


def run(args: Namespace) -> int:
    """Tell the story; 0 when all that was shown has been checked.

    Raises:
        DatabaseUnavailable: no server can be started; its remedy says what to install.
    """
    console, signals, server = open_console(sys.stdout), Signals(), EmbeddedPostgres()
    began, say = time.monotonic(), partial(console.print, soft_wrap=True)
    signals.stops(_unwind)
    signals.install()
    _end_with_the_terminal()
    try:
        with ExitStack() as stack:
            stack.callback(server.stop)
            stack.callback(signals.stops, _carry_on)  # before the server stops
            code = _told(server, console, signals, keep=args.keep)
    except BaseException:  # the boundary: what a signal broke off may fail in any way
        if signals.exit_code is None:
            raise
        with suppress(OSError):  # the terminal is gone
            print("\nstopped; the server is gone, its files are removed", file=sys.stderr)
        return signals.exit_code
    say("\nThe server is stopped and its files are removed.")
    if not args.keep:
        say(f"It took {time.monotonic() - began:.1f} s.")
        say("`cdc-daemon demo --keep` leaves it running, for you to look around.")
    return code


def _told(server: EmbeddedPostgres, console: Console, signals: Signals, *, keep: bool) -> ExitCode:
    with console.status("PostgreSQL is starting"), ThreadPoolExecutor(max_workers=1) as aside:
        # the server takes a second, and so do polars and the drivers
        loading = aside.submit(import_module, "cdc_daemon.cli.demo_shop.tell")
        server.start()
        loading.result()
        from cdc_daemon.cli.demo_shop import setting, show, tell  # noqa: PLC0415 - as above

        config = asyncio.run(_stoppable(setting.prepare(server), signals))
    teller = show.Teller(console)
    teller.begin()
    holds = asyncio.run(_stoppable(tell.tell(config, teller), signals))
    if keep:
        with suppress(KeyboardInterrupt):  # this is how it is meant to end
            teller.keep(server.dsn, config)
            while server.pid is not None:
                time.sleep(_LOOK_SECONDS)
    return ExitCode.OK if holds else ExitCode.FAILURE


async def _stoppable(work: Coroutine[Any, Any, T], signals: Signals) -> T:
    """The work's result; the first signal cancels it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine of ``asyncio.run``
    signals.stops(lambda: loop.call_soon_threadsafe(task.cancel))
    try:
        return await work
    finally:
        signals.stops(_unwind)


def _unwind() -> NoReturn:
    """A signal closes what was opened, from wherever the main thread is."""
    raise KeyboardInterrupt


def _carry_on() -> None:
    """The end is near anyway."""


def _end_with_the_terminal() -> None:
    """A terminal that is closed ends the demo in good order too, unless under ``nohup``."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
