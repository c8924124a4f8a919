"""Virtual environments of the peers: made once per set of pinned packages, then kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.measure import ProgramFailed

INSTALL_SECONDS = 900
_LAST_CHARACTERS = 600


def default_folder() -> Path:
    """Where environments are kept unless told otherwise."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "cdc-daemon-benchmarks"


def environment_with(packages: Sequence[str], name: str, folder: Path) -> Path:
    """The ``bin`` folder of an environment with exactly these packages and what they need.

    Raises:
        ProgramFailed: pip cannot install them.
    """
    told = "\n".join((sys.version, *packages))
    place = folder / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "venv", str(place)])
        pip = [str(place / "bin" / "python"), "-m", "pip"]
        _run([*pip, "install", "--quiet", "--disable-pip-version-check", *packages])
        (place / "complete").write_text(told, encoding="utf-8")
    return place / "bin"


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise ProgramFailed(f"{' '.join(command)}:\n{done.stderr[-_LAST_CHARACTERS:]}")
