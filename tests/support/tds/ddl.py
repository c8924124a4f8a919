"""CREATE, ALTER, DROP and TRUNCATE in PostgreSQL's words: several statements for one.

An index goes by a name made of its table's and its own, since PostgreSQL wants it unique in the
schema; its real name and its filter as T-SQL wrote it are in its comment, as JSON, like the notes
about columns that PostgreSQL has no place for. A disabled index is only marked as such.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

from tests.support.tds import tables
from tests.support.tds.dml import expression, translate
from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.lexer import Cursor, Token, spell, split_commas
from tests.support.tds.template import identifier, quoted
from tests.support.tds.types import parse_type

INDEX_OPTIONS = frozenset(
    [
        "FILLFACTOR",
        "SORT_IN_TEMPDB",
        "ONLINE",
        "MAXDOP",
        "DATA_COMPRESSION",
        "DROP_EXISTING",
        "STATISTICS_NORECOMPUTE",
        "PAD_INDEX",
        "ALLOW_ROW_LOCKS",
        "ALLOW_PAGE_LOCKS",
        "IGNORE_DUP_KEY",
    ]
)


def define(parts: Sequence[Token], database: str) -> tuple[str, ...]:
    """The statements that carry out one of T-SQL's.

    Raises:
        Refused: it is of a kind that is not served.
    """
    cursor = Cursor(parts)
    verb = cursor.take().upper
    if verb == "TRUNCATE":
        cursor.expect("TABLE")
        table = relation(cursor.dotted(), database)
        _finish(cursor)
        return (f"TRUNCATE {table} RESTART IDENTITY",)
    forms: dict[str, Callable[[Cursor, str], tuple[str, ...]] | None] = {
        "CREATE": _create,
        "ALTER": _alter,
        "DROP": _drop,
    }
    form = forms.get(verb)
    if form is None:
        raise Refused(spell(parts)[:80])
    return form(cursor, database)


def relation(names: Sequence[str], database: str) -> str:
    """A table's, view's or type's name for PostgreSQL: ``dbo`` where no schema is given."""
    *before, name = names
    schema = before[-1] if before and before[-1] else "dbo"
    if len(before) > 1 and before[-2].lower() not in {"", database.lower(), "tempdb"}:
        raise SqlError(2702, f"Database '{before[-2]}' does not exist.")
    if name.startswith("#"):
        return f"pg_temp.{identifier(name)}"
    return f"{identifier(schema)}.{identifier(name)}"


def index_name(table: str, name: str) -> str:
    """The name of an index in PostgreSQL."""
    mark = hashlib.sha256(f"{table}/{name}".encode()).hexdigest()[:10]
    return f"{name.encode()[:40].decode(errors='ignore')}~{mark}"


def _finish(cursor: Cursor) -> None:
    if not cursor.end:
        raise Refused(f"{spell(cursor.parts)[:60]} ... {spell(cursor.rest())}")


def _create(cursor: Cursor, database: str) -> tuple[str, ...]:
    if cursor.accept("SCHEMA"):
        name = identifier(cursor.dotted()[0])
        if cursor.accept("AUTHORIZATION"):
            cursor.dotted()
        _finish(cursor)
        return (f"CREATE SCHEMA {name}",)
    if cursor.accept("TABLE"):
        return tables.create(cursor, database, relation)
    if cursor.accept("TYPE"):
        return _create_type(cursor, database)
    replaces = cursor.accept("OR", "ALTER")
    if cursor.accept("VIEW"):
        return _view(cursor, database, replaces=replaces)
    unique = cursor.accept("UNIQUE")
    if not (cursor.accept("CLUSTERED") or cursor.accept("NONCLUSTERED")):
        pass
    if cursor.accept("INDEX"):
        return _index(cursor, database, unique=unique)
    raise Refused(spell(cursor.parts)[:80])


def _create_type(cursor: Cursor, database: str) -> tuple[str, ...]:
    name = relation(cursor.dotted(), database)
    cursor.expect("FROM")
    rest = cursor.rest()
    required = spell(rest[-2:]).upper() == "NOT NULL"
    if required or (rest and rest[-1].upper == "NULL"):
        rest = rest[: -2 if required else -1]
    base = parse_type(spell(rest))
    if base is None:
        raise Refused(f"CREATE TYPE FROM {spell(rest)}")
    return (f"CREATE DOMAIN {name} AS {base.postgres()}",)


def _view(cursor: Cursor, database: str, *, replaces: bool) -> tuple[str, ...]:
    name = relation(cursor.dotted(), database)
    columns = ""
    if cursor.peek().upper == "(":
        names = [identifier(piece[0].name) for piece in split_commas(cursor.group())]
        columns = f" ({', '.join(names)})"
    if cursor.accept("WITH"):
        cursor.expect("SCHEMABINDING")
    cursor.expect("AS")

    def unknown(name: str) -> None:
        raise SqlError(137, f'Must declare the scalar variable "{name}".')

    body = translate([token for token in cursor.rest() if token.text != ";"], database)
    query = body.template.fill(unknown)  # type: ignore[arg-type]
    dropped = (f"DROP VIEW IF EXISTS {name}",) if replaces else ()
    return (*dropped, f"CREATE VIEW {name}{columns} AS {query}")


def _index(cursor: Cursor, database: str, *, unique: bool) -> tuple[str, ...]:
    name = cursor.dotted()[0]
    cursor.expect("ON")
    table = relation(cursor.dotted(), database)
    keys = [_key(piece) for piece in split_commas(cursor.group())]
    included, condition, note = "", "", {"name": name}
    if cursor.accept("INCLUDE"):
        columns = [identifier(piece[0].name) for piece in split_commas(cursor.group())]
        included = f" INCLUDE ({', '.join(columns)})"
    if cursor.accept("WHERE"):
        filtered = []
        while not cursor.end and cursor.peek().upper not in {"WITH", "ON"}:
            filtered.append(cursor.take())
        condition = f" WHERE {expression(filtered, database)}"
        note["filter"] = f"({_canonical(filtered)})"
    _index_options(cursor)
    made = index_name(table, name)
    schema = table.rpartition('."')[0]
    return (
        (
            f"CREATE {'UNIQUE ' if unique else ''}INDEX {identifier(made)} ON {table} ({', '.join(keys)})"
            f"{included}{' NULLS NOT DISTINCT' if unique else ''}{condition}"
        ),
        f"COMMENT ON INDEX {schema}.{identifier(made)} IS {quoted(json.dumps(note))}",
    )


def _key(piece: Sequence[Token]) -> str:
    direction = piece[1].upper if len(piece) > 1 else "ASC"
    if len(piece) > 2 or direction not in {"ASC", "DESC"}:
        raise Refused(f"an index key {spell(piece)}")
    nulls = "FIRST" if direction == "ASC" else "LAST"
    return f"{identifier(piece[0].name)} {direction} NULLS {nulls}"


def _index_options(cursor: Cursor) -> None:
    if cursor.accept("WITH"):
        for piece in split_commas(cursor.group()):
            if piece[0].upper not in INDEX_OPTIONS:
                raise Refused(f"the index option {spell(piece)}")
    if cursor.accept("ON"):
        cursor.dotted()
    _finish(cursor)


def _canonical(parts: Sequence[Token]) -> str:
    """A filter as SQL Server shows it: names in brackets, no spaces round signs."""
    words = {"IS", "NOT", "NULL", "AND", "OR", "IN"}
    pieces = [
        token.text.upper()
        if token.upper in words
        else f"[{token.name}]"
        if token.kind in {"word", "bracket", "quoted"}
        else f"({token.text})"
        if token.kind == "number"
        else token.text
        for token in parts
    ]
    text = " ".join(pieces)
    for sign in ("=", "<", ">", "<>", "<=", ">=", ","):
        text = text.replace(f" {sign} ", sign)
    return text


def _alter(cursor: Cursor, database: str) -> tuple[str, ...]:
    if cursor.accept("TABLE"):
        return tables.alter(cursor, database, relation)
    if cursor.accept("VIEW"):
        return _view(cursor, database, replaces=True)
    cursor.expect("INDEX")
    name = cursor.dotted()[0]
    cursor.expect("ON")
    table = relation(cursor.dotted(), database)
    disabled = cursor.accept("DISABLE")
    if not disabled:
        cursor.expect("REBUILD")
    _index_options(cursor)
    return (f"SELECT tds.mark_index({quoted(table)}, {quoted(name)}, {str(disabled).lower()})",)


def _drop(cursor: Cursor, database: str) -> tuple[str, ...]:
    kind = cursor.take().upper
    if kind not in {"TABLE", "VIEW", "SCHEMA", "INDEX", "TYPE"}:
        raise Refused(f"DROP {kind}")
    guard = "IF EXISTS " if cursor.accept("IF", "EXISTS") else ""
    names = []
    while True:
        names.append(_dropped(cursor, kind, database))
        if not cursor.accept(","):
            break
    _finish(cursor)
    word = "DOMAIN" if kind == "TYPE" else kind
    return tuple(f"DROP {word} {guard}{name}" for name in names)


def _dropped(cursor: Cursor, kind: str, database: str) -> str:
    names = cursor.dotted()
    if kind == "SCHEMA":
        return identifier(names[0])
    if kind != "INDEX":
        return relation(names, database)
    cursor.expect("ON")
    table = relation(cursor.dotted(), database)
    return f"{table.rpartition('.')[0]}.{identifier(index_name(table, names[-1]))}"
