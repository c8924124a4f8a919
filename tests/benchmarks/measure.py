"""Runs a program as a child process and says what it cost.

Law: the peak is the child's own. ``ru_maxrss`` alone would not be: a forked child inherits the
peak of its parent.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.benchmarks.results import Cost

LOOK_MILLISECONDS = 20
TIMEOUT_SECONDS = 3600.0
_KILOBYTE = 1024
_LAST_LINES = 25


class ProgramFailed(Exception):
    """A measured program did not do what it should; the text says what it said."""


def measured(command: Sequence[str], env: Mapping[str, str], folder: Path) -> Cost:
    """Runs it to its end in ``folder``; what it says goes to a file there.

    Raises:
        ProgramFailed: it ended with another code than 0, or did not end.
    """
    log = folder / "said.log"
    own_peak = peak_bytes(os.getpid())
    with log.open("wb") as said:
        began = time.monotonic()
        process = subprocess.Popen(
            command, env=dict(env), cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    try:
        seen = _watched(process.pid, began + TIMEOUT_SECONDS)
        wall = time.monotonic() - began
    except BaseException:
        process.kill()
        process.wait()
        raise
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise ProgramFailed(f"ended with {process.returncode}:\n{_last_words(log)}")
    exact = used.ru_maxrss * _KILOBYTE
    return Cost(
        wall_seconds=wall,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_bytes=max(seen, exact) if exact > own_peak else seen,
    )


def peak_bytes(pid: int) -> int:
    """VmHWM of a process; 0 where it is gone."""
    with suppress(OSError):
        for line in Path("/proc", str(pid), "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * _KILOBYTE
    return 0


def cpu_seconds(pid: int) -> float:
    """What a process, its children, and those it has waited for have used so far."""
    ticks = sum(sum(_times(child)[:2]) for child in _children(pid)) + sum(_times(pid))
    return ticks / os.sysconf("SC_CLK_TCK")


def _watched(pid: int, deadline: float) -> int:
    """Waits until the process ends; the largest resident memory seen on the way."""
    peak, handle = 0, os.pidfd_open(pid)
    try:
        poller = select.poll()
        poller.register(handle, select.POLLIN)
        while not poller.poll(LOOK_MILLISECONDS):
            peak = max(peak, peak_bytes(pid))
            if time.monotonic() > deadline:
                raise ProgramFailed(f"not done in {TIMEOUT_SECONDS:.0f} s")
    finally:
        os.close(handle)
    return peak


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _times(pid: int) -> tuple[int, int, int, int]:
    """Ticks: user, system, and both of children that were waited for."""
    with suppress(OSError):
        fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
        return int(fields[11]), int(fields[12]), int(fields[13]), int(fields[14])
    return 0, 0, 0, 0


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_LAST_LINES:])
