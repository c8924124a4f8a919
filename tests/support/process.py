"""The command line as a child process: run to its end, or watched line by line.

The child gets this process's environment without ``CDC_*``; what coverage needs to measure it, stays.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

ROOT = Path(__file__).resolve().parents[2]
LINE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended; ``returncode`` is negative where a signal ended it."""

    returncode: int
    stdout: str
    stderr: str

    def events(self) -> tuple[dict[str, Any], ...]:
        """The JSON objects among the lines of both outputs."""
        return _events((self.stdout + "\n" + self.stderr).splitlines())


def cdc(
    args: Sequence[str],
    config_path: Path | None = None,
    env: Mapping[str, str] | None = None,
    *,
    timeout: float = 120.0,
) -> Completed:
    """Runs ``cdc-daemon ARGS`` to its end."""
    done = subprocess.run(
        _command(args),
        env=environment(config_path, env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Completed(done.returncode, done.stdout, done.stderr)


class Daemon:
    """A command that runs on; both outputs are read as they come. ``with`` kills what is left."""

    def __init__(
        self,
        args: Sequence[str] = ("run",),
        config_path: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._command = _command(args)
        self._environment = environment(config_path, env)
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self._news = threading.Condition()
        self._lines: list[str] = []
        self._open = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self.kill()
        self.wait()

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def returncode(self) -> int | None:
        return self._running().poll()

    @property
    def lines(self) -> tuple[str, ...]:
        """What was said so far, on both outputs."""
        with self._news:
            return tuple(self._lines)

    def events(self) -> tuple[dict[str, Any], ...]:
        """The JSON objects among ``lines``."""
        return _events(self.lines)

    def start(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        outputs = [stream for stream in (self._process.stdout, self._process.stderr) if stream]
        self._open = len(outputs)
        self._readers = [threading.Thread(target=self._read, args=(one,)) for one in outputs]
        for reader in self._readers:
            reader.start()
        return self

    def signal(self, number: int) -> None:
        self._running().send_signal(number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.signal(signal.SIGKILL)

    def wait(self, timeout: float = 60.0) -> Completed:
        """How it ended, all output read; in ``stdout`` both outputs in the order they came."""
        returncode = self._running().wait(timeout)
        for reader in self._readers:
            reader.join(timeout)
        return Completed(returncode, "\n".join(self._lines), "")

    def wait_line(self, match: str | Callable[[str], bool], timeout: float = LINE_SECONDS) -> str:
        """The first line, past or coming, that the regular expression or predicate finds.

        Raises:
            TimeoutError: none came in time.
            EOFError: the process ended its output without one.
        """
        found = match if callable(match) else re.compile(match).search
        deadline = time.monotonic() + timeout
        seen = 0
        with self._news:
            while True:
                for line in self._lines[seen:]:
                    if found(line):
                        return line
                seen = len(self._lines)
                if not self._open:
                    raise EOFError(f"ended without it; said: {self._lines[-20:]}")
                if not self._news.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"not said in time; said: {self._lines[-20:]}")

    def wait_event(self, timeout: float = LINE_SECONDS, **fields: object) -> dict[str, Any]:
        """The first JSON line, past or coming, that has all these fields."""

        def fits(line: str) -> bool:
            return any(fields.items() <= one.items() for one in _events((line,)))

        return _events((self.wait_line(fits, timeout),))[0]

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("not started")
        return self._process

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._news:
                    self._lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._open -= 1
            self._news.notify_all()


def environment(config_path: Path | None, env: Mapping[str, str] | None) -> dict[str, str]:
    """What a child process is given."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("CDC_")}
    found["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), found.get("PYTHONPATH"))))
    found["PYTHONUNBUFFERED"] = "1"
    if config_path is not None:
        found["CDC_CONFIG"] = str(config_path)
    return found | dict(env or {})


def _command(args: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "cdc_daemon", *args]


def _events(lines: Sequence[str]) -> tuple[dict[str, Any], ...]:
    found = []
    for line in lines:
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return tuple(found)
