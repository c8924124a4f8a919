"""A private folder that lives as long as the process that made it.

The owner holds a lock inside. A lock nobody holds marks a folder whose owner was killed: the
next process that makes such a folder removes it, and the server that may still run there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import tempfile
import time
from pathlib import Path

from cdc_daemon.databases.postgresql.embedded_binaries import Account
from cdc_daemon.errors import DatabaseUnavailable

PREFIX = "cdc-postgres-"
LOCK = "owner.lock"
ORPHAN_SECONDS = 5.0
UNFINISHED_SECONDS = 3600.0


class PrivateFolder:
    """A folder of mode 0700 that belongs to the server's user; ``remove`` ends it."""

    def __init__(self, account: Account | None) -> None:
        """Makes the folder, after sweeping what killed processes left.

        Raises:
            DatabaseUnavailable: no temporary folder can be reached by the server's user.
        """
        uid = account.uid if account else os.geteuid()
        parent = _reachable_parent(account)
        sweep(parent, uid)
        # a folder gets its lasting name with the lock in place: no sweep sees it unlocked
        unfinished = Path(tempfile.mkdtemp(prefix=f"new-{PREFIX}", dir=parent))
        self._lock = os.open(unfinished / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if account is not None:
            os.chown(unfinished, account.uid, account.gid)
        self.path = unfinished.rename(parent / unfinished.name.removeprefix("new-"))

    def remove(self) -> None:
        """Removes the folder and everything in it, then lets the lock go."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def sweep(parent: Path, uid: int) -> None:
    """Removes folders of ``uid`` below ``parent`` whose owner is gone, and their servers."""
    for folder in parent.glob(f"{PREFIX}*"):
        if _belongs_to(folder, uid):
            _remove_if_abandoned(folder)
    for folder in parent.glob(f"new-{PREFIX}*"):
        if _belongs_to(folder, uid) and _age(folder) > UNFINISHED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_if_abandoned(folder: Path) -> None:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        # a removal that was interrupted: the lock file went first
        shutil.rmtree(folder, ignore_errors=True)
        return
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _end_orphan(folder / "data"):
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(lock)


def _end_orphan(data: Path) -> bool:
    """Ends a server that outlived its owner; whether none runs there any more."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return True
    deadline = time.monotonic() + ORPHAN_SECONDS
    while _works_in(pid, data):
        if time.monotonic() > deadline:
            return False
        os.kill(pid, signal.SIGQUIT)
        time.sleep(0.02)
    return True


def _works_in(pid: int, data: Path) -> bool:
    """Whether the process is the server of this folder: a number alone may have a new owner."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    except OSError:
        return False


def _belongs_to(folder: Path, uid: int) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.lstat().st_mtime
    except OSError:
        return 0.0


def _reachable_parent(account: Account | None) -> Path:
    for folder in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108 - mkdtemp follows
        parent = Path(folder).resolve()
        if parent.is_dir() and (account is None or _traversable(parent, account)):
            return parent
    raise DatabaseUnavailable(
        "No temporary folder can be reached by the user PostgreSQL runs as.",
        remedy="Set TMPDIR to a folder that other users may enter, or run as an ordinary user.",
    )


def _traversable(folder: Path, account: Account) -> bool:
    for part in (folder, *folder.parents):
        found = part.stat()
        if found.st_uid == account.uid:
            allowed = stat.S_IXUSR
        elif found.st_gid == account.gid:
            allowed = stat.S_IXGRP
        else:
            allowed = stat.S_IXOTH
        if not found.st_mode & allowed:
            return False
    return True
