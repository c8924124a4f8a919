"""The part of a table that one batch covers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """Everything, named ``all``; other strategies cover less."""

    name: str = "all"


WHOLE = Window()
REPLAY = Window("replay")
"""The rows in quarantine: it moves no checkpoint."""
