"""INSERT BULK: the rows of a bulk load, straight into PostgreSQL's binary COPY.

Each column has a function from the bytes that came to the bytes that COPY takes, chosen once by
what comes and where it goes. A pair that has none is refused before the first row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.support.tds.answer import Answer
from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.lexer import Cursor, Token, spell, split_commas, tokens
from tests.support.tds.recode import recoder
from tests.support.tds.session import Session
from tests.support.tds.template import identifier, quoted
from tests.support.tds.values import TypeInfo, read_raw, read_type

OPTIONS = frozenset(
    [
        "TABLOCK",
        "CHECK_CONSTRAINTS",
        "FIRE_TRIGGERS",
        "KEEP_NULLS",
        "ROWS_PER_BATCH",
        "KILOBYTES_PER_BATCH",
        "ORDER",
    ]
)
HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
ROW, NULL_BITMAP_ROW, COLUMNS, DONE = 0xD1, 0xD2, 0x81, 0xFD
CHUNK = 1 << 18
INSERTED = 0xC3
Recode = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the rows go: a table, and its columns in the order of the load."""

    table: str
    columns: tuple[str, ...]


def load(session: Session, answer: Answer, statement: str, payload: bytes) -> None:
    """Stores the rows of a bulk load, all or none.

    Raises:
        SqlError: a row does not fit; nothing is stored.
    """
    target = parse_target(tokens(statement), session.identity.database)
    infos, at = read_columns(payload)
    if len(infos) != len(target.columns):
        raise SqlError(4808, "The bulk load has other columns than it was announced with.")
    kinds = _kinds(session, target)
    recoders = [
        recoder(info, *kinds[name], name) for info, name in zip(infos, target.columns, strict=True)
    ]
    names = ", ".join(identifier(name) for name in target.columns)
    copy = f"COPY {target.table} ({names}) FROM STDIN (FORMAT binary)"
    guarded = session.guarded()
    if guarded:
        session.backend.run("SAVEPOINT tds_statement")
    try:
        count = session.backend.copy_in(copy, rows(payload, at, infos, recoders))
    except SqlError:
        if guarded:
            session.backend.run("ROLLBACK TO tds_statement; RELEASE tds_statement")
        raise
    if guarded:
        session.backend.run("RELEASE tds_statement")
    session.row_count = count
    answer.done(count)


def parse_target(parts: Sequence[Token], database: str) -> Target:
    """What ``INSERT BULK t (a int, ...) WITH (...)`` names.

    Raises:
        Refused: an option that is not served.
    """
    cursor = Cursor(parts)
    cursor.expect("INSERT", "BULK")
    names = cursor.dotted()
    schema = names[-2] if len(names) > 1 and names[-2] else "dbo"
    if len(names) > 2 and names[-3].lower() not in {"", database.lower(), "tempdb"}:
        raise SqlError(208, f"Invalid object name '{spell(parts[2:6])}'.")
    where = "pg_temp" if names[-1].startswith("#") else identifier(schema)
    columns = tuple(piece[0].name for piece in split_commas(cursor.group()))
    if cursor.accept("WITH"):
        for option in split_commas(cursor.group()):
            if option[0].upper not in OPTIONS:
                raise Refused(f"INSERT BULK ... WITH ({spell(option)})")
    return Target(f"{where}.{identifier(names[-1])}", columns)


def read_columns(payload: bytes) -> tuple[list[TypeInfo], int]:
    """The types of the columns as they come, and the place of the first row."""
    if not payload or payload[0] != COLUMNS:
        raise SqlError(4804, "The bulk load does not begin with its columns.")
    count = payload[1] | payload[2] << 8
    at = 3
    infos = []
    for _ in range(count):
        info, at = read_type(payload, at + 6)
        if info.kind in {0x22, 0x23, 0x63}:
            raise Refused("text, ntext or image in a bulk load; use the (max) types")
        at += 1 + 2 * payload[at]
        infos.append(info)
    return infos, at


def rows(
    payload: bytes, at: int, infos: Sequence[TypeInfo], recoders: Sequence[Recode]
) -> Iterator[bytes]:
    """The rows in PostgreSQL's binary COPY format, in pieces."""
    out = bytearray(HEADER)
    head = len(infos).to_bytes(2, "big")
    end = len(payload)
    pairs = list(zip(infos, recoders, strict=True))
    while at < end and payload[at] != DONE:
        missing = b""
        if payload[at] == NULL_BITMAP_ROW:
            size = (len(infos) + 7) // 8
            missing = payload[at + 1 : at + 1 + size]
            at += size
        elif payload[at] != ROW:
            raise SqlError(4804, f"A bulk load has an unknown token 0x{payload[at]:02x}.")
        at += 1
        out += head
        for column, (info, recode) in enumerate(pairs):
            if missing and missing[column >> 3] >> (column & 7) & 1:
                out += NULL
                continue
            raw, at = read_raw(payload, at, info)
            if raw is None:
                out += NULL
            else:
                value = recode(raw)
                out += len(value).to_bytes(4, "big")
                out += value
        if len(out) > CHUNK:
            yield bytes(out)
            out.clear()
    yield bytes(out + TRAILER)


def _kinds(session: Session, target: Target) -> dict[str, tuple[str, int]]:
    """PostgreSQL's type and modifier of each column of the table, by name.

    Raises:
        SqlError: the table or a column is not there.
    """
    found = session.backend.rows(
        "SELECT a.attname, CASE WHEN n.nspname = 'tds' THEN 'tds.' ELSE '' END || t.typname, a.mod "
        "FROM (SELECT a.attname, CASE WHEN d.typtype = 'd' THEN d.typbasetype ELSE d.oid END AS kind, "
        "CASE WHEN d.typtype = 'd' THEN d.typtypmod ELSE a.atttypmod END AS mod "
        "FROM pg_attribute a JOIN pg_type d ON d.oid = a.atttypid "
        f"WHERE a.attrelid = {quoted(target.table)}::regclass AND a.attnum > 0 AND NOT a.attisdropped) a "
        "JOIN pg_type t ON t.oid = a.kind JOIN pg_namespace n ON n.oid = t.typnamespace"
    )
    kinds = {str(name): (str(kind), int(modifier or 0)) for name, kind, modifier in found}
    for name in target.columns:
        if name not in kinds:
            raise SqlError(207, f"Invalid column name '{name}'.")
    return kinds
