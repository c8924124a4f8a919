"""Errors as a label: our own classes, and one word for all others, so that values are bounded."""

from __future__ import annotations

from cdc_daemon.errors import CdcError

NONE = "none"
UNEXPECTED = "unexpected"


def error_kind(kind: str | None) -> str:
    """``none`` without an error, ``unexpected`` for a defect, else the class."""
    if kind is None:
        return NONE
    return kind if kind in _kinds(CdcError) else UNEXPECTED


def _kinds(error: type[CdcError]) -> frozenset[str]:
    below = (_kinds(each) for each in error.__subclasses__())
    return frozenset({error.__name__}).union(*below)
