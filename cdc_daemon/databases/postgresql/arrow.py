"""Connections of the Arrow driver; every call here blocks, and belongs in a thread.

A database object of the driver reads the whole catalog of types when it is made: hundreds of
milliseconds where there are thousands of tables. It is therefore made once and shared. That its
catalog grows old is harmless: what is selected has types of PostgreSQL's own (``types``), whose
numbers never change, and the driver takes domains for what they are based on.
"""

from __future__ import annotations

import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement
from adbc_driver_postgresql import StatementOptions
from adbc_driver_postgresql import connect as _database

BATCH_BYTES = 2 * 1024 * 1024
"""Size of an Arrow batch the driver hands over. Smaller ones cost more; of larger ones the five or
so that are under way at a time cost memory (law 11)."""

_OPTIONS = {StatementOptions.BATCH_SIZE_HINT_BYTES.value: str(BATCH_BYTES)}


def open_database(uri: str) -> AdbcDatabase:
    """What connections are made of: connects, reads the catalog of types, disconnects.

    Connections may be made and closed in several threads at once. The driver counts them without
    a lock; all a wrong count does is an error when one is closed, after it was closed.

    Raises:
        adbc_driver_manager.Error: nobody is there, or the login is refused.
    """
    database: AdbcDatabase = _database(uri)
    return database


class ArrowConnection:
    """One connection with one statement, in autocommit.

    Calls must not overlap, but ``cancel`` with another; ``close`` comes last, and once.
    """

    def __init__(self, database: AdbcDatabase) -> None:
        self._batches: pa.RecordBatchReader | None = None
        self._connection = AdbcConnection(database)
        try:
            self._statement = AdbcStatement(self._connection)
        except BaseException:
            self._connection.close()
            raise
        try:
            self._statement.set_options(**_OPTIONS)
        except BaseException:
            self.close()
            raise

    def execute(self, sql: str) -> None:
        """Run a statement that has no rows; what was left of the last query's is dropped."""
        self._forget()
        self._statement.set_sql_query(sql)
        self._statement.execute_update()

    def query(self, sql: str) -> pa.RecordBatchReader:
        """The rows of a query, in batches of about ``BATCH_BYTES``; good until the next call."""
        self._forget()
        self._statement.set_sql_query(sql)
        stream, _ = self._statement.execute_query()
        self._batches = pa.RecordBatchReader.from_stream(stream)
        return self._batches

    def cancel(self) -> None:
        """Ask the server to end what runs; it connects for that."""
        self._statement.cancel()

    def close(self) -> None:
        """Close the rows, the statement, the connection: each, whatever the others say."""
        try:
            self._forget()
        finally:
            try:
                self._statement.close()
            finally:
                self._connection.close()

    def _forget(self) -> None:
        batches, self._batches = self._batches, None
        if batches is not None:
            batches.close()
