"""Command lines that cannot be meant."""

from __future__ import annotations

from collections.abc import Sequence

from cdc_daemon.errors import CdcError, ExitCode


class UsageError(CdcError):
    """The command line names what is not there, or leaves open what is meant."""

    exit_code = ExitCode.USAGE
    remedy = "`cdc-daemon status` lists the tables; `--help` says what a command takes."

    def __init__(self, problems: Sequence[str], *, remedy: str | None = None) -> None:
        super().__init__("\n".join(problems), remedy=remedy)
