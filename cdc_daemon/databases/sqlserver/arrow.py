"""Connections of the Arrow driver, mssql-python; every call here blocks, and belongs in a thread.

What the driver says leaves as ``Fault``: its SQLSTATE and the server's number, without its text
(law 9). The driver drops the number, so the server is asked for it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pyarrow as pa

from cdc_daemon.databases.sqlserver import drivers
from cdc_daemon.databases.sqlserver.batches import BatchSize
from cdc_daemon.databases.sqlserver.errors import Fault
from cdc_daemon.databases.sqlserver.handle import Handle

_STATES = (
    *("01000", "08001", "08004", "08007", "08S01", "22001", "22003", "22008", "22018", "23000"),
    *("28000", "40001", "40003", "42000", "42S01", "42S02", "42S22", "HY000", "HY008", "HYT00"),
    *("HYT01", "IM002", "IM003"),
)
_OTHER_STATE = re.compile(r"SQLSTATE code: ([0-9A-Z]{5})$")
# the bulk copy's own words stand before what the server said, and its numbers first of all
_BULK_NUMBER = re.compile(r"^(?:[A-Z][a-z ]{0,60}: )?Sql Error: (\d+): Class \d+: State \d+: ")
_ROWS_AT_ONCE = 256
"""More are no faster; of columns with a bound, they have some megabytes at most."""
_MOST_ROWS = 65_536
_FROM_SERVER = "[Microsoft][SQL Server]"


class ArrowConnection:
    """One connection with one cursor, in autocommit.

    Calls must not overlap, but ``cancel`` with another; ``close`` comes last, and once.
    """

    def __init__(self, strings: Sequence[str], seconds: int) -> None:
        """Connect to the first server of ``strings`` that answers, each for so many seconds.

        Raises:
            Fault: none does; it is the first one's.
            DatabaseUnavailable: the driver cannot be loaded.
        """
        self._driver = drivers.mssql_python()
        self._size = BatchSize(_ROWS_AT_ONCE, _MOST_ROWS)
        self._handle = Handle()
        self._connection = self._connected(strings, seconds)
        with self._judged():
            self._cursor = cursor = self._connection.cursor()
        # the driver does it by itself where a statement fails, also one that is interrupted
        cursor._reset_cursor = partial(self._handle.replace, cursor._reset_cursor)  # noqa: SLF001

    def execute(self, sql: str) -> None:
        """Run statements that have no rows."""
        with self._judged():
            self._cursor.execute(sql)
            while self._cursor.nextset():  # an error may come with any of them
                pass

    def value(self, sql: str) -> Any:  # noqa: ANN401 - whatever the query selects
        """The first value of a query's only row."""
        with self._judged():
            return self._cursor.execute(sql).fetchone()[0]

    def query(self, sql: str) -> None:
        """Run a query; ``next_batch`` has its rows."""
        with self._judged():
            self._cursor.execute(sql)
        self._size = BatchSize(_ROWS_AT_ONCE, _MOST_ROWS)

    def next_batch(self) -> pa.RecordBatch | None:
        """The next rows, in about as many bytes each time; None after the last ones."""
        fetched: list[pa.RecordBatch] = []
        self._size.begin()
        while self._size.has_room:
            with self._judged():
                rows = self._cursor.arrow_batch(self._size.rows)
            self._size.seen(rows.num_rows, rows.nbytes)
            fetched.append(rows)
        return pa.concat_batches(fetched) if self._size.taken else None

    def copy(self, table: str, batches: pa.RecordBatchReader, names: Sequence[str]) -> int:
        """Bulk copy into a quoted table, in a session of its own, committed; the number of rows."""
        try:
            copied = self._cursor.bulkcopy_arrow(
                table,
                batches,
                timeout=0,  # a long one is cancelled, not timed out
                column_mappings=list(names),
                keep_nulls=True,
                table_lock=True,
            )
        except Exception as error:
            found = _BULK_NUMBER.match(str(error))
            number = int(found[1]) if found else 0
            raise Fault(error, state="" if number else _network(error), number=number) from error
        return int(copied["rows_copied"])

    def cancel(self) -> None:
        """Ask the server to end what runs; comes back when it has."""
        self._handle.interrupt(self._cancelled)

    def close(self) -> None:
        """Close the cursor and the connection."""
        with self._judged():
            try:
                self._handle.close(self._connection.close)
            finally:
                # else it would refer to itself, and be finalized in any thread
                del self._cursor._reset_cursor  # noqa: SLF001

    def forget(self) -> None:
        """Let nobody close it when the process ends: a call on it hangs."""
        self._connection._closed = True  # noqa: SLF001 - its finalizers ask this

    def _cancelled(self) -> None:
        statement = self._cursor.hstmt
        if statement is not None:
            statement._cancel()  # noqa: SLF001 - as the driver's own reader does, from any thread

    def _connected(self, strings: Sequence[str], seconds: int) -> Any:  # noqa: ANN401 - not typed
        first: Fault | None = None
        for string in strings:
            try:
                with self._judged(asking=False):
                    return self._driver.connect(string, autocommit=True, timeout=seconds)
            except Fault as fault:
                first = first or fault
        raise first or ValueError("no server")

    @contextmanager
    def _judged(self, *, asking: bool = True) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            state = _state(error)
            said = str(getattr(error, "ddbc_error", ""))
            number = self._number() if asking and said.startswith(_FROM_SERVER) else 0
            raise Fault(error, state=state, number=number) from error

    def _number(self) -> int:
        """What the server said last, on this connection; 0 where it says nothing any more."""
        with suppress(Exception):  # the connection may be gone: the first error is what is told
            cursor = self._connection.cursor()
            try:
                return int(cursor.execute("SELECT @@ERROR").fetchone()[0])
            finally:
                cursor.close()
        return 0


def _state(error: Exception) -> str:
    """The SQLSTATE: the driver keeps only its own phrase for it."""
    from mssql_python.exceptions import sqlstate_to_exception  # noqa: PLC0415 - it is loaded by now

    phrase = str(getattr(error, "driver_error", ""))
    other = _OTHER_STATE.search(phrase)
    if other:
        return other[1]
    for state in _STATES:
        known = sqlstate_to_exception(state, "")
        if known is not None and known.driver_error == phrase:
            return state
    return "" if isinstance(error, ValueError | TypeError) else "HY000"


def _network(error: Exception) -> str:
    """A bulk copy that has no answer is a ``RuntimeError``; a value it refuses, another."""
    return "08S01" if isinstance(error, RuntimeError | OSError) else ""
