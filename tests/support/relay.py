"""A relay before any server: it passes bytes on, or others, falls silent, cuts, or refuses.

It runs in a thread of its own; its methods may be called from any test, with a loop or without.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Self

from tests.support.listening import stop

CALL_SECONDS = 30.0
_BYTES = 65_536


class Relay:
    """``with Relay(host, port) as relay:`` clients connect to ``127.0.0.1:relay.port``."""

    def __init__(self, host: str, port: int) -> None:
        self.upstream = (host, port)
        self.host = "127.0.0.1"
        self.port = 0
        self.passed = 0
        """Bytes that clients have sent and that were passed on."""
        self.answered = 0
        """Bytes that came back."""
        self.swap: tuple[bytes, bytes] | None = None
        """Bytes of an answer, and what is passed on for them, as long as they."""
        self.keeps = False
        """Clients do not hear that the server has closed their connections."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._answering = asyncio.Event()
        self._links: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._await(self._listen())
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._await(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()

    @property
    def links(self) -> int:
        """Clients that are connected."""
        return len(self._links)

    def fall_silent(self) -> None:
        """Take bytes and connections from now on, and pass nothing on."""
        self._await(self._silence())

    def mute(self) -> None:
        """Hold answers back, and pass on what is asked."""
        self._await(self._muted())

    def heal(self) -> None:
        """Pass on again, also what was held back."""
        self._loop.call_soon_threadsafe(self._flowing.set)
        self._loop.call_soon_threadsafe(self._answering.set)

    def cut(self) -> None:
        """Reset all connections; new ones are taken."""
        self._await(self._cut())

    def refuse(self) -> None:
        """Reset all connections and take none."""
        self._await(self._close())

    async def _silence(self) -> None:
        self._flowing.clear()

    async def _muted(self) -> None:
        self._answering.clear()

    async def _listen(self) -> None:
        self._flowing.set()
        self._answering.set()
        self._server = await asyncio.start_server(self._linked, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await stop(server)
        await self._cut()

    async def _cut(self) -> None:
        for link in (links := set(self._links)):
            link.cancel()
        if links:
            await asyncio.wait(links)

    async def _linked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        try:
            await self._flowing.wait()
            there, back = await asyncio.open_connection(*self.upstream)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pass(reader, back, asked=True))
                    group.create_task(self._pass(there, writer))
            finally:
                back.transport.abort()
        except (asyncio.CancelledError, ExceptionGroup, OSError):
            pass
        finally:
            writer.transport.abort()
            self._links.discard(link)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, asked: bool = False
    ) -> None:
        while data := await reader.read(_BYTES):
            await self._flowing.wait()
            if not asked:
                await self._answering.wait()
            if self.swap and not asked:
                data = data.replace(*self.swap)
            writer.write(data)
            if asked:
                self.passed += len(data)
            else:
                self.answered += len(data)
            await writer.drain()
        if asked or not self.keeps:
            with suppress(OSError, RuntimeError):
                writer.write_eof()

    def _await(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_SECONDS)
