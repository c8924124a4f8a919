"""The tables that are measured: their columns, how rows are made, and how one percent changes.

Everything is deterministic: a number of rows gives the same rows, a round the same changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CHANGED_SHARE = 0.01
_APART = round(1 / CHANGED_SHARE)
SMALL_ROWS = 100
_WIDE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column, and its value in row ``g``."""

    name: str
    type: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A table of schema ``public``; ``changed`` is the assignment that changes a row."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    changed: str
    rows: int

    def create(self) -> Iterator[str]:
        """Statements that make it and its rows, the primary key last."""
        yield f"CREATE TABLE {self.name} ({self.definition()})"
        values = ", ".join(column.value for column in self.columns)
        yield f"INSERT INTO {self.name} SELECT {values} FROM generate_series(1, {self.rows}) AS g"
        yield f"ALTER TABLE {self.name} ADD PRIMARY KEY ({', '.join(self.key)})"

    def definition(self) -> str:
        """Its columns, as in CREATE TABLE."""
        return ", ".join(f"{column.name} {column.type}" for column in self.columns)

    def change(self, number: int) -> str:
        """The statement that changes one row of a hundred, spread evenly; other ones each time."""
        return f"UPDATE {self.name} SET {self.changed} WHERE n % {_APART} = {number % _APART}"

    def changes(self, number: int) -> int:
        """How many rows ``change`` changes: ``n`` runs from 1 to ``rows``."""
        first = number % _APART or _APART
        return len(range(first, self.rows + 1, _APART))


_HASH = "md5(g::text)"
_WHEN = "timestamp '2020-01-01' + g % 100000000 * interval '1.000123 s'"


def mixed(rows: int) -> Shape:
    """Twelve columns of as many types, about 190 bytes a row with the server's own."""
    columns = _columns(
        ("id", "bigint", "g * 7::bigint"),
        ("n", "integer", "g"),
        ("ratio", "double precision", "sqrt(g)"),
        ("amount", "numeric(18,4)", "g * 1.0007"),
        ("name", "varchar(50)", f"'name ' || g || left({_HASH}, 24)"),
        ("note", "text", f"CASE WHEN g % 2 = 0 THEN {_HASH} || {_HASH} END"),
        ("flag", "boolean", "g % 3 = 0"),
        ("made_at", "timestamp", _WHEN),
        ("day", "date", "date '2000-01-01' + g % 9000"),
        ("reference", "uuid", f"{_HASH}::uuid"),
        ("price", "numeric(10,2)", "g % 100000 * 0.37"),
        ("seen_at", "timestamptz", f"({_WHEN}) AT TIME ZONE 'UTC'"),
    )
    changed = "amount = amount + 1, note = 'changed', seen_at = seen_at + interval '1 day'"
    return Shape(name="mixed", columns=columns, key=("id",), changed=changed, rows=rows)


def people(rows: int) -> Shape:
    """Twelve columns, five of which nobody should see."""
    columns = _columns(
        ("id", "bigint", "g"),
        ("n", "integer", "g"),
        ("customer", "text", "'C' || g + 100000000"),
        ("email", "varchar(100)", "'john.doe' || g || '@example' || g % 97 || '.com'"),
        ("phone", "varchar(20)", "'(' || g % 900 + 100 || ') 555-' || g % 8999 + 1000"),
        ("ssn", "char(11)", "g % 899 + 100 || '-' || g % 89 + 10 || '-' || g % 8999 + 1000"),
        ("card", "varchar(19)", "'4' || lpad((g * 7919::bigint % 1000000000000)::text, 15, '0')"),
        ("amount", "numeric(18,4)", "g * 1.0007"),
        ("note", "text", f"CASE WHEN g % 2 = 0 THEN {_HASH} || {_HASH} END"),
        ("flag", "boolean", "g % 3 = 0"),
        ("made_at", "timestamp", _WHEN),
        ("day", "date", "date '2000-01-01' + g % 9000"),
    )
    changed = "amount = amount + 1, email = 'changed' || email"
    return Shape(name="people", columns=columns, key=("id",), changed=changed, rows=rows)


def wide(rows: int) -> Shape:
    """Two hundred columns: the key, ``n``, and ten types in turn."""
    kinds = (
        ("integer", "g % 1000 + {i}"),
        ("numeric(12,2)", "g * 0.01 + {i}"),
        ("varchar(20)", "'v' || g % 5000 + {i}"),
        ("double precision", "g / 3.0 + {i}"),
        ("timestamp", "timestamp '2020-01-01' + g % 100000 * interval '1 min'"),
        ("boolean", "(g + {i}) % 2 = 0"),
        ("date", "date '2000-01-01' + (g + {i}) % 9000"),
        ("bigint", "g * 1000003::bigint + {i}"),
        ("text", "CASE WHEN (g + {i}) % 2 = 0 THEN 'text ' || g END"),
        ("uuid", f"{_HASH}::uuid"),
    )
    turns = ((i, *kinds[i % len(kinds)]) for i in range(_WIDE - 2))
    filled = ((f"c{i:03}", type_, value.format(i=i)) for i, type_, value in turns)
    columns = _columns(("id", "bigint", "g"), ("n", "integer", "g"), *filled)
    return Shape(name="wide", columns=columns, key=("id",), changed="c000 = c000 + 1", rows=rows)


def text_key(rows: int) -> Shape:
    """A text key, as codes of other systems are."""
    columns = _columns(
        ("code", "text", f"'K-' || left({_HASH}, 8) || '-' || g"),
        *_REST,
    )
    return Shape(name="text_key", columns=columns, key=("code",), changed=_REST_CHANGED, rows=rows)


def composite_key(rows: int) -> Shape:
    """A key of text, integer and date."""
    columns = _columns(
        ("branch", "text", "'branch ' || g % 400"),
        ("number", "integer", "g / 400"),
        ("day", "date", "date '2000-01-01' + g % 9000"),
        *_REST,
    )
    return Shape(
        name="composite_key",
        columns=columns,
        key=("branch", "number", "day"),
        changed=_REST_CHANGED,
        rows=rows,
    )


_REST = (
    ("n", "integer", "g"),
    ("amount", "numeric(18,4)", "g * 1.0007"),
    ("note", "text", f"CASE WHEN g % 2 = 0 THEN {_HASH} END"),
    ("made_at", "timestamp", _WHEN),
)
_REST_CHANGED = "amount = amount + 1, note = 'changed'"


def small(number: int) -> Shape:
    """One of many small tables."""
    columns = _columns(("id", "integer", "g"), *_REST)
    name = f"small_{number:04}"
    return Shape(name=name, columns=columns, key=("id",), changed=_REST_CHANGED, rows=SMALL_ROWS)


def _columns(*given: tuple[str, str, str]) -> tuple[Column, ...]:
    """From name, type and value of each."""
    return tuple(Column(name=name, type=type_, value=value) for name, type_, value in given)
