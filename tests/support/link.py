"""One proxied connection: two pumps, each forwarding what the framer cuts."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.support.failpoints import Verdict
from tests.support.frames import (
    CANCEL_REQUEST,
    GSS_REQUEST,
    SSL_REQUEST,
    Framer,
    startup_code,
    startup_parameters,
)
from tests.support.session import CLIENT_KINDS, SERVER_KINDS, Session

if TYPE_CHECKING:
    from tests.support.proxy import Proxy

CHUNK = 1 << 18


class Link:
    """Serves one accepted connection until either end closes or it is cut."""

    def __init__(
        self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.finished = asyncio.Event()
        self._proxy = proxy
        self._reader = reader
        self._writers = [writer]
        self._pumps: list[asyncio.Task[None]] = []
        self._cut = asyncio.Event()
        self._reset = False

    def cut(self, *, reset: bool) -> None:
        """Breaks both ends: with RST, or with FIN."""
        self._reset = self._reset or reset
        self._cut.set()

    async def run(self) -> None:
        serving = asyncio.create_task(self._serve())
        cutting = asyncio.create_task(self._cut.wait())
        try:
            await asyncio.wait({serving, cutting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (serving, cutting, *self._pumps):
                task.cancel()
            await asyncio.gather(serving, cutting, *self._pumps, return_exceptions=True)
            for writer in self._writers:
                _close(writer, reset=self._reset)
            self.finished.set()

    async def _serve(self) -> None:
        try:
            packet = await self._startup()
            await self._proxy.flowing.wait()
            reader, writer = await asyncio.open_connection(*self._proxy.upstream, limit=1 << 20)
            self._writers.append(writer)
            writer.write(packet)
            down = self._writers[0]
            if startup_code(packet) == CANCEL_REQUEST:
                await _pass(reader, down)
                return
            session = Session(self._proxy.new_connection(), startup_parameters(packet))
            self._pumps = [
                asyncio.create_task(self._client_to_server(session, writer)),
                asyncio.create_task(self._server_to_client(session, reader, down)),
            ]
            await asyncio.wait(self._pumps, return_when=asyncio.FIRST_COMPLETED)
        except (OSError, EOFError):
            return  # an end went away: so does the other

    async def _startup(self) -> bytes:
        """The startup packet; TLS is declined on the way, as the server would."""
        while True:
            head = await self._reader.readexactly(4)
            packet = head + await self._reader.readexactly(int.from_bytes(head, "big") - 4)
            if startup_code(packet) not in {SSL_REQUEST, GSS_REQUEST}:
                return packet
            await self._proxy.flowing.wait()
            self._writers[0].write(b"N")

    async def _client_to_server(self, session: Session, writer: asyncio.StreamWriter) -> None:
        framer = Framer(CLIENT_KINDS)
        while data := await self._read(self._reader):
            for piece in framer.feed(data):
                statement = (
                    session.from_client(piece, self._proxy.next_number()) if piece.kind else None
                )
                if statement is not None:
                    await writer.drain()
                    self._proxy.saw(statement, done=False)
                    if not self._allowed(await self._proxy.judge(statement, after=False)):
                        return
                await self._proxy.flowing.wait()
                writer.write(piece.raw)
            await writer.drain()

    async def _server_to_client(
        self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        framer = Framer(SERVER_KINDS)
        while data := await self._read(reader):
            for piece in framer.feed(data):
                for statement in session.from_server(piece) if piece.kind else ():
                    self._proxy.saw(statement, done=True)
                    if not self._allowed(await self._proxy.judge(statement, after=True)):
                        return
                await self._proxy.flowing.wait()
                writer.write(piece.raw)
            await writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        try:
            data = await reader.read(CHUNK)
        except OSError:
            return b""
        await self._proxy.flowing.wait()
        return data

    def _allowed(self, verdict: Verdict) -> bool:
        if verdict is Verdict.FORWARD:
            return not self._cut.is_set()  # an action may have cut them all
        self.cut(reset=verdict is Verdict.RESET)
        return False


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


def _close(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset:
        sock = writer.get_extra_info("socket")
        if sock is not None:
            with suppress(OSError):  # the other side is gone already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
