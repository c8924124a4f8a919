"""The guards' verdict on a batch: passed, passed because a person said so, or refused."""

from __future__ import annotations

from collections.abc import Iterable

from cdc_daemon.cdc.guards import Trip
from cdc_daemon.errors import GuardTripped, TooManyChanges
from cdc_daemon.ports.flow import Begun, Compared
from cdc_daemon.ports.telemetry import RunObserver


def judge(begun: Begun, trips: Iterable[Trip], observer: RunObserver) -> None:
    """Go on, or not.

    Raises:
        GuardTripped: naming those that nobody accepted.
    """
    tripped = list(trips)
    accepted = begun.accepted
    refused = [trip for trip in tripped if trip.guard not in accepted]
    observer.passed(tuple(trip.guard for trip in tripped if trip.guard in accepted))
    if refused:
        reasons = "; ".join(f"guard {trip.guard.value}: {trip.reason}" for trip in refused)
        raise GuardTripped(
            f"{begun.job.table.id}: {reasons}", guards=tuple(t.guard.value for t in refused)
        )


def judge_compared(compared: Compared, observer: RunObserver) -> None:
    """The same, and no more changes than the table allows.

    Raises:
        GuardTripped: naming those that nobody accepted.
        TooManyChanges: more than ``max_batch_rows``.
    """
    begun = compared.begun
    judge(begun, compared.trips, observer)
    size, allowed = compared.changes.size, begun.job.table.max_batch_rows
    if size > allowed and not begun.history.is_empty:
        raise TooManyChanges(
            f"{begun.job.table.id}: {size} changes in one batch, allowed are {allowed}"
        )
