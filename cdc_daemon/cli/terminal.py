"""Where commands print: columns and colours on a terminal, the same text plain elsewhere.

Elsewhere nothing is wrapped, cut or coloured, so that scripts may read it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cdc_daemon.observability.scrubbing import printable

_WIDE = 100_000
"""Characters of a line that is never wrapped."""


class CommandConsole(Console):
    """A console whose reader may leave: the work goes on, and its exit code counts."""

    def on_broken_pipe(self) -> None:
        """Say no more."""
        self.quiet = True
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def open_console(stream: IO[str]) -> Console:
    """A console on ``stream``; whether it is a terminal is the stream's word alone."""
    if stream.isatty():
        return CommandConsole(file=stream, highlight=False, markup=False, emoji=False)
    return CommandConsole(
        file=stream,
        width=_WIDE,
        force_terminal=False,
        force_interactive=False,
        color_system=None,
        highlight=False,
        markup=False,
        emoji=False,
    )


def show(console: Console, line: str, *, style: str = "") -> None:
    """One line, of whatever length."""
    console.print(Text(printable(line), style=style), soft_wrap=True)


def show_table(
    console: Console, titles: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1
) -> None:
    """Columns under titles; the first ``left`` are words, the others numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for at, title in enumerate(titles):
        table.add_column(title, justify="left" if at < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell), style=_style(cell)) for cell in row))
    console.print(table)


def _style(cell: str) -> str:
    return {"succeeded": "green", "failed": "red", "held": "red", "paused": "yellow"}.get(cell, "")
