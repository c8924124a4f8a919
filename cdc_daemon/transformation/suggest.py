"""Errors about names that do not exist, with the one that was meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from cdc_daemon.errors import ConfigError


def one_of(name: str, known: Iterable[str], what: str) -> str:
    """``name``, if it is one of ``known``.

    Raises:
        ConfigError: it is not; the text says what was probably meant, and what there is.
    """
    names = list(known)
    if name in names:
        return name
    raise ConfigError([unknown(name, names, what)])


def unknown(name: str, known: Iterable[str], what: str) -> str:
    """The sentence about a name that is not known."""
    names = [str(one) for one in known]
    folded = {one.casefold(): one for one in names}
    close = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    meant = f"; is it '{folded[close[0]]}'?" if close else ""
    return f"unknown {what} '{name}'{meant} (there are: {', '.join(names)})"
