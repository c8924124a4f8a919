"""The driver's database object that readers share, counted by those who use it.

One is made on first need, for all who wait for it at once, and again where the password has
changed. None is closed before its last user has left. A failure is told to those who waited for
it and not remembered.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field

from adbc_driver_manager import AdbcDatabase
from adbc_driver_manager import Error as AdbcError

from cdc_daemon.databases.postgresql.arrow import open_database

PATIENCE_SECONDS = 60.0
"""How long others wait for one that is being made before they make another: a network that
swallowed one connection need not swallow the next."""


@dataclass(slots=True, eq=False)
class Shared:
    """One object, being made or ready."""

    uri: str = field(repr=False)  # law 9: it has the password
    making: asyncio.Future[AdbcDatabase] = field(repr=False)
    began: float
    users: int = 0

    @property
    def failed(self) -> bool:
        """Whether it could not be made."""
        making = self.making
        return making.done() and (making.cancelled() or making.exception() is not None)

    def is_for(self, uri: str) -> bool:
        """Whether a connection by ``uri`` is to be made of it."""
        waited = time.monotonic() - self.began
        in_time = self.making.done() or waited < PATIENCE_SECONDS
        return self.uri == uri and in_time and not self.failed


class SharedDatabases:
    """The object in use; those before it are closed by their last users."""

    def __init__(self) -> None:
        self._current: Shared | None = None

    async def entered(self, uri: str) -> tuple[Shared, AdbcDatabase]:
        """The object, made if need be; the caller leaves it when its connection is closed.

        Raises:
            adbc_driver_manager.Error: it cannot be made.
        """
        shared, before = self._current, None
        if shared is None or not shared.is_for(uri):
            making = asyncio.ensure_future(asyncio.to_thread(open_database, uri))
            before, shared = shared, Shared(uri, making, time.monotonic())
            self._current = shared
        shared.users += 1
        try:
            await self._swept(before)
            return shared, await asyncio.shield(shared.making)
        except BaseException:
            await self.left(shared)
            raise

    async def left(self, shared: Shared) -> None:
        """One user less; the last one of an object that is not in use any more closes it."""
        shared.users -= 1
        await self._swept(shared)

    async def retire(self) -> None:
        """Give up the object in use: whoever comes next has a new one."""
        shared, self._current = self._current, None
        await self._swept(shared)

    async def _swept(self, shared: Shared | None) -> None:
        if shared is None or shared.users or shared is self._current:
            return
        if shared.making.done() and not shared.failed:
            with suppress(AdbcError, RuntimeError):  # a wrong count: see ``open_database``
                await asyncio.to_thread(shared.making.result().close)
