"""The guards: a batch that looks like an accident is not promoted.

A guard says what it saw and what it allows; a tripped one holds the table until a person lets
one batch pass. Shares count only where enough rows make them mean something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from cdc_daemon.model.guard import Guard, GuardLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the guards look at."""

    extracted: int
    counted: int | None
    """Rows the source counted in the snapshot that was read; None where it has no snapshot."""
    usual: tuple[int, ...]
    """Rows extracted by the last promoted batches, newest first."""
    opened: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    rejected: int = 0
    """Rows that cannot be carried."""
    rules_changed: tuple[str, ...] = ()
    """Columns to whose values something else is done than in the open versions."""
    keys_changed: bool = False
    """Whether keys are among them."""


@dataclass(frozen=True, slots=True)
class Trip:
    """A guard that tripped, and why, in numbers."""

    guard: Guard
    reason: str


def trips(facts: Facts, limits: GuardLimits) -> tuple[Trip, ...]:
    """Every guard that the batch trips."""
    return tuple(_trips(facts, limits))


def _trips(facts: Facts, limits: GuardLimits) -> Iterator[Trip]:
    if facts.counted is not None and facts.counted != facts.extracted:
        yield Trip(
            Guard.COUNT,
            f"extracted {facts.extracted} rows, the source counts {facts.counted}",
        )
    if facts.extracted == 0 and facts.usual and facts.usual[0] and not limits.allow_empty:
        yield Trip(Guard.EMPTY, f"extracted no rows, the last batch had {facts.usual[0]}")
    usual = median(facts.usual) if facts.usual else 0
    share = facts.extracted / usual if usual else 1.0
    if usual >= limits.min_rows and 0 < share < limits.min_share_of_usual:
        yield Trip(
            Guard.SHRUNK,
            f"extracted {facts.extracted} rows, usual are {usual:.0f}; "
            f"allowed are {limits.min_share_of_usual:.0%} of that or more",
        )
    yield from _rejected(facts, limits)
    yield from _rules(facts)
    if facts.opened >= limits.min_rows:
        yield from _shares(facts, limits)


def _rejected(facts: Facts, limits: GuardLimits) -> Iterator[Trip]:
    share = facts.rejected / facts.extracted if facts.extracted else 0.0
    allowed = limits.max_quarantine_share if facts.extracted >= limits.min_rows else 1.0
    if share > allowed or (facts.rejected and share >= 1):
        yield Trip(
            Guard.QUARANTINE,
            f"{facts.rejected} of {facts.extracted} rows ({share:.1%}) cannot be carried; "
            f"allowed are {limits.max_quarantine_share:.0%}, and never all",
        )


def _rules(facts: Facts) -> Iterator[Trip]:
    """Whatever the share: that one batch changes what a rule means is never a small thing."""
    changed = facts.updated + facts.deleted + facts.inserted * facts.keys_changed
    if not facts.rules_changed or not changed:
        return
    names = ", ".join(name or "the row filter" for name in facts.rules_changed)
    yield Trip(
        Guard.RULES,
        f"the rules of {names} changed, and with them {changed} rows: new versions would begin"
        + ("" if facts.keys_changed else ", or open ones be rewritten in place")
        + (", under other keys" if facts.keys_changed else ""),
    )


def _shares(facts: Facts, limits: GuardLimits) -> Iterator[Trip]:
    for guard, seen, allowed in (
        (Guard.DELETES, facts.deleted, limits.max_delete_share),
        (Guard.UPDATES, facts.updated, limits.max_update_share),
    ):
        if guard is Guard.UPDATES and facts.rules_changed:
            continue  # they are what ``RULES`` asks about
        if facts.opened and seen / facts.opened > allowed:
            yield Trip(
                guard,
                f"{seen} of {facts.opened} open versions ({seen / facts.opened:.1%}) "
                f"would be closed by {guard.value}; allowed are {allowed:.0%}",
            )
