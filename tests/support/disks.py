"""Disks that fill up: a small file system where one may be mounted, else a limit to files."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SMALL = "5m"
LARGE = "500m"
MEGABYTE = 1024 * 1024
_FREE = resource.RLIM_INFINITY


class Disk:
    """The disk under a folder; ``holds`` tells whether it is a small file system by now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.holds = False

    def mount(self) -> bool:
        """Put a small file system there; whether one may be mounted here."""
        self.holds = self._mounted("-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs")
        return self.holds

    def grow(self) -> None:
        """There is room again."""
        assert self._mounted("-o", f"remount,size={LARGE}")

    def unmount(self) -> None:
        """Whatever is still open there."""
        if self.holds:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
            self.holds = False

    def _mounted(self, *options: str) -> bool:
        command = ["mount", *options, str(self.folder)]
        return not subprocess.run(command, capture_output=True, check=False).returncode


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A small file system over a folder while the block lasts, where one may be mounted."""
    disk = Disk(folder)
    disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()


def limit_files(pid: int, size: int = MEGABYTE) -> None:
    """No file that the process writes grows larger; more is answered as a disk answers."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, _FREE))


def free_files(pid: int) -> None:
    """Undo ``limit_files``."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (_FREE, _FREE))
