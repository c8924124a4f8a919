"""Runs the programs of an embedded server: start, readiness, end, and the port it listens on.

A started process is known by its number and ended by it; nothing is looked up by name.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from cdc_daemon.databases.postgresql.embedded_binaries import Account, Binaries

START_SECONDS = 60.0
CHILDREN_SECONDS = 5.0
WATCHER = 'read -r _; kill -QUIT "$1"'
PORTS = range(15_000, 32_000)
"""Below the range the system gives to outgoing connections: a port stays free while its
server is down."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a server lives: its folder, its programs, and whom it runs as."""

    folder: Path
    binaries: Binaries
    account: Account | None

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the programs say."""
        return self.folder / "server.log"

    def spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Starts a program; its output goes to the log."""
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - a program that was found, no shell
                [self.binaries.program(program), *arguments],
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
                env=self.binaries.environment(self.folder),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process to act upon
            )

    def watch(self, pid: int) -> subprocess.Popen[bytes]:
        """A process that ends ``pid`` when this process ends, however it ends."""
        return subprocess.Popen(  # noqa: S603 - a constant script and a number
            ["/bin/sh", "-c", WATCHER, "sh", str(pid)],
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
            cwd="/",
            stdin=subprocess.PIPE,  # closes with this process
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def last_words(self, begin: int) -> str:
        """What a program said on giving up; no client was there, so no row is quoted (law 9)."""
        with self.log.open("rb") as file:
            file.seek(begin)
            lines = file.read().decode(errors="replace").splitlines()
        words = [line for line in lines if "FATAL" in line or "error:" in line]
        return " " + words[-1].strip() if words else ""


def becomes_ready(server: subprocess.Popen[bytes], data: Path) -> bool:
    """Waits until the server says that it takes connections; False: it ended instead."""
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            lines = (data / "postmaster.pid").read_text().split("\n")
        except OSError:
            lines = []
        # the file of a killed predecessor names another process
        if lines[:1] == [str(server.pid)] and "ready" in [line.strip() for line in lines[7:]]:
            return True
        time.sleep(0.005)
    end_all(server)
    return False


def end_watcher(watcher: subprocess.Popen[bytes]) -> None:
    """Ends the watcher before its pipe closes: the number it watches may be given anew."""
    watcher.kill()
    watcher.wait()
    if watcher.stdin is not None:
        watcher.stdin.close()


def end_all(server: subprocess.Popen[bytes]) -> None:
    """Kills a server and its children; waits until none holds its memory or sockets."""
    if server.poll() is not None:
        return
    children = _children(server.pid)
    server.kill()
    server.wait()
    for pid in children:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + CHILDREN_SECONDS
    while any(_lives(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.005)


def choose_port() -> int:
    """A port that is free now."""
    for port in random.SystemRandom().sample(PORTS, 100):
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _children(pid: int) -> tuple[int, ...]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return ()  # not Linux: they end by themselves when the parent is gone
    return tuple(int(number) for number in listed.split())


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
