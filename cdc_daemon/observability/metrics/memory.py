"""The memory of this process, as the kernel counts it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that are resident, and the most there were."""

    resident: int
    peak: int


def memory(status: Path = STATUS) -> Memory | None:
    """What ``/proc`` says; None where there is no such file."""
    try:
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    try:
        resident, peak = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    except (KeyError, IndexError, ValueError):
        return None
    return Memory(resident, peak)
