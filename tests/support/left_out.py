"""Which suites this machine cannot run, and for want of what."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cdc_daemon.databases.sqlserver import drivers
from cdc_daemon.errors import DatabaseUnavailable

SQLSERVER = (
    "integration/test_sqlserver_*.py",
    "integration/test_tds_*.py",
    "e2e/test_sqlserver_*.py",
    "unit/sqlserver/test_driver_*.py",
)
"""Files that need Microsoft's drivers; contracts and laws leave out the engine."""


@cache
def missing_for_sqlserver() -> str | None:
    """What Microsoft's drivers lack here; None where they can be used."""
    try:
        drivers.aioodbc()
        drivers.microsoft_driver()
    except DatabaseUnavailable as error:
        return f"{error}. {error.remedy}"
    return None


def is_left_out(path: Path) -> bool:
    """Whether a file of tests is not for this machine."""
    return any(path.match(each) for each in SQLSERVER) and missing_for_sqlserver() is not None
