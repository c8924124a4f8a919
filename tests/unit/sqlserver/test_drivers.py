"""The drivers: what is missing of the system is named, and what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cdc_daemon.databases.sqlserver.drivers import REMEDY, _missing, _module, odbc_driver
from cdc_daemon.errors import DatabaseUnavailable


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("libltdl.so.7: cannot open shared object file: No such file", "libltdl.so.7"),
        ("libodbc.so.2: cannot open shared object file: No such file", "libodbc.so.2"),
        ("libgssapi_krb5.so.2: cannot open shared object file: x", "libgssapi_krb5.so.2"),
    ],
)
def test_a_library_that_is_missing(said: str, told: str) -> None:
    """The library is named; nothing else of the system's message is."""
    assert _missing(OSError(said)) == f"the system has no {told}"
    assert _missing(OSError("/secret/path: broken")) == "OSError"


def test_a_package_that_is_missing() -> None:
    """It is named, with what to install."""
    with pytest.raises(DatabaseUnavailable, match="no_such_driver is not installed") as told:
        _module("no_such_driver")
    assert "pip install" in told.value.remedy
    assert "apt-get install" in REMEDY


def test_a_driver_that_is_configured_is_taken() -> None:
    """It is the driver manager's to find, and Microsoft's is not looked for."""
    assert odbc_driver("FreeTDS") == "FreeTDS"


def test_nothing_is_loaded_before_it_is_needed() -> None:
    """A daemon without SQL Server starts where none of the drivers can be loaded."""
    program = (
        "import sys\n"
        "import cdc_daemon.databases.sqlserver.database, cdc_daemon.databases.sqlserver.lock\n"
        "import cdc_daemon.databases.sqlserver.source, cdc_daemon.databases.sqlserver.versions\n"
        "print({'pyodbc', 'aioodbc', 'mssql_python'} & set(sys.modules))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout == "set()\n"
