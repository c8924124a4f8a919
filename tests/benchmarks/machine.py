"""Facts of the machine and the programs that figures depend on."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = (
    "adbc-driver-postgresql",
    "asyncpg",
    "numpy",
    "pgpq",
    "polars",
    "polars-hash",
    "pyarrow",
)


def facts(server_version: str, settings: dict[str, str]) -> dict[str, Any]:
    """What goes into the JSON file beside the figures."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _line(Path("/proc/cpuinfo"), r"model name\s*:\s*(.+)"),
        "memory_kb": int(_line(Path("/proc/meminfo"), r"MemTotal:\s*(\d+)") or 0),
        "load_average": os.getloadavg(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgresql": server_version,
        "postgresql_settings": settings,
        "cdc_daemon": version("cdc-daemon"),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _line(file: Path, pattern: str) -> str | None:
    found = re.search(pattern, file.read_text(encoding="utf-8"))
    return found[1] if found else None
