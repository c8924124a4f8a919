"""One PostgreSQL session: statements run while somebody watches the client's socket.

Raises ``SqlError`` for what PostgreSQL refuses, ``Cancelled`` when the watcher saw an attention,
``Disconnected`` when the client or PostgreSQL is gone.
"""

from __future__ import annotations

import select
from collections.abc import Iterable, Iterator
from typing import Protocol

from psycopg import pq

from tests.support.tds.errors import UNSERVED, Cancelled, Disconnected, SqlError, from_postgres
from tests.support.tds.results import Chunk, Field, fields_of
from tests.support.tds.template import quoted

ROWS_AT_ONCE = 500
CANCEL_AGAIN = 0.05
"""Seconds."""
SETTINGS = (
    "SET search_path = pg_catalog, dbo, tds; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; "
    "SET client_min_messages = error; SET client_encoding = 'UTF8'"
)
_ANSWERS = {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.TUPLES_CHUNK, pq.ExecStatus.COMMAND_OK}


class Watch(Protocol):
    """The client, while a statement of its runs."""

    def fileno(self) -> int:
        """The socket to watch."""
        ...

    def attention(self) -> bool:
        """Called when the socket is readable; True: cancel. Raises Disconnected."""
        ...


class Backend:
    """One session."""

    def __init__(self, dsn: str, watch: Watch, name: str) -> None:
        self._name = name
        self._connection = pq.PGconn.connect(dsn.encode())
        if self._connection.status != pq.ConnStatus.OK:
            raise Disconnected(self._connection.get_error_message())
        self._watch = watch
        self.prepare_session()

    def prepare_session(self) -> None:
        """Settings that translated statements rely on; the name is what sys.dm_exec_sessions reads."""
        self.run(f"{SETTINGS}; SET application_name = {quoted(self._name)}")

    def last_identity(self) -> str | None:
        """What the last identity column gave in this session, None before the first."""
        try:
            return self.value("SELECT lastval()")
        except SqlError:
            return None

    @property
    def pid(self) -> int:
        """PostgreSQL's process."""
        return self._connection.backend_pid

    def close(self) -> None:
        """Ends the session; its locks go at once. What runs is cancelled."""
        if self._connection.transaction_status == pq.TransactionStatus.ACTIVE:
            self._cancel()
        self._connection.finish()

    def run(self, script: str) -> None:
        """Runs statements whose results nobody wants."""
        self._connection.send_query(_encoded(script))
        for _ in self._results():
            pass

    def value(self, query: str) -> str | None:
        """The one value of a query, as text."""
        found = None
        self._connection.send_query(_encoded(query))
        for result in self._results():
            if result.ntuples:
                raw = result.get_value(0, 0)
                found = None if raw is None else raw.decode()
        return found

    def rows(self, query: str) -> list[tuple[str | None, ...]]:
        """All rows of a query, as text."""
        found = []
        self._connection.send_query(_encoded(query))
        for result in self._results():
            for row in range(result.ntuples):
                values = (result.get_value(row, column) for column in range(result.nfields))
                found.append(tuple(None if raw is None else raw.decode() for raw in values))
        return found

    def execute(self, statement: str) -> Iterator[Chunk]:
        """Runs one statement; its rows come in chunks, in PostgreSQL's binary form.

        The iterator must be run to its end.
        """
        self._connection.send_query_params(_encoded(statement), None, result_format=1)
        self._connection.set_chunked_rows_mode(ROWS_AT_ONCE)
        fields: tuple[Field, ...] = ()
        read = 0
        for result in self._results():
            fields = fields or fields_of(result)
            read += result.ntuples
            end = result.status != pq.ExecStatus.TUPLES_CHUNK
            count = (read if fields else result.command_tuples) if end else None
            if end and result.command_tuples is not None and not _reads(result):
                count = result.command_tuples
            yield Chunk(fields, result, count)

    def describe(self, statement: str) -> tuple[tuple[Field, ...], tuple[int, ...]]:
        """The columns a statement would return, and the types of its ``$n``; runs nothing."""
        prepared = self._connection.prepare(b"", _encoded(statement))
        _raise_for(prepared)
        described = self._connection.describe_prepared(b"")
        _raise_for(described)
        parameters = tuple(described.param_type(at) for at in range(described.nparams))
        return fields_of(described), parameters

    def copy_in(self, statement: str, chunks: Iterable[bytes]) -> int:
        """Runs a COPY ... FROM STDIN; gives the rows stored. An error of ``chunks`` undoes it."""
        self._connection.send_query(_encoded(statement))
        begun = self._connection.get_result()
        if begun is None or begun.status != pq.ExecStatus.COPY_IN:
            for _ in self._results(begun):
                pass
            raise Disconnected("COPY did not begin")
        try:
            for chunk in chunks:
                self._connection.put_copy_data(chunk)
        except BaseException:
            self._connection.put_copy_end(b"the load failed")
            while self._connection.get_result() is not None:
                pass
            raise
        self._connection.put_copy_end()
        return max((result.command_tuples or 0 for result in self._results()), default=0)

    def _results(self, first: pq.abc.PGresult | None = None) -> Iterator[pq.abc.PGresult]:
        """Every result of what was sent; an error is raised behind the last one."""
        failed = None if first is None else _error_of(first)
        cancelled = finished = False
        try:
            while True:
                while self._connection.is_busy():
                    cancelled = self._wait(cancelled=cancelled)
                result = self._connection.get_result()
                if result is None:
                    break
                failed = failed or _error_of(result)
                if failed is None and not cancelled:
                    yield result
            finished = True
        except Disconnected:
            finished = True  # the session ends: nothing to tidy up
            raise
        finally:
            if not finished:  # whoever read the rows could not go on
                self._abandon()
        if cancelled:
            raise Cancelled
        if failed is not None:
            raise failed

    def _abandon(self) -> None:
        if self._connection.status == pq.ConnStatus.OK:
            self._cancel()
            while self._connection.get_result() is not None:
                pass

    def _wait(self, *, cancelled: bool) -> bool:
        """Waits for PostgreSQL or the client; whether the statement has been cancelled."""
        database, client = self._connection.socket, self._watch.fileno()
        if cancelled:
            ready = select.select([database], [], [], CANCEL_AGAIN)[0]
            if not ready:  # a cancel that came before the statement had begun does nothing
                self._cancel()
        else:
            ready = select.select([database, client], [], [])[0]
        if client in ready and self._watch.attention():
            self._cancel()
            return True
        if database in ready:
            try:
                self._connection.consume_input()
            except Exception as gone:
                raise Disconnected from gone
        return cancelled

    def _cancel(self) -> None:
        self._connection.get_cancel().cancel()


def _encoded(sql: str) -> bytes:
    if "\0" in sql:
        raise SqlError(UNSERVED, "The TDS test server cannot store the character NUL.")
    try:
        return sql.encode()
    except UnicodeEncodeError:
        raise SqlError(UNSERVED, "The TDS test server cannot store lone surrogates.") from None


def _reads(result: pq.abc.PGresult) -> bool:
    return (result.command_status or b"").startswith(b"SELECT")


def _error_of(result: pq.abc.PGresult) -> SqlError | None:
    if result.status in _ANSWERS:
        return None
    if result.status in {pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT}:
        return SqlError(UNSERVED, "COPY outside a bulk load")
    state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    text = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode()
    constraint = (result.error_field(pq.DiagnosticField.CONSTRAINT_NAME) or b"").decode()
    if constraint and constraint not in text:
        text = f"{text} ({constraint})"
    return from_postgres(state, text or "the database is gone")


def _raise_for(result: pq.abc.PGresult) -> None:
    error = _error_of(result)
    if error is not None:
        raise error
