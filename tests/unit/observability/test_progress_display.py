"""Progress at a terminal, and silence elsewhere."""

import io
import re
import threading

import structlog
from rich.console import Console

from cdc_daemon.model.config import LoggingSpec
from cdc_daemon.model.table import TableId
from cdc_daemon.observability.logging import configure_logging
from cdc_daemon.observability.progress import SilentProgress, TerminalProgress, open_progress
from cdc_daemon.ports.telemetry import Progress

ACCT = TableId("core", "dbo", "ACCT")
TXN = TableId("core", "dbo", "TXN[red]")


class Clock:
    """Goes when told."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def shown(progress):
    """What the live table looks like now, as words by line."""
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    console.print(progress)
    return [line.split() for line in console.file.getvalue().splitlines() if line.strip()]


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_running_tables_show_step_rows_rate_and_time():
    """Rows and rate are those of the step, elapsed is the run's; other tables do not matter."""
    clock = Clock()
    progress: Progress = TerminalProgress(Console(file=io.StringIO()), clock)
    assert shown(progress) == []
    progress.started(ACCT)
    progress.started(TXN)
    clock.now += 10
    progress.step(ACCT, "extract")
    progress.rows(ACCT, 500, None)
    clock.now += 2
    progress.rows(ACCT, 3_000, 10_000)
    clock.now += 60

    assert shown(progress) == [
        ["table", "step", "rows", "rows/s", "elapsed"],
        ["core.dbo.ACCT", "extract", "3,000", "of", "10,000", "48", "1:12"],
        ["core.dbo.TXN[red]", "0", "1:12"],
    ]
    progress.step(ACCT, "promote")
    assert shown(progress)[1] == ["core.dbo.ACCT", "promote", "0", "1:12"]


def test_a_finished_table_leaves_the_display_and_prints_a_line():
    """Its status, time and summary stay to be read; one that never started is told as well."""
    clock = Clock()
    stream = io.StringIO()
    with open_progress(stream, is_terminal=True, clock=clock) as progress:
        progress.started(ACCT)
        clock.now += 3_725
        progress.finished(ACCT, "succeeded", "3 inserted")
        assert shown(progress) == []
        progress.finished(TXN, "skipped", "[bold]locked\x1b[2J")
        progress.step(TXN, "extract")
        progress.rows(TXN, 1, 2)

    text = plain(stream.getvalue())
    assert "core.dbo.ACCT  succeeded  1:02:05  3 inserted\n" in text
    assert "core.dbo.TXN[red]  skipped  [bold]locked\\x1b[2J\n" in text


def test_log_lines_appear_above_the_display():
    """The display is a stream for log lines, which stay whole, coloured, and in order."""
    stream = io.StringIO()
    with open_progress(stream, is_terminal=True) as progress:
        progress.started(ACCT)
        with configure_logging(LoggingSpec(), stream=progress, is_terminal=True):
            structlog.get_logger("cdc_daemon.test").info("promoted", rows=3)
            structlog.get_logger("cdc_daemon.test").info("swept", column="x" * 120)

    text = plain(stream.getvalue())
    assert re.search(r"\[info +\] promoted +\[cdc_daemon\.test\] rows=3\n", text)
    assert re.search(r"\[info +\] swept +\[cdc_daemon\.test\] column=x{120}\n", text)
    assert "\x1b[?25h" in stream.getvalue(), "the cursor is back"


def test_nothing_is_shown_elsewhere():
    """Without a terminal there are log lines and nothing else."""
    stream = io.StringIO()
    with open_progress(stream, is_terminal=False) as progress:
        assert isinstance(progress, SilentProgress)
        progress.started(ACCT)
        progress.step(ACCT, "extract")
        progress.rows(ACCT, 1, None)
        progress.finished(ACCT, "succeeded", "done")

    assert stream.getvalue() == ""


def test_a_terminal_that_is_gone_stops_no_table():
    """A display that cannot be written fails no run (law 8)."""

    class Gone(io.StringIO):
        def write(self, text):
            raise OSError(5, "Input/output error")

    progress = TerminalProgress(Console(file=Gone()), Clock())
    progress.started(ACCT)
    progress.finished(ACCT, "succeeded", "done")
    assert shown(progress) == []

    with open_progress(Gone(), is_terminal=True) as progress:
        progress.finished(ACCT, "succeeded", "done")


def test_the_display_ends_its_thread():
    """Nothing of the display is left behind when it closes."""
    before = set(threading.enumerate())
    with open_progress(io.StringIO(), is_terminal=True) as progress:
        progress.started(ACCT)

    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()
