"""What every session of ours sets, and what is checked once when it is connected. Text only.

A filtered index is written to only under these options (DESIGN 7), and law 3 rests on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cdc_daemon.errors import StatementFailed
from cdc_daemon.model.config import ConnectionSpec

PROPERTIES: Mapping[str, int] = MappingProxyType(
    {
        "ANSI_NULLS": 1,
        "ANSI_PADDING": 1,
        "ANSI_WARNINGS": 1,
        "ARITHABORT": 1,
        "CONCAT_NULL_YIELDS_NULL": 1,
        "QUOTED_IDENTIFIER": 1,
        "NUMERIC_ROUNDABORT": 0,
    }
)
_OTHERS = "SET XACT_ABORT ON; SET IMPLICIT_TRANSACTIONS OFF; SET NOCOUNT OFF"

CHECK = "SELECT " + ", ".join(f"CAST(SESSIONPROPERTY('{name}') AS int)" for name in PROPERTIES)


def setup(spec: ConnectionSpec) -> str:
    """One batch, the first of a session."""
    named = "; ".join(f"SET {name} {'ON' if on else 'OFF'}" for name, on in PROPERTIES.items())
    return f"{named}; {_OTHERS}; {lock_timeout(spec)}"


def lock_timeout(spec: ConnectionSpec) -> str:
    """How long a statement may wait for somebody else's lock."""
    return f"SET LOCK_TIMEOUT {int(spec.lock_timeout_seconds * 1000)}"


def refuse_others(name: str, found: tuple[int | None, ...]) -> None:
    """Refuse a session whose options are not those that were set.

    Raises:
        StatementFailed: naming them.
    """
    wrong = [
        option
        for (option, wanted), value in zip(PROPERTIES.items(), found, strict=True)
        if value != wanted
    ]
    if wrong:
        raise StatementFailed(
            f"connection {name}: the session's options {', '.join(wrong)} are not as they were set",
            remedy="Remove what changes them: a login trigger, or a proxy before the server.",
        )
