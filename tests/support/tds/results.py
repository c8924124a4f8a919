"""Results of PostgreSQL: their columns, and their rows in chunks."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import pq


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a PostgreSQL result; ``table`` and ``number`` where it is a table's column."""

    name: str
    oid: int
    modifier: int
    table: int
    number: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a result, or its end; ``count`` at its end: rows read or written."""

    fields: tuple[Field, ...]
    result: pq.abc.PGresult
    count: int | None


def fields_of(result: pq.abc.PGresult) -> tuple[Field, ...]:
    """The columns of a result."""
    return tuple(
        Field(
            name=(result.fname(at) or b"").decode(),
            oid=result.ftype(at),
            modifier=result.fmod(at),
            table=result.ftable(at),
            number=result.ftablecol(at),
        )
        for at in range(result.nfields)
    )
