"""The guards, each at its exact boundary."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdc_daemon.cdc.guards import Facts, trips
from cdc_daemon.model.guard import Guard, GuardLimits

LIMITS = GuardLimits()
CALM = Facts(
    extracted=2_000, counted=2_000, usual=(2_000,) * 5, opened=2_000, updated=10, deleted=10
)


def tripped(limits: GuardLimits = LIMITS, **facts) -> set[Guard]:
    return {trip.guard for trip in trips(replace(CALM, **facts), limits)}


def test_a_usual_batch_trips_nothing():
    """A day's work passes."""
    assert tripped() == set()


@pytest.mark.parametrize(
    ("extracted", "counted", "guards"),
    [
        (2_000, 2_000, set()),
        (2_000, 2_001, {Guard.COUNT}),
        (2_000, 1_999, {Guard.COUNT}),
        (2_000, None, set()),
        (3, 2, {Guard.COUNT}),
        (0, 0, set()),
    ],
)
def test_the_count_is_that_of_the_source(extracted, counted, guards):
    """One row more or less than the source counted in the snapshot trips, at any size."""
    facts = {"usual": (), "opened": 0, "updated": 0, "deleted": 0}
    assert tripped(extracted=extracted, counted=counted, **facts) == guards


@pytest.mark.parametrize(
    ("usual", "allow_empty", "guards"),
    [
        ((), False, set()),
        ((0,), False, set()),
        ((0, 500), False, set()),
        ((1,), False, {Guard.EMPTY}),
        ((1, 0), False, {Guard.EMPTY}),
        ((5_000,), False, {Guard.EMPTY}),
        ((5_000,), True, set()),
    ],
)
def test_an_empty_extract_trips_where_the_last_had_rows(usual, allow_empty, guards):
    """No rows is an accident, unless the last batch had none or the table may be empty (T19)."""
    limits = replace(LIMITS, allow_empty=allow_empty)
    empty = {"extracted": 0, "counted": 0, "opened": 0, "updated": 0, "deleted": 0}
    assert tripped(limits, usual=usual, **empty) == guards


@pytest.mark.parametrize(
    ("extracted", "usual", "guards"),
    [
        (100, (1_000,), set()),
        (99, (1_000,), {Guard.SHRUNK}),
        (1, (999,), set()),
        (100, (1_000, 1_000, 1_000_000), set()),
        (99, (1_000, 1_000, 1), {Guard.SHRUNK}),
        (100, (1_001, 1_000), {Guard.SHRUNK}),
        (1_000_000, (1_000,), set()),
        (1, (), set()),
    ],
)
def test_a_drop_is_measured_against_the_usual_rows(extracted, usual, guards):
    """A tenth of the median passes, one row less trips; below 1,000 usual rows nothing does."""
    facts = {"opened": 0, "updated": 0, "deleted": 0}
    assert tripped(extracted=extracted, counted=None, usual=usual, **facts) == guards


@pytest.mark.parametrize(
    ("opened", "touched", "trip"),
    [(1_000, 500, False), (1_000, 501, True), (1_001, 501, True), (999, 999, False)],
)
@pytest.mark.parametrize(
    ("fact", "guard"), [("deleted", Guard.DELETES), ("updated", Guard.UPDATES)]
)
def test_shares_of_the_open_versions_are_limited(fact, guard, opened, touched, trip):
    """Exactly the share passes, one version more trips; below 1,000 versions nothing does."""
    facts = {"updated": 0, "deleted": 0, "opened": opened, fact: touched}
    assert tripped(**facts) == ({guard} if trip else set())


def test_deletes_and_updates_are_limited_apart():
    """Each share counts alone: half of each passes, more of both trips both."""
    assert tripped(opened=1_000, updated=500, deleted=500) == set()
    assert tripped(opened=1_000, updated=501, deleted=501) == {Guard.DELETES, Guard.UPDATES}


def test_a_small_table_lives():
    """Everything of a small table may change in one batch."""
    facts = {"extracted": 1, "counted": 1, "usual": (900,) * 3, "opened": 900}
    assert tripped(updated=1, deleted=899, **facts) == set()


@given(st.integers(0, 100), st.integers(1, 10_000_000))
@example(70, 20_770)
@example(57, 10_000)
def test_the_boundary_of_a_share_is_exact(percent, opened):
    """A configured share is met exactly: no rounding of numbers moves it by a row."""
    boundary = int(Fraction(percent, 100) * opened)
    limits = replace(LIMITS, min_rows=1, max_delete_share=percent / 100)
    facts = {"opened": opened, "updated": 0}
    assert tripped(limits, deleted=boundary, **facts) == set()
    if boundary < opened:
        assert tripped(limits, deleted=boundary + 1, **facts) == {Guard.DELETES}


@given(st.integers(1, 100), st.integers(1, 100_000))
@example(7, 100)
@example(55, 100)
def test_the_boundary_of_a_drop_is_exact(percent, usual):
    """The allowed share of the usual rows passes, one row less trips."""
    share = Fraction(percent, 100) * usual
    boundary = -(-share.numerator // share.denominator)
    limits = replace(LIMITS, min_rows=1, min_share_of_usual=percent / 100)
    facts = {"counted": None, "usual": (usual,), "opened": 0, "updated": 0, "deleted": 0}
    assert tripped(limits, extracted=boundary, **facts) == set()
    if boundary > 1:
        assert tripped(limits, extracted=boundary - 1, **facts) == {Guard.SHRUNK}


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_share_of_one_lets_everything_pass(opened, touched):
    """A limit of 1.0 turns a ratio off."""
    limits = replace(LIMITS, min_rows=0, max_delete_share=1.0, max_update_share=1.0)
    touched = min(opened, touched)
    assert tripped(limits, opened=opened, updated=touched, deleted=touched) == set()


@pytest.mark.parametrize(
    ("facts", "numbers"),
    [
        ({"counted": 2_345}, {"2000", "2345"}),
        ({"extracted": 0, "counted": 0, "usual": (4_321,)}, {"4321"}),
        ({"extracted": 12, "counted": 12, "usual": (4_321,)}, {"12", "4321", "10"}),
        ({"deleted": 1_234}, {"1234", "2000", "61.7", "50"}),
        ({"updated": 1_235}, {"1235", "2000", "61.8", "50"}),
    ],
)
def test_a_reason_says_what_was_seen_and_what_is_allowed(facts, numbers):
    """The operator reads the numbers, not only the guard's name."""
    (trip,) = trips(replace(CALM, **facts), LIMITS)
    assert numbers <= set(re.findall(r"\d+(?:\.\d+)?", trip.reason))


def test_every_guard_that_trips_is_told():
    """All reasons come at once, so that one release is enough."""
    everything = {"extracted": 50, "counted": 60, "deleted": 1_500, "updated": 1_500}
    assert tripped(**everything) == {Guard.COUNT, Guard.SHRUNK, Guard.DELETES, Guard.UPDATES}


def test_a_minimum_of_no_rows_divides_by_nothing():
    """Where batches were empty and no minimum is set, rows that come are no drop."""
    facts = Facts(extracted=5, counted=5, usual=(0, 0), opened=0, updated=0, deleted=0)
    assert trips(facts, GuardLimits(min_rows=0)) == ()


@pytest.mark.parametrize(
    ("extracted", "rejected", "trip"),
    [
        (1_000, 10, False),
        (1_000, 11, True),
        (999, 998, False),
        (999, 999, True),
        (1, 1, True),
        (0, 0, False),
        (1, 0, False),
    ],
)
def test_rows_that_cannot_be_carried_are_limited(extracted, rejected, trip):
    """Exactly the share passes; below 1,000 rows all but one may go, but never all of them."""
    facts = {"usual": (), "counted": None, "opened": 0, "updated": 0, "deleted": 0}
    guards = tripped(extracted=extracted, rejected=rejected, **facts)
    assert guards == ({Guard.QUARANTINE} if trip else set())


def test_not_even_a_limit_of_one_lets_all_rows_go_to_quarantine():
    """A rule that rejects everything is a mistake, whatever is allowed."""
    limits = replace(LIMITS, max_quarantine_share=1.0)
    assert tripped(limits, rejected=1_999) == set()
    assert tripped(limits, rejected=2_000) == {Guard.QUARANTINE}


@given(st.integers(0, 99), st.integers(1, 100_000))
@example(1, 29_000)
@example(7, 100)
def test_the_boundary_of_quarantine_is_exact(percent, extracted):
    """The allowed share of the rows passes, one row more trips."""
    boundary = int(Fraction(percent, 100) * extracted)
    limits = replace(LIMITS, min_rows=1, max_quarantine_share=percent / 100)
    facts = {"usual": (), "counted": None, "opened": 0, "updated": 0, "deleted": 0}
    assert tripped(limits, extracted=extracted, rejected=boundary, **facts) == set()
    assert tripped(limits, extracted=extracted, rejected=boundary + 1, **facts) == {
        Guard.QUARANTINE
    }


@pytest.mark.parametrize(
    ("facts", "trip"),
    [
        ({"updated": 1}, True),
        ({"deleted": 1}, True),
        ({"inserted": 5}, False),
        ({"inserted": 5, "keys_changed": True}, True),
        ({}, False),
    ],
)
def test_changed_rules_ask_where_open_versions_would_change(facts, trip):
    """A single version is enough, at any size; new keys are news only where keys changed."""
    still = {"updated": 0, "deleted": 0, "rules_changed": ("v",)}
    assert tripped(**{**still, **facts}) == ({Guard.RULES} if trip else set())
    assert Guard.RULES not in tripped(**{**still, **facts, "rules_changed": ()})


def test_updates_are_not_counted_twice_where_rules_changed():
    """They are what the rules ask about; deletes, which no mask makes, are limited as always."""
    facts = {"rules_changed": ("v",), "updated": 2_000}
    assert tripped(**facts, deleted=0) == {Guard.RULES}
    assert tripped(**facts, deleted=2_000) == {Guard.RULES, Guard.DELETES}


def test_what_changed_rules_would_do_is_told():
    """By columns and rows; keys that would be others, and the filter, which has no name."""
    told = {"rules_changed": ("", "v"), "updated": 3, "deleted": 0}
    (trip,) = trips(replace(CALM, **told), LIMITS)
    assert "the row filter, v changed, and with them 3 rows" in trip.reason
    assert "rewritten in place" in trip.reason
    (trip,) = trips(replace(CALM, **told, keys_changed=True), LIMITS)
    assert "rewritten" not in trip.reason
    assert "under other keys" in trip.reason
