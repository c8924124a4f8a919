"""What configuration says of the control tables' retention."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cdc_daemon.control.housekeeping import Retention, retention
from cdc_daemon.model.config import ControlSpec
from cdc_daemon.model.guard import GuardLimits
from tests.factories import make_spec
from tests.support.metrics import make_snapshot


def test_defaults():
    """Ninety days of events and resolved entries, four hundred of attempts that changed nothing."""
    assert retention(make_snapshot(())) == Retention(
        events=timedelta(days=90),
        batches=timedelta(days=400),
        quarantine=timedelta(days=90),
        usual=14,
    )


def test_days_are_those_configured():
    """One is not the other."""
    control = ControlSpec(event_days=3, batch_days=5, quarantine_days=7)
    kept = retention(make_snapshot((), control=control))
    days = [timedelta(days=number) for number in (3, 5, 7)]
    assert [kept.events, kept.batches, kept.quarantine] == days


@pytest.mark.parametrize(("limits", "usual"), [((3,), 14), ((20, 30, 3), 30)])
def test_what_any_guard_looks_at_is_kept(limits, usual):
    """The most that a table's guards compare with; no fewer than the default ones do."""
    tables = [make_spec(guards=GuardLimits(usual_batches=limit)) for limit in limits]
    assert retention(replace(make_snapshot(()), tables=tuple(tables))).usual == usual
