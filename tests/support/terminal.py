"""A command as a person at a terminal sees it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

from tests.support.process import environment
from tests.support.site import Site

CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def on_terminal(site: Site, *arguments: str) -> tuple[int, str]:
    """Exit code and everything shown, terminal controls included."""
    ours, theirs = pty.openpty()
    shown = bytearray()
    with subprocess.Popen(
        [sys.executable, "-m", "cdc_daemon", *arguments],
        env=environment(site.path, {**site.env, "TERM": "xterm-256color", "COLUMNS": "160"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        with suppress(OSError):  # raised when the other end is closed: the process is done
            while piece := os.read(ours, 65_536):
                shown += piece
    os.close(ours)
    return process.returncode, shown.decode()
