"""What sqlglot does not read, or would lose, taken out of a statement before it is parsed.

Strings, binaries and variables become ``@k0``, ``@k1`` ...; CAST and CONVERT become calls with
the type as text; hints, OPTION, OUTPUT and the TOP of UPDATE and DELETE are set aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.support.tds.errors import Refused
from tests.support.tds.lexer import Cursor, Token, close, spell, split_commas
from tests.support.tds.template import Value

HINTS = frozenset(
    [
        "NOLOCK",
        "READUNCOMMITTED",
        "READCOMMITTED",
        "READCOMMITTEDLOCK",
        "REPEATABLEREAD",
        "SERIALIZABLE",
        "HOLDLOCK",
        "UPDLOCK",
        "XLOCK",
        "TABLOCK",
        "TABLOCKX",
        "ROWLOCK",
        "PAGLOCK",
        "READPAST",
        "NOWAIT",
        "KEEPIDENTITY",
    ]
)
OPTIONS = frozenset(
    [
        "RECOMPILE",
        "MAXDOP",
        "HASH",
        "LOOP",
        "MERGE",
        "JOIN",
        "ORDER",
        "GROUP",
        "CONCAT",
        "UNION",
        "FORCE",
        "FAST",
    ]
)
WRITERS = frozenset({"INSERT", "UPDATE", "DELETE"})


@dataclass(slots=True)
class Prepared:
    """A statement ready for sqlglot, and what was set aside."""

    text: str = ""
    values: list[Value | str] = field(default_factory=list)
    hints: set[str] = field(default_factory=set)
    output: str = ""
    top: str = ""


def prepare(parts: Sequence[Token]) -> Prepared:
    """Sets a SELECT, INSERT, UPDATE or DELETE (with its WITH) in order for sqlglot.

    Raises:
        Refused: a hint or option that is not served; OUTPUT INTO.
    """
    prepared = Prepared()
    left = _without_hints(list(parts), prepared)
    left = _writer_clauses(left, prepared)
    prepared.text = spell(_slots(left, prepared))
    return prepared


def _without_hints(parts: list[Token], prepared: Prepared) -> list[Token]:
    """Takes ``WITH (hint, ...)`` and ``OPTION (...)`` out, at any depth."""
    out: list[Token] = []
    at = 0
    while at < len(parts):
        token = parts[at]
        follows = at + 1 < len(parts) and parts[at + 1].upper == "("
        if token.upper in {"WITH", "OPTION"} and follows:
            stop = close(parts, at + 1)
            inner = parts[at + 2 : stop - 1]
            known = HINTS if token.upper == "WITH" else OPTIONS
            for hint in inner:
                if hint.upper not in known and hint.upper != "," and hint.kind != "number":
                    raise Refused(f"{token.upper} ({spell(inner)})")
            if token.upper == "WITH":
                prepared.hints |= {hint.upper for hint in inner if hint.upper != ","}
            at = stop
            continue
        out.append(token)
        at += 1
    return out


def _writer_clauses(parts: list[Token], prepared: Prepared) -> list[Token]:
    """Takes TOP and OUTPUT out of INSERT, UPDATE and DELETE; mends DELETE FROM x FROM y."""
    start = _verb(parts)
    if start is None:
        return parts
    cursor = Cursor(parts[start + 1 :])
    head = parts[: start + 1]
    if cursor.accept("TOP"):
        if parts[start].upper == "INSERT":
            raise Refused("INSERT TOP")
        prepared.top = spell(_slots(cursor.group(), prepared))
        if cursor.peek().upper == "PERCENT":
            raise Refused("TOP PERCENT")
    body = cursor.rest()
    place = _at_top_level(body, {"OUTPUT"})
    if place is not None:
        stop = place + 1 + (_at_top_level(body[place + 1 :], _ENDS_OUTPUT) or 0)
        if stop == place + 1:
            stop = len(body)
        output = body[place + 1 : stop]
        if any(token.upper == "INTO" for token in output):
            raise Refused("OUTPUT INTO")
        prepared.output = spell(_slots(output, prepared))
        body = body[:place] + body[stop:]
    if parts[start].upper == "DELETE" and body and body[0].upper == "FROM":
        second = _at_top_level(body[1:], {"FROM"})
        body = body[1:] if second is not None else body
    elif parts[start].upper == "DELETE" and _at_top_level(body, {"FROM"}) is None:
        body = [Token("word", "FROM", "FROM"), *body]
    return head + body


_ENDS_OUTPUT = {"VALUES", "SELECT", "FROM", "WHERE", "DEFAULT", "WITH"}


def _verb(parts: Sequence[Token]) -> int | None:
    """Where the INSERT, UPDATE or DELETE of the statement stands, if it is one."""
    if parts[0].upper in WRITERS:
        return 0
    if parts[0].upper != "WITH":
        return None
    return _at_top_level(parts, set(WRITERS))


def _at_top_level(parts: Sequence[Token], words: set[str] | frozenset[str]) -> int | None:
    depth = 0
    for at, token in enumerate(parts):
        depth += {"(": 1, ")": -1}.get(token.upper, 0)
        if depth == 0 and token.upper in words:
            return at
    return None


def _slots(parts: list[Token], prepared: Prepared) -> list[Token]:
    """Constants and variables as numbered variables, casts as calls, parameters of FETCH in ()."""
    out: list[Token] = []
    cursor = Cursor(parts)
    while not cursor.end:
        token = cursor.take()
        called = cursor.peek().upper == "("
        if token.upper in {"CAST", "CONVERT", "TRY_CAST", "TRY_CONVERT", "PARSE"} and called:
            out += _conversion(token.upper, cursor.group(), prepared)
        elif token.kind == "string" and out and out[-1].upper == "ESCAPE":
            out.append(token)
        elif token.kind in {"string", "binary", "variable"}:
            slot = _slot(_value(token), prepared)
            fetched = bool(out) and out[-1].upper in {"NEXT", "FIRST"}
            out += [_PAREN[0], slot, _PAREN[1]] if fetched else [slot]
        elif token.kind == "number" and "e" in token.text.lower():
            out.append(_slot(Value("float", token.text), prepared))
        else:
            out.append(token)
    return out


_PAREN = (Token("sign", "(", "("), Token("sign", ")", ")"))


def _conversion(word: str, inner: list[Token], prepared: Prepared) -> list[Token]:
    """``CAST(x AS T)`` as ``tds_cast(x, @type)``; a CONVERT's style is a third argument."""
    if word == "CAST":
        depth, place = 0, None
        for at, token in enumerate(inner):
            depth += {"(": 1, ")": -1}.get(token.upper, 0)
            if depth == 0 and token.upper == "AS":
                place = at
        if place is None:
            raise Refused("CAST without AS")
        pieces = [inner[place + 1 :], inner[:place]]
    elif word == "CONVERT":
        pieces = split_commas(inner)
    else:
        raise Refused(word)
    kind, value, *style = pieces
    out = [Token("word", "tds_cast", "TDS_CAST"), _PAREN[0], *_slots(value, prepared)]
    out += [Token("sign", ",", ","), _slot(Value("type", spell(kind)), prepared)]
    for one in style:
        out += [Token("sign", ",", ","), *_slots(one, prepared)]
    return [*out, _PAREN[1]]


def _value(token: Token) -> Value | str:
    if token.kind == "variable":
        return token.text.lower()
    if token.kind == "binary":
        digits = token.text[2:]
        return Value("binary", bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits))
    return Value("nvarchar" if token.text.startswith("N") else "varchar", token.value)


def _slot(value: Value | str, prepared: Prepared) -> Token:
    prepared.values.append(value)
    return Token("variable", f"@k{len(prepared.values) - 1}", "")
