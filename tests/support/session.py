"""Follows one client's statements through the protocol, without I/O.

A statement is a simple query, an Execute, or the CopyDone that ends a COPY's data. It is done
when the server says ReadyForQuery for the cycle it belongs to.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tests.support.frames import Piece, text

CLIENT_KINDS = "QPBECSFc"
SERVER_KINDS = "ZG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a client asked for; ``number`` counts from 1 over all connections since ``reset``."""

    number: int
    connection: int
    kind: str
    """``query``, ``execute`` or ``copy_done``."""
    sql: str
    """As in Query or Parse; of a ``copy_done``, the COPY statement's."""
    application: str
    database: str


@dataclass(slots=True)
class _Cycle:
    """What one ReadyForQuery ends."""

    sync: bool = True
    statements: list[Statement] = field(default_factory=list)


class Session:
    """One connection after startup; its counter is given by the proxy."""

    def __init__(self, connection: int, parameters: dict[str, str]) -> None:
        self.connection = connection
        self.application = parameters.get("application_name", "")
        self.database = parameters.get("database", "")
        self._prepared: dict[str, str] = {}
        self._portals: dict[str, str] = {}
        self._open = _Cycle()
        self._sent = deque([_Cycle(sync=False)])  # ended by the first ReadyForQuery, of the login
        self._last_sql = ""

    def from_client(self, piece: Piece, number: int) -> Statement | None:
        """Takes a message; the statement it is, numbered ``number``, or None."""
        match piece.kind:
            case "Q":
                self._last_sql = text(piece.body)[0]
                statement = self._statement("query", number)
                self._sent.append(_Cycle(sync=False, statements=[statement]))
                return statement
            case "E":
                self._last_sql = self._portals.get(text(piece.body)[0], "")
                statement = self._statement("execute", number)
                self._open.statements.append(statement)
                return statement
            case "c":
                statement = self._statement("copy_done", number)
                # a COPY of a simple query is ended by the query's cycle
                cycle = self._sent[-1] if self._sent and not self._sent[-1].sync else self._open
                cycle.statements.append(statement)
                return statement
            case "S":
                self._sent.append(self._open)
                self._open = _Cycle()
            case "F":
                self._sent.append(_Cycle())
            case _:
                self._name(piece)
        return None

    def from_server(self, piece: Piece) -> tuple[Statement, ...]:
        """Takes a message; the statements that are done with it."""
        if piece.kind == "G":
            self._copy_begins()
            return ()
        return tuple(self._sent.popleft().statements) if self._sent else ()

    def _copy_begins(self) -> None:
        """In COPY the server ignores the Sync already sent: the next one ends its statements."""
        if self._sent and self._sent[0].sync:
            ignored = self._sent.popleft()
            self._open.statements[:0] = ignored.statements

    def _name(self, piece: Piece) -> None:
        if piece.kind == "P":
            name, rest = text(piece.body)
            self._prepared[name] = text(rest)[0]
        elif piece.kind == "B":
            portal, rest = text(piece.body)
            self._portals[portal] = self._prepared.get(text(rest)[0], "")
        elif piece.kind == "C":
            names = self._prepared if piece.body[:1] == b"S" else self._portals
            names.pop(text(piece.body[1:])[0], None)

    def _statement(self, kind: str, number: int) -> Statement:
        return Statement(
            number=number,
            connection=self.connection,
            kind=kind,
            sql=self._last_sql,
            application=self.application,
            database=self.database,
        )
