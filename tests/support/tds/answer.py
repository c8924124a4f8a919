"""Answers: the tokens that tell a client what its message came to.

Each statement ends with a DONE that says whether another follows, so the last one is held back
until that is known. Within a procedure call they are DONEINPROC, and DONEPROC ends it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat

from tests.support.tds import wire
from tests.support.tds.columns import BUILT_IN, wire_type
from tests.support.tds.errors import SqlError
from tests.support.tds.protocol import (
    SERVER_NAME,
    Channel,
    DoneStatus,
    EnvChangeType,
    env_change,
    error,
    info,
)
from tests.support.tds.results import Chunk, Field
from tests.support.tds.translate import UNNAMED
from tests.support.tds.wire import Column, WireType

DONE, DONE_PROC, DONE_IN_PROC = 0xFD, 0xFE, 0xFF
SELECTED, CHANGED = 0xC1, 0xC3
NUMERIC = 1700
_DONE = struct.Struct("<BHHQ")


class Answer:
    """What is said to one message."""

    def __init__(self, channel: Channel, types: Mapping[int, str]) -> None:
        self._channel = channel
        self._types = types
        self._held: tuple[int, DoneStatus, int, int] | None = None
        self.in_procedure = False

    # -- results

    def rows(self, chunks: Iterable[Chunk], flags: Mapping[tuple[int, int], str]) -> int | None:
        """Streams a result; gives the rows read, or written where there are no columns.

        Args:
            chunks: what the statement gives.
            flags: of table columns (table, number): ``n`` not null, ``i`` identity.
        """
        wires: list[WireType] = []
        count = None
        for chunk in chunks:
            if chunk.fields and not wires:
                wires = self._describe(chunk.fields, chunk, flags)
            if wires and chunk.result.ntuples:
                self._channel.write(_encode(chunk, wires))
            count = chunk.count if chunk.count is not None else count
        return count

    def shape(self, fields: Sequence[Field], flags: Mapping[tuple[int, int], str]) -> None:
        """Only the columns of a result, without rows."""
        self._describe(fields, None, flags)

    def _describe(
        self, fields: Sequence[Field], chunk: Chunk | None, flags: Mapping[tuple[int, int], str]
    ) -> list[WireType]:
        columns = [self._column(at, field, chunk, flags) for at, field in enumerate(fields)]
        self._flush(more=True)
        self._channel.write(wire.metadata(columns))
        return [column.type for column in columns]

    def _column(
        self, at: int, field: Field, chunk: Chunk | None, flags: Mapping[tuple[int, int], str]
    ) -> Column:
        if field.oid == NUMERIC and field.modifier < 0 and chunk is not None:
            kind = wire.decimal(38, _scale(chunk, at))
        else:
            name = BUILT_IN.get(field.oid) or self._types.get(field.oid) or f"oid {field.oid}"
            kind = wire_type(name, field.modifier)
        flag = flags.get((field.table, field.number), "")
        return Column(
            name="" if field.name == UNNAMED else field.name,
            type=kind,
            nullable="n" not in flag,
            identity="i" in flag,
        )

    # -- ends

    def done(self, count: int | None, *, selected: bool = False) -> None:
        """A statement has ended; a count is told where there is one."""
        self._flush(more=True)
        status = DoneStatus.FINAL if count is None else DoneStatus.COUNT
        kind = DONE_IN_PROC if self.in_procedure else DONE
        self._held = (kind, status, SELECTED if selected else CHANGED, count or 0)

    def fail(self, problem: SqlError) -> None:
        """A statement has failed."""
        self._flush(more=True)
        text = str(problem)[:1900]
        self._channel.write(
            error(problem.number, text, severity=problem.severity, server=SERVER_NAME)
        )
        kind = DONE_IN_PROC if self.in_procedure else DONE
        self._held = (kind, DoneStatus.ERROR, 0, 0)

    def procedure(self, status: int, values: Iterable[bytes] = (), *, failed: bool = False) -> None:
        """A procedure call has ended: its status, its output values."""
        self._flush(more=True)
        if not failed:
            self._channel.write(b"\x79" + struct.pack("<i", status) + b"".join(values))
        self._held = (DONE_PROC, DoneStatus.ERROR if failed else DoneStatus.FINAL, 0, 0)

    def message(self, text: str) -> None:
        """What PRINT says."""
        self._flush(more=True)
        self._channel.write(info(0, text, server=SERVER_NAME))

    def transaction(self, kind: EnvChangeType, descriptor: bytes) -> None:
        """A transaction has begun or ended."""
        self._flush(more=True)
        began = kind is EnvChangeType.BEGIN_TRAN
        new, old = (descriptor, b"") if began else (b"", descriptor)
        self._channel.write(env_change(kind, new, old))

    def finish(self) -> None:
        """Ends the answer and sends what is left of it."""
        if self._held is None:
            self._held = (DONE, DoneStatus.FINAL, 0, 0)
        self._flush(more=False)
        self._channel.finish()

    def acknowledge(self, *, interrupted: bool) -> None:
        """Answers an attention, and ends the answer that it interrupted, if any."""
        self._flush(more=True)
        if interrupted:  # without an end of its own the driver would take it for a success
            self._channel.write(_DONE.pack(DONE, int(DoneStatus.ERROR | DoneStatus.MORE), 0, 0))
        self._channel.write(_DONE.pack(DONE, int(DoneStatus.ATTENTION), 0, 0))
        self._channel.finish()

    def _flush(self, *, more: bool) -> None:
        if self._held is not None:
            kind, status, command, count = self._held
            if more:
                status |= DoneStatus.MORE
            self._channel.write(_DONE.pack(kind, int(status), command, count))
            self._held = None


def return_value(handle: int) -> bytes:
    """The RETURNVALUE token of an int output parameter."""
    head = b"\xac" + struct.pack("<HB", 0, 0) + b"\x01" + bytes(4) + bytes(2) + b"\x26\x04"
    return head + b"\x04" + struct.pack("<i", handle)


def _scale(chunk: Chunk, column: int) -> int:
    """The scale that the first rows need; a later one that needs more fails loudly."""
    values = _values(chunk, column)
    scales = [int.from_bytes(raw[6:8], "big") for raw in values if raw is not None]
    return min(max(scales, default=0), 38)


def _values(chunk: Chunk, column: int) -> Iterator[bytes | None]:
    get = chunk.result.get_value
    return (get(row, column) for row in range(chunk.result.ntuples))


def _encode(chunk: Chunk, wires: Sequence[WireType]) -> bytes:
    """ROW tokens: column by column, since that is fast, then put together."""
    count = chunk.result.ntuples
    columns = []
    for at, kind in enumerate(wires):
        encode, null = kind.encode, kind.null
        columns.append([null if raw is None else encode(raw) for raw in _values(chunk, at)])
    return b"".join(chain.from_iterable(zip(repeat(b"\xd1", count), *columns, strict=True)))
