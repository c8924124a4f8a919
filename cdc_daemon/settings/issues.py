"""What is wrong with a configuration, said so that the reader can mend it.

Law 9: an issue names files, lines and keys, never a value; a key that could hold one by a slip
of the keyboard (``password:secret``) is cut.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cdc_daemon.errors import ConfigError
from cdc_daemon.settings.node import Loc, Origin

_ORDINARY_KEY = re.compile(r"[A-Za-z0-9_.\-\[\]]{1,64}")


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Issue:
    """One thing to mend; the order is that of files and lines, variables last."""

    origin: Origin
    path: str = ""
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.origin}: {self.path}" if self.path else str(self.origin)
        return f"{where}: {self.message}; {self.remedy}"


def shown(key: str) -> str:
    """A key as it may be printed: from the first unusual character on it is cut."""
    match = _ORDINARY_KEY.match(key)
    start = match.group() if match else ""
    return start if start == key else f"{start}…"


def shown_path(loc: Loc) -> str:
    """``tables[0].key`` for ``("tables", 0, "key")``."""
    text = ""
    for step in loc:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{shown(step)}" if text else shown(step)
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy: the nearest of the known words, or all of them."""
    words = sorted(known)
    by_folded = {each.casefold(): each for each in words}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{by_folded[near[0]]}'?"
    return f"known here: {', '.join(words)}" if words else "remove it"


def as_error(issues: Iterable[Issue]) -> ConfigError:
    """All issues as one error, sorted by file and line, each said once."""
    return ConfigError([str(issue) for issue in sorted(set(issues))])
