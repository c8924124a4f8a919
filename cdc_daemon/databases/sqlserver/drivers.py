"""The drivers and what they need of the system, looked for when a connection is first made.

Nothing here is imported before: a daemon without SQL Server needs none of it.
"""

from __future__ import annotations

import ctypes
import importlib
import re
from types import ModuleType
from typing import cast

from cdc_daemon.errors import DatabaseUnavailable

_LIBRARY = re.compile(r"^([\w.+-]+\.(?:so|dylib)[\w.]*): cannot open")
REMEDY = (
    "Install what the driver needs: on Debian and Ubuntu `apt-get install unixodbc libltdl7 "
    "libkrb5-3 libgssapi-krb5-2`, on Red Hat `dnf install unixODBC libtool-ltdl krb5-libs`, on "
    "Alpine `apk add unixodbc libltdl krb5-libs`; or name another ODBC driver: `driver:`."
)
PACKAGES = "Install the drivers: `pip install aioodbc pyodbc mssql-python`."


def aioodbc() -> ModuleType:
    """The asynchronous face of pyodbc, which leaves pooling to us; blocks when it is first loaded.

    Raises:
        DatabaseUnavailable: it is not installed, or a library of the system is missing.
    """
    own = vars(_module("pyodbc"))
    own["pooling"] = False  # heeded when the first connection is made
    own["native_uuid"] = True
    return _module("aioodbc")


def mssql_python() -> ModuleType:
    """The Arrow driver, without its pool; blocks when it is first loaded.

    Raises:
        DatabaseUnavailable: as ``odbc_driver``.
    """
    module = _module("mssql_python")
    module.pooling(enabled=False)
    microsoft_driver()  # it loads the same library, and says less of what is missing
    return module


def odbc_driver(given: str | None) -> str:
    """What to write after ``Driver=``: what is configured, or Microsoft's driver's path.

    Raises:
        DatabaseUnavailable: Microsoft's driver cannot be loaded; it says for want of what.
    """
    return given if given is not None else microsoft_driver()


def microsoft_driver() -> str:
    """The path of Microsoft's driver, as its package tells it for this system.

    Raises:
        DatabaseUnavailable: it is not there, or cannot be loaded.
    """
    path = _module("mssql_python").get_native_provider_info()["driver_path"]
    if path is None:
        raise DatabaseUnavailable(
            "Microsoft's ODBC driver is not there for this system", code="IM002", remedy=PACKAGES
        )
    try:
        ctypes.CDLL(path)
    except OSError as error:
        raise DatabaseUnavailable(
            f"Microsoft's ODBC driver cannot be loaded: {_missing(error)}",
            code="IM003",
            remedy=REMEDY,
        ) from error
    return cast("str", path)


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise DatabaseUnavailable(
            f"the package {error.name} is not installed", code="IM002", remedy=PACKAGES
        ) from error
    except ImportError as error:
        raise DatabaseUnavailable(
            f"{name} cannot be loaded: {_missing(error)}", code="IM003", remedy=REMEDY
        ) from error


def _missing(error: Exception) -> str:
    found = _LIBRARY.match(str(error))
    return f"the system has no {found[1]}" if found else type(error).__name__
