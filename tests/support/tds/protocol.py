"""The wire: packets, encryption, login. The one module that imports pysqlbridge.

pysqlbridge (pinned exactly) knows the bytes of prelogin, login, TLS and the plain tokens; the
order of steps is kept here, so that encryption may be absent and messages stream.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import deque
from dataclasses import dataclass

from pysqlbridge.certificate import self_signed, server_context
from pysqlbridge.tds.batch import skip_all_headers
from pysqlbridge.tds.login import Login7, deobfuscate_password
from pysqlbridge.tds.packet import HEADER_SIZE, PacketType, TdsProtocolError, build_message
from pysqlbridge.tds.prelogin import Encryption, Prelogin, Version, server_response
from pysqlbridge.tds.tls import TlsTunnel, wrap_handshake
from pysqlbridge.tds.token import (
    DoneStatus,
    EnvChangeType,
    done,
    env_change,
    error,
    info,
    login_response,
)
from pysqlbridge.tds.transaction import TransactionRequestType, parse_transaction_request

from tests.support.tds.errors import Disconnected

__all__ = [
    "Channel",
    "DoneStatus",
    "EnvChangeType",
    "Message",
    "PacketType",
    "TransactionRequestType",
    "done",
    "env_change",
    "error",
    "info",
    "login_response",
    "parse_transaction_request",
    "skip_all_headers",
    "tls_context",
]
VERSION = Version(major=16, minor=0, build=4135, subbuild=0)
SERVER_NAME = "TDS-TEST"
END_OF_MESSAGE, IGNORE = 0x01, 0x02
CHUNK = 1 << 18


def tls_context() -> ssl.SSLContext:
    """TLS behind a certificate made now, signed by itself."""
    return server_context(self_signed())


@dataclass(frozen=True, slots=True)
class Message:
    """One whole message of the client; ``reset``: it asks for a fresh session first."""

    type: PacketType
    payload: bytes
    reset: bool


class Channel:
    """One client's socket, from the first byte; used by one thread."""

    def __init__(self, client: socket.socket, context: ssl.SSLContext) -> None:
        self.socket = client
        self.login: Login7 | None = None
        self._context = context
        self._tunnel: TlsTunnel | None = None
        self._encrypted = False
        self._raw = bytearray()
        self._plain = bytearray()
        self._parts: list[bytes] = []
        self._status = 0
        self._messages: deque[Message] = deque()
        self._packet_size = 4096
        self._out = bytearray()
        self._packet_number = 0

    # -- in

    def receive(self) -> Message:
        """The next message, waiting for it.

        Raises:
            Disconnected: the client closed.
        """
        while not self._messages:
            self._read()
        return self._messages.popleft()

    def fileno(self) -> int:
        """The socket's, for ``select``."""
        return self.socket.fileno()

    def attention(self) -> bool:
        """Reads what has arrived without waiting; whether it holds an attention, which is taken."""
        while select.select([self.socket], [], [], 0)[0]:
            self._read()
        found = any(message.type is PacketType.ATTENTION for message in self._messages)
        if found:
            self._messages.clear()  # the client waits for nothing else that it sent before
        return found

    def _read(self) -> None:
        try:
            data = self.socket.recv(CHUNK)
        except OSError as gone:
            raise Disconnected from gone
        if not data:
            raise Disconnected
        if self._encrypted and self._tunnel is not None:
            self._plain += self._tunnel.unwrap(data)
        else:
            self._plain += data
        self._take_packets()

    def _take_packets(self) -> None:
        source, at = self._plain, 0
        view = memoryview(source)
        while len(source) - at >= HEADER_SIZE:
            length = source[at + 2] << 8 | source[at + 3]
            if len(source) - at < length:
                break
            if not self._parts:
                self._status = source[at + 1]
            self._parts.append(bytes(view[at + HEADER_SIZE : at + length]))
            if source[at + 1] & END_OF_MESSAGE:
                self._finish(source[at], ignored=bool(source[at + 1] & IGNORE))
            at += length
        view.release()
        del source[:at]

    def _finish(self, kind: int, *, ignored: bool) -> None:
        payload = b"".join(self._parts)
        self._parts.clear()
        if not ignored:
            reset = bool(self._status & 0x18)
            self._messages.append(Message(PacketType(kind), payload, reset))

    # -- out

    def write(self, data: bytes) -> None:
        """Adds to the answer; whole packets go out as they fill."""
        self._out += data
        room = self._packet_size - HEADER_SIZE
        if len(self._out) > 32 * room:
            whole = (len(self._out) - 1) // room * room
            self._send(bytes(self._out[:whole]), last=False)
            del self._out[:whole]

    def finish(self) -> None:
        """Ends the answer."""
        self._send(bytes(self._out), last=True)
        self._out.clear()
        self._packet_number = 0

    def drop_unsent(self) -> None:
        """Forgets what of the answer has not gone out; only right at a token's boundary."""
        self._out.clear()

    def _send(self, payload: bytes, *, last: bool) -> None:
        packets = build_message(
            PacketType.TABULAR_RESULT,
            payload,
            packet_size=self._packet_size,
            packet_id_start=self._packet_number + 1,
        )
        self._packet_number += len(packets)
        if not last:
            tail = bytearray(packets[-1])
            tail[1] = 0
            packets[-1] = bytes(tail)
        self._send_raw(b"".join(packets))

    def _send_raw(self, data: bytes) -> None:
        if self._encrypted and self._tunnel is not None:
            data = self._tunnel.wrap(data)
        try:
            self.socket.sendall(data)
        except OSError as gone:
            raise Disconnected from gone

    # -- the way in

    def open(self) -> tuple[str, str]:
        """Prelogin, TLS where the client wants it, and the login; gives user and password.

        Raises:
            Disconnected: the client closed.
            TdsProtocolError: it speaks something else.
        """
        first = self.receive()
        if first.type is not PacketType.PRELOGIN:
            raise TdsProtocolError(f"prelogin expected, not {first.type.name}")
        asked = Prelogin.parse(first.payload)
        agreed = self._agree(asked.encryption)
        answer = server_response(version=VERSION, encryption=agreed, asked=asked)
        self.write(answer.build())
        self.finish()
        if agreed is not Encryption.NOT_SUPPORTED:
            self._handshake()
        message = self.receive()
        self._encrypted = agreed is Encryption.ON
        if message.type is not PacketType.LOGIN7:
            raise TdsProtocolError(f"login expected, not {message.type.name}")
        self.login = Login7.parse(message.payload)
        self._packet_size = min(max(self.login.packet_size or 4096, 512), 32767)
        return self.login.user_name, deobfuscate_password(self.login.password)

    @property
    def packet_size(self) -> int:
        """As the client asked, in bytes."""
        return self._packet_size

    @staticmethod
    def _agree(asked: Encryption | None) -> Encryption:
        if asked in {None, Encryption.NOT_SUPPORTED}:
            return Encryption.NOT_SUPPORTED
        return Encryption.OFF if asked is Encryption.OFF else Encryption.ON

    def _handshake(self) -> None:
        """TLS records inside packets until it is done; from then on the login comes bare in TLS."""
        self._tunnel = TlsTunnel(self._context)
        while not self._tunnel.handshake_complete:
            reply = self._tunnel.advance_handshake(self.receive().payload)
            if reply:
                self._send_raw(b"".join(wrap_handshake(reply)))
        self._encrypted = True
