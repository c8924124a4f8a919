"""What a session begins with, and what the server says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tests.support.tds.protocol import SERVER_NAME

OPTIONS: Mapping[str, bool] = MappingProxyType(
    {
        "QUOTED_IDENTIFIER": True,
        "ANSI_NULLS": True,
        "ANSI_PADDING": True,
        "ANSI_WARNINGS": True,
        "ANSI_NULL_DFLT_ON": True,
        "ARITHABORT": False,
        "CONCAT_NULL_YIELDS_NULL": True,
        "NUMERIC_ROUNDABORT": False,
        "CURSOR_CLOSE_ON_COMMIT": False,
        "IMPLICIT_TRANSACTIONS": False,
        "XACT_ABORT": False,
        "NOCOUNT": False,
        "FMTONLY": False,
        "NO_BROWSETABLE": False,
    }
)
LEVELS: Mapping[str, str] = MappingProxyType(
    {
        "READ UNCOMMITTED": "READ COMMITTED",
        "READ COMMITTED": "READ COMMITTED",
        "REPEATABLE READ": "REPEATABLE READ",
        "SNAPSHOT": "REPEATABLE READ",
        "SERIALIZABLE": "SERIALIZABLE",
    }
)
VERSION = "Microsoft SQL Server 2022 (TDS test server over PostgreSQL) - 16.0.4135.4 (X64)"
PROPERTIES: Mapping[str, object] = MappingProxyType(
    {
        "productversion": "16.0.4135.4",
        "productmajorversion": "16",
        "productminorversion": "0",
        "productlevel": "RTM",
        "edition": "Developer Edition (64-bit)",
        "engineedition": 3,
        "servername": SERVER_NAME,
        "machinename": SERVER_NAME,
        "instancename": None,
        "collation": "SQL_Latin1_General_CP1_CI_AS",
        "iscollationcasesensitive": 0,
        "isintegratedsecurityonly": 0,
    }
)
