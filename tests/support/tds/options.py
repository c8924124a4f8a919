"""SET: the options that are accepted, each named here; any other is refused."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.facts import OPTIONS
from tests.support.tds.lexer import Token, spell, split_commas
from tests.support.tds.session import Session

WITHOUT_EFFECT = frozenset(
    {"TEXTSIZE", "DATEFORMAT", "LANGUAGE", "DATEFIRST", "DEADLOCK_PRIORITY", "ANSI_NULL_DFLT_OFF"}
)
ANSI = ("ANSI_NULLS", "ANSI_PADDING", "ANSI_WARNINGS", "QUOTED_IDENTIFIER", "ANSI_NULL_DFLT_ON")


def set_option(session: Session, parts: Sequence[Token]) -> None:
    """One SET statement, without its SET.

    Raises:
        Refused: an option that is not served, or a value it does not have.
    """
    first = parts[0].upper
    if first == "TRANSACTION":
        level = " ".join(token.upper for token in parts[3:])
        if spell(parts[1:3]).upper() != "ISOLATION LEVEL":
            raise Refused(f"SET {spell(parts)}")
        session.set_level(level)
        return
    if first == "LOCK_TIMEOUT":
        session.set_lock_timeout(_number(parts[1:]))
        return
    if first == "ROWCOUNT" and spell(parts[1:]) == "0":
        return
    if first == "DATEFORMAT" and parts[1].upper not in {"YMD", "MDY"}:
        raise Refused(f"SET {spell(parts)}")
    if first in WITHOUT_EFFECT and len(parts) in {2, 3}:
        return
    value = parts[-1].upper
    if value not in {"ON", "OFF"}:
        raise Refused(f"SET {spell(parts)}")
    for piece in split_commas(parts[:-1]):
        _switch(session, spell(piece).upper(), on=value == "ON")


def _switch(session: Session, name: str, *, on: bool) -> None:
    if name == "ANSI_DEFAULTS":
        for one in ANSI:
            session.options[one] = on
        return
    if name == "ANSI_NULLS" and not on:
        raise Refused("SET ANSI_NULLS OFF")
    if name not in OPTIONS:
        raise Refused(f"SET {name}")
    session.options[name] = on


def _number(parts: Sequence[Token]) -> int:
    try:
        return int(spell(parts).replace(" ", ""))
    except ValueError:
        raise SqlError(102, f"Incorrect syntax near '{spell(parts)}'.") from None
