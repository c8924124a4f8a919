"""PostgreSQL's message framing, without I/O.

A stream is cut into pieces: whole messages of the types that were asked for, and runs of
everything else, as they came. Joined, the pieces are the stream.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = 5
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102


@dataclass(frozen=True, slots=True)
class Piece:
    """``kind`` is the message's type letter, or '' for a run of others."""

    kind: str
    raw: bytes

    @property
    def body(self) -> bytes:
        return self.raw[HEADER:]


class Framer:
    """Cuts one direction of one connection, after the startup packet."""

    def __init__(self, wanted: str) -> None:
        self._wanted = frozenset(wanted.encode())
        self._rest = b""  # the begin of a message that has not come whole
        self._skip = 0  # bytes of an unwanted message that are still to come

    def feed(self, data: bytes) -> Iterator[Piece]:
        if self._skip >= len(data):
            self._skip -= len(data)
            yield Piece("", data)
            return
        data = self._rest + data
        size = len(data)
        start, at = 0, self._skip  # [start, at) is the run so far
        self._skip, self._rest = 0, b""
        while size - at >= HEADER:
            end = at + 1 + int.from_bytes(data[at + 1 : at + HEADER], "big")
            if data[at] not in self._wanted:
                at = end
                continue
            if end > size:
                break
            if at > start:
                yield Piece("", data[start:at])
            yield Piece(chr(data[at]), data[at:end])
            start = at = end
        if at > size:
            self._skip, at = at - size, size
        self._rest = data[at:]
        if at > start:
            yield Piece("", data[start:at])


def text(raw: bytes) -> tuple[str, bytes]:
    """The zero-terminated string at the beginning, and what follows it."""
    value, _, rest = raw.partition(b"\0")
    return value.decode(errors="replace"), rest


def startup_code(packet: bytes) -> int:
    """The protocol version or request code of a packet without a type letter."""
    code: int = struct.unpack_from("!i", packet, 4)[0]
    return code


def startup_parameters(packet: bytes) -> dict[str, str]:
    """User, database, application_name and so on, as the client asked for them."""
    found: dict[str, str] = {}
    rest = packet[8:]
    while rest and rest[0]:
        name, rest = text(rest)
        found[name], rest = text(rest)
    return found
