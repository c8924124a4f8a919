"""The guards' verdict on a batch: passed, passed because a person said so, or refused."""

from __future__ import annotations

from collections.abc import Iterable

from cdc_daemon.cdc.guards import Trip
from cdc_daemon.errors import GuardTripped, TooManyChanges
from cdc_daemon.model.guard import Guard
from cdc_daemon.orchestration.held import remedy_of_hold
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
            f"{begun.job.table.id}: {reasons}",
            guards=tuple(trip.guard.value for trip in refused),
            remedy=_remedy(begun, {trip.guard for trip in refused}),
        )


def _remedy(begun: Begun, refused: set[Guard]) -> str | None:
    """None: the general one of the error."""
    if Guard.RULES not in refused:
        return None
    return remedy_of_hold(begun.job.table.id, refused, keys_changed=begun.key_rules_changed)


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
