"""What the Arrow driver takes in a connection string, asked of the driver itself."""

from __future__ import annotations

from mssql_python import connection_string_parser as parser

from cdc_daemon.databases.sqlserver.address import native
from cdc_daemon.model.config import ConnectionSpec, SqlServerSpec


def test_the_arrow_driver_knows_every_keyword() -> None:
    """mssql-python refuses keywords that are not on its list, and empty values."""
    given = ConnectionSpec(
        name="core",
        engine="sqlserver",
        host="db1",
        port=1433,
        database="sales;x",
        user="reader",
        sqlserver=SqlServerSpec(failover_partner="db2"),
    )
    for password in ("x", "", None):
        for string in native(given, password):
            found = parser._ConnectionStringParser(validate_keywords=True)._parse(string)
            assert found["uid"] == "reader"
            assert ("pwd" in found) == bool(password)
