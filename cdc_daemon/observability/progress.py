"""Shows a person at a terminal which tables run, how far they are and how fast.

Law 9: it is given names and numbers only, and prints no control characters of anybody's.
Elsewhere than on a terminal nothing is shown: the log lines say it all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from cdc_daemon.model.table import TableId
from cdc_daemon.observability.scrubbing import printable
from cdc_daemon.ports.telemetry import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_STYLES: Final = (("succeeded", "green"), ("failed", "red"))
_PER_SECOND: Final = 4
_MINUTE: Final = 60
_HOUR: Final = 3600


@dataclass(slots=True, kw_only=True)
class _Running:
    """A table in work; seconds are the clock's."""

    since: float
    step: str = ""
    step_since: float = 0.0
    rows: int = 0
    total: int | None = None


class SilentProgress:
    """Shows nothing."""

    def started(self, table: TableId) -> None:
        """Nothing."""

    def step(self, table: TableId, name: str) -> None:
        """Nothing."""

    def rows(self, table: TableId, n: int, total: int | None) -> None:
        """Nothing."""

    def finished(self, table: TableId, status: str, summary: str) -> None:
        """Nothing."""


class TerminalProgress:
    """A table of what runs below a line for each table that is done; made by `open_progress`.

    It is a stream as well: lines written to it appear above the table, undisturbed by it.
    """

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._running: dict[TableId, _Running] = {}

    def started(self, table: TableId) -> None:
        """The table appears."""
        now = self._clock()
        self._running[table] = _Running(since=now, step_since=now)

    def step(self, table: TableId, name: str) -> None:
        """The table's step changes, and its rows begin anew."""
        if table in self._running:
            before = self._running[table]
            now = self._clock()
            self._running[table] = _Running(since=before.since, step=name, step_since=now)

    def rows(self, table: TableId, n: int, total: int | None) -> None:
        """The table's rows change."""
        if table in self._running:
            self._running[table].rows = n
            self._running[table].total = total

    def finished(self, table: TableId, status: str, summary: str) -> None:
        """The table gives way to a line."""
        from rich.text import Text  # noqa: PLC0415 - rich is loaded for a terminal only

        run = self._running.pop(table, None)
        spent = "" if run is None else f"  {_duration(self._clock() - run.since)}"
        line = Text(f"{printable(str(table))}  ")
        line.append(printable(status), style=dict(_STYLES).get(status, "yellow"))
        line.append(f"{spent}  {printable(summary)}".rstrip())
        with suppress(OSError, ValueError):  # a terminal that is gone stops no table (law 8)
            self._console.print(line, soft_wrap=True)

    def write(self, text: str, /) -> int:
        """Print lines, which may be coloured, above the table."""
        from rich.text import Text  # noqa: PLC0415 - rich is loaded for a terminal only

        self._console.print(Text.from_ansi(text.removesuffix("\n")), soft_wrap=True)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""
        self._console.file.flush()

    def __rich__(self) -> Table:
        """The table as of now; rich asks from a thread of its own."""
        from rich.table import Table  # noqa: PLC0415 - rich is loaded for a terminal only
        from rich.text import Text  # noqa: PLC0415 - the same

        shown = Table(box=None, pad_edge=False, header_style="dim")
        for title in ("table", "step"):
            shown.add_column(title, no_wrap=True)
        for title in ("rows", "rows/s", "elapsed"):
            shown.add_column(title, justify="right", no_wrap=True)
        now = self._clock()
        for table, run in tuple(self._running.items()):
            cells = (str(table), run.step, _rows(run), _rate(run, now), _duration(now - run.since))
            shown.add_row(*(Text(printable(cell)) for cell in cells))
        shown.show_header = bool(shown.rows)
        return shown


@contextmanager
def open_progress(
    stream: IO[str], *, is_terminal: bool, clock: Callable[[], float] = time.monotonic
) -> Iterator[Progress]:
    """Progress on `stream` for as long as the context lasts; `clock` counts seconds.

    On a terminal it is a `TerminalProgress`, which also takes the place of the stream for logs.
    """
    if not is_terminal:
        yield SilentProgress()
        return
    from rich.console import Console  # noqa: PLC0415 - rich is loaded for a terminal only
    from rich.live import Live  # noqa: PLC0415 - the same

    console = Console(file=stream, force_terminal=True, highlight=False, markup=False)
    progress = TerminalProgress(console, clock)
    live = Live(
        progress,
        console=console,
        refresh_per_second=_PER_SECOND,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    # A terminal that is gone fails neither the work nor its error (law 8).
    with suppress(OSError, ValueError):
        live.start()
    try:
        yield progress
    finally:
        with suppress(OSError, ValueError):
            live.stop()


def _rows(run: _Running) -> str:
    if run.total is None:
        return f"{run.rows:,}"
    return f"{run.rows:,} of {run.total:,}"


def _rate(run: _Running, now: float) -> str:
    spent = now - run.step_since
    return f"{run.rows / spent:,.0f}" if run.rows and spent > 0 else ""


def _duration(seconds: float) -> str:
    whole = max(0, int(seconds))
    if whole >= _HOUR:
        return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02}:{whole % _MINUTE:02}"
    if whole >= _MINUTE:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02}"
    return f"{seconds:.1f} s"
