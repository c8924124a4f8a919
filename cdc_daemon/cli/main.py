"""``cdc-daemon``: from arguments to an exit code.

The only place that exits, and the only one that says which error is which exit code.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, TextIO, cast

from cdc_daemon.cli.arguments import parse
from cdc_daemon.cli.signals import Signals
from cdc_daemon.errors import CdcError, ExitCode

if TYPE_CHECKING:
    from argparse import Namespace

    from rich.console import Console

    Command = Callable[[Console, Namespace], Coroutine[Any, Any, int]]


def run() -> int:
    """The console script: runs the command of ``sys.argv``; its exit code."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # closed, or replaced by something else
            cast("TextIO", stream).reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
    # numpy's OpenBLAS would start a thread for each processor, which spins; nothing here uses it
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()  # until the command is loaded: what is imported is no garbage
    # law 9: what Python prints of errors in threads and finalizers quotes their messages
    threading.excepthook = lambda told: _mention(told.exc_value)
    sys.unraisablehook = lambda told: _mention(told.exc_value)
    signals = Signals()
    signals.install()
    code = main(sys.argv[1:], signals)
    _flush()
    if _hangs():
        os._exit(code)
    return code


def main(arguments: Sequence[str], signals: Signals) -> int:
    """Runs one command. Whatever happens comes back as an exit code (DESIGN 6.1)."""
    try:
        args = parse(arguments)
        return _perform(args, signals)
    except SystemExit as answered:  # argparse, after --help or --version
        return int(answered.code or ExitCode.OK)
    except BaseException as error:  # noqa: BLE001 - the boundary; drivers panic as BaseException
        if signals.exit_code is not None:
            _say(f"stopped by {signals.name}; what was not finished is rolled back")
            return signals.exit_code
        report(error)
        return exit_code(error)


def exit_code(error: BaseException) -> int:
    """The exit code of an error that ended a command; a group's members may agree on one."""
    if isinstance(error, BaseExceptionGroup):
        codes = {exit_code(one) for one in error.exceptions}
        return int(ExitCode.FAILURE) if len(codes) > 1 else codes.pop()
    return int(error.exit_code if isinstance(error, CdcError) else ExitCode.FAILURE)


def report(error: BaseException) -> None:
    """``error:`` and ``remedy:`` on standard error; of a foreign error class and place (law 9)."""
    from cdc_daemon.cli.failure import lines  # noqa: PLC0415 - not needed where all goes well

    for line in lines(error):
        _say(line)


def _perform(args: Namespace, signals: Signals) -> int:
    """Runs the command, whose module is loaded only now."""
    module, function = args.runs.split(":")
    command = getattr(import_module(module), function)
    if not gc.isenabled():
        gc.freeze()  # 150,000 objects that stay: every full collection would go through them
        gc.enable()
    if args.by_itself:
        signals.leave()
        return int(command(args))
    return _stoppable(command, args, signals)


def _stoppable(command: Command, args: Namespace, signals: Signals) -> int:
    """Runs the command's coroutine; the first signal cancels it."""
    import asyncio  # noqa: PLC0415 - --help does without

    from cdc_daemon.cli.terminal import open_console  # noqa: PLC0415 - the same

    async def stoppable() -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is not None:
            signals.stops(lambda: loop.call_soon_threadsafe(task.cancel))
        try:
            return await command(open_console(sys.stdout), args)
        finally:
            signals.stops(None)  # what is left is to wait for threads

    return int(asyncio.run(stoppable()))


def _hangs() -> bool:
    """Whether a driver's call has not come back: what Python does at its end would wait for it."""
    threads = sys.modules.get("cdc_daemon.databases.sqlserver.threads")
    return threads is not None and bool(threads.hanging())


def _mention(error: BaseException | None) -> None:
    """Of an error that ended nothing but a thread or a finalizer."""
    if error is not None and not isinstance(error, SystemExit):
        report(error)


def _say(line: str) -> None:
    with suppress(OSError, ValueError):  # nobody listens any more
        print(line, file=sys.stderr, flush=True)


def _flush() -> None:
    """What is still in the buffer, or nowhere: a reader that left is no failure of ours."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
