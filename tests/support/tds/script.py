"""Scripts: batches split into statements, with IF and BEGIN ... END.

Statements need no semicolon between them in T-SQL: one ends where a word begins another, unless
that word belongs to the one that runs (INSERT ... SELECT, UPDATE ... SET, UNION SELECT).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.lexer import Cursor, Token

STARTERS = frozenset(
    [
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "WITH",
        "CREATE",
        "ALTER",
        "DROP",
        "TRUNCATE",
        "SET",
        "DECLARE",
        "EXEC",
        "EXECUTE",
        "IF",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVE",
        "PRINT",
        "USE",
        "RAISERROR",
        "THROW",
        "MERGE",
        "WHILE",
        "RETURN",
        "GRANT",
        "REVOKE",
        "DENY",
        "BULK",
        "KILL",
        "WAITFOR",
        "GOTO",
        "DBCC",
        "BACKUP",
        "RESTORE",
        "OPEN",
        "FETCH",
        "CLOSE",
        "DEALLOCATE",
        "RECONFIGURE",
        "CHECKPOINT",
    ]
)
FOLLOWERS = {
    "INSERT": frozenset({"SELECT", "EXEC", "EXECUTE", "WITH", "BULK"}),
    "UPDATE": frozenset({"SET"}),
    "WITH": frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"}),
    "ALTER": frozenset({"ALTER", "DROP", "SET", "CHECK"}),
    "GRANT": frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "EXECUTE", "ALTER"}),
}
WHOLE = frozenset({"VIEW", "PROCEDURE", "PROC", "FUNCTION", "TRIGGER"})
"""Objects whose definition takes the rest of the batch."""
JOINED_BY = frozenset(
    {"UNION", "ALL", "EXCEPT", "INTERSECT", "AS", "OR", "ON", "FOR", "OF", ",", "."}
)
"""Words after which a starter goes on with the statement before it."""


@dataclass(frozen=True, slots=True)
class Plain:
    """One statement."""

    parts: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class If:
    """IF condition statement [ELSE statement]."""

    condition: tuple[Token, ...]
    then: tuple[Node, ...]
    otherwise: tuple[Node, ...]


Node = Plain | If


def parse(parts: Sequence[Token]) -> tuple[Node, ...]:
    """The statements of a script.

    Raises:
        Refused: TRY, WHILE, GOTO, labels, RETURN.
        SqlError: a block does not end.
    """
    cursor = Cursor(parts)
    nodes: list[Node] = []
    while not cursor.end:
        nodes += _statement(cursor)
    return tuple(nodes)


def _statement(cursor: Cursor) -> tuple[Node, ...]:
    if cursor.accept(";"):
        return ()
    first = cursor.peek()
    if first.upper == "IF":
        cursor.take()
        return (_if(cursor),)
    if first.upper == "BEGIN" and cursor.peek(1).upper not in {"TRAN", "TRANSACTION"}:
        cursor.take()
        return _block(cursor)
    if first.upper not in STARTERS:
        if first.kind in {"word", "bracket"}:  # a batch may call a procedure without EXEC
            return (Plain((Token("word", "EXEC", "EXEC", first.at), *_plain(cursor))),)
        raise SqlError(102, f"Incorrect syntax near '{first.text}'.")
    if first.upper in {"WHILE", "GOTO", "RETURN", "MERGE", "BULK", "THROW", "RAISERROR"}:
        raise Refused(first.upper)
    return (Plain(_plain(cursor)),)


def _block(cursor: Cursor) -> tuple[Node, ...]:
    if cursor.peek().upper in {"TRY", "CATCH", "DISTRIBUTED", "ATOMIC", "DIALOG"}:
        raise Refused(f"BEGIN {cursor.peek().upper}")
    nodes: list[Node] = []
    while not cursor.accept("END"):
        if cursor.end:
            raise SqlError(102, "Incorrect syntax: BEGIN without END.")
        nodes += _statement(cursor)
    return tuple(nodes)


def _if(cursor: Cursor) -> If:
    condition: list[Token] = []
    cases = 0
    while not (cases == 0 and condition and cursor.peek().upper in STARTERS):
        if cursor.peek().upper == "(":
            condition += [Token("sign", "(", "("), *cursor.group(), Token("sign", ")", ")")]
            continue
        token = cursor.take()
        cases += {"CASE": 1, "END": -1}.get(token.upper, 0)
        condition.append(token)
    then = _statement(cursor)
    ahead = 0
    while cursor.peek(ahead).upper == ";":
        ahead += 1
    otherwise: tuple[Node, ...] = ()
    if cursor.peek(ahead).upper == "ELSE":
        cursor.at += ahead + 1
        otherwise = _statement(cursor)
    return If(tuple(condition), then, otherwise)


def _plain(cursor: Cursor) -> tuple[Token, ...]:
    """One statement: to a semicolon, or a word that begins another or ends the block."""
    first = cursor.take()
    out = [first]
    expected = set(FOLLOWERS.get(first.upper, ()))
    cases = 0
    while not cursor.end:
        token = cursor.peek()
        if token.upper == "(":
            stop = cursor.at
            cursor.group()
            out += cursor.parts[stop : cursor.at]
            continue
        if token.upper == ";":
            break
        cases += {"CASE": 1}.get(token.upper, 0)
        if token.upper == "END" and cases == 0 and first.upper not in {"BEGIN", "COMMIT"}:
            break
        if token.upper == "ELSE" and cases == 0:
            break
        cases -= 1 if token.upper == "END" else 0
        if token.upper in STARTERS and not _goes_on(first, token, out, cursor, expected):
            break
        out.append(cursor.take())
        if first.upper in {"CREATE", "ALTER"} and token.upper in WHOLE and len(out) <= 4:
            out += cursor.rest()
    return tuple(out)


def _goes_on(
    first: Token, token: Token, out: list[Token], cursor: Cursor, expected: set[str]
) -> bool:
    """Whether a word that could begin a statement belongs to the one that runs."""
    word, before = token.upper, out[-1].upper
    if before in JOINED_BY and not (before == "ON" and first.upper == "SET"):
        return True
    if word == "WITH":  # hints, options; a common table expression has a name first
        return cursor.peek(1).upper == "(" or first.upper == "INSERT"
    if word == "IF":
        return first.upper in {"DROP", "CREATE"}
    if first.upper in {"SET", "EXEC", "EXECUTE", "DECLARE", "PRINT"}:
        return word == "OPEN" or (first.upper == "SET" and before == "SET")
    if first.upper in {"CREATE", "DROP", "ALTER", "GRANT", "REVOKE", "DENY"} and len(out) == 1:
        return True
    if word in expected:
        if first.upper in {"UPDATE", "INSERT"}:
            expected.clear()
        if first.upper == "WITH":
            expected.clear()
            expected.update(FOLLOWERS.get(word, ()))
        return True
    return word == "FETCH" and "OFFSET" in {part.upper for part in out}
