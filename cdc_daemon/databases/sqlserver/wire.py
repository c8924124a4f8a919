"""One ODBC connection with a thread of its own, as asyncio sees it.

Its calls come one after another. What hangs in the driver holds up nobody else, and does not
keep the process from ending (law 7).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from cdc_daemon.databases.sqlserver.errors import translated
from cdc_daemon.databases.sqlserver.handle import Handle
from cdc_daemon.databases.sqlserver.parameters import received, translate
from cdc_daemon.databases.sqlserver.threads import OneThread
from cdc_daemon.databases.sqlserver.waiting import (
    ROLLBACK_SECONDS,
    Alive,
    Interruptible,
    noticed,
)
from cdc_daemon.errors import DatabaseError, DatabaseUnavailable

T = TypeVar("T")

ROLL_BACK = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION"


class Wire:
    """A connection and its one cursor, which aioodbc made; ``opening.connected`` makes one."""

    def __init__(
        self,
        name: str,
        connection: Any,  # noqa: ANN401 - not typed
        cursor: Any,  # noqa: ANN401 - not typed
        thread: OneThread,
        alive: Alive,
    ) -> None:
        self.born = self.used = time.monotonic()
        self.broken = False
        """Whether it is of no use any more."""
        self._doing = f"connection {name}"
        self._connection = taken(connection)
        self._cursor = cursor
        self._thread = thread
        self._handle = Handle()
        # the driver allows this one call beside another
        cancel = partial(self._handle.interrupt, cursor._impl.cancel)  # noqa: SLF001
        self._calls = Interruptible(cancel, alive, self._doing)
        self._left = False

    async def execute(self, statement: str, *values: object) -> int:
        """Run statements; the number of rows that the last one touched of those that tell."""
        text, ordered = translate(statement, values)
        return await self._call(verb(text), self._execute(text, ordered))

    async def fetch(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run statements; the rows of the first that has some."""
        text, ordered = translate(statement, values)
        return await self._call(verb(text), self._fetch(text, ordered))

    async def open(self, select: str) -> None:
        """Run a query whose rows ``next_rows`` fetches."""
        await self._call(verb(select), self._cursor.execute(select))

    async def next_rows(self, most: int) -> Sequence[Sequence[Any]]:
        """The next rows of ``open``; none after the last one."""
        rows: Sequence[Sequence[Any]]
        rows = await self._call("reading", self._cursor.fetchmany(most))
        return rows

    async def load(self, statement: str, values: Sequence[object]) -> None:
        """Run a statement with ``?`` as it is."""
        await self._call("bulk load", self._execute(statement, values))

    async def rolled_back(self) -> None:
        """End whatever transaction is open, at the worst with the connection."""
        if self.broken:
            return
        try:
            async with asyncio.timeout(ROLLBACK_SECONDS):
                await self.execute(ROLL_BACK)
        except (TimeoutError, DatabaseError):
            self.abandon()

    async def close(self) -> None:
        """Close the connection; one that does not answer is left to its thread."""
        if (closed := self._leave()) is not None:
            closing = asyncio.wrap_future(closed)
            closing.add_done_callback(noticed)
            await asyncio.wait({closing}, timeout=ROLLBACK_SECONDS)

    def abandon(self) -> None:
        """Wait no more: the thread closes it when its last call comes back, if ever."""
        self._leave()

    def _leave(self) -> Future[Any] | None:
        self.broken = True
        if self._left:
            return None
        self._left = True
        closed = self._thread.submit(self._handle.close, self._closed)
        self._thread.shutdown()
        return closed

    def _closed(self) -> None:
        """In the connection's thread, after its last call.

        The cursor before the connection: a finalizer that finds it open leaves an error in
        whatever thread it happens to run.
        """
        try:
            self._cursor._impl.close()  # noqa: SLF001
        finally:
            self._connection.close()

    async def _execute(self, text: str, values: Sequence[object]) -> int:
        cursor, touched = self._cursor, 0
        await cursor.execute(text, *values)
        while True:
            if cursor.rowcount >= 0:
                touched = cursor.rowcount
            if not await cursor.nextset():  # an error may come with any of them
                return touched

    async def _fetch(self, text: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        cursor = self._cursor
        await cursor.execute(text, *values)
        while cursor.description is None and await cursor.nextset():
            pass
        rows = await cursor.fetchall() if cursor.description is not None else []
        while await cursor.nextset():
            pass
        return [tuple(received(value) for value in row) for row in rows]

    async def _call(self, doing: str, work: Coroutine[Any, Any, T]) -> T:
        doing = f"{self._doing}: {doing}"
        if self.broken:
            work.close()
            raise DatabaseUnavailable(f"{doing}: the connection is gone")
        with self._judged(doing):
            return await self._calls.wait_for(work)

    @contextmanager
    def _judged(self, doing: str) -> Iterator[None]:
        try:
            with translated(doing):
                yield
        except DatabaseUnavailable:
            self.broken = True
            raise
        finally:
            self.used = time.monotonic()
            if self._calls.abandoned:
                self.abandon()


def taken(connection: Any) -> Any:  # noqa: ANN401 - not typed
    """The driver's connection, of which aioodbc knows no more.

    It would close it at the first broken network, even while somebody interrupts a call of it,
    and its finalizer would block the loop.
    """
    driver, connection._conn = connection._conn, None  # noqa: SLF001
    return driver


def verb(statement: str) -> str:
    """The first words of a statement, for messages: never its names or values."""
    return " ".join(statement.split(None, 2)[:2])
