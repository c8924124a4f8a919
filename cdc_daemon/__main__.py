"""``python -m cdc_daemon``: the same as the command ``cdc-daemon``."""

from __future__ import annotations

import sys

from cdc_daemon.cli.main import run

if __name__ == "__main__":
    sys.exit(run())
