"""The memory that the container allows: cgroup v2 and v1, of this process and what is above."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

SHARE = 0.8
"""Of the limit: the rest is for page cache, drivers and what nobody thought of."""
WITHOUT_LIMIT_MB = 1024
LEAST_MB = 384
"""What the process and one batch take."""
_MB = 1024 * 1024
_UNLIMITED = 1 << 60
"""cgroup v1 says some number near 2**63 where there is no limit."""


def default_budget_mb(
    system: Path = Path("/sys/fs/cgroup"), proc: Path = Path("/proc/self")
) -> int:
    """The memory budget where none is configured."""
    limit = memory_limit(system, proc)
    if limit is None:
        return WITHOUT_LIMIT_MB
    return max(LEAST_MB, int(limit * SHARE) // _MB)


def memory_limit(system: Path, proc: Path) -> int | None:
    """Bytes; None where there is no limit, or none can be read."""
    found = [_number(file) for file in _files(system, proc)]
    limits = [limit for limit in found if limit is not None and limit < _UNLIMITED]
    return min(limits, default=None)


def _files(system: Path, proc: Path) -> list[Path]:
    files = [system / "memory.max", system / "memory" / "memory.limit_in_bytes"]
    try:
        lines = (proc / "cgroup").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return files
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        own = PurePosixPath(path.lstrip("/"))
        for group in (own, *own.parents):
            if not controllers:
                files.append(system / group / "memory.max")
            elif "memory" in controllers.split(","):
                files.append(system / "memory" / group / "memory.limit_in_bytes")
    return files


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # "max", or not there
        return None
