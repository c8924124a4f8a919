"""What a batch knows of changed rules before its first row: what it passes, and what it rewrites."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Batch, Job
from cdc_daemon.model.table import RuleChange
from cdc_daemon.model.window import WHOLE
from cdc_daemon.ports.flow import Begun, History
from tests.factories import TABLE, make_spec, make_table

RULES, REWRITE = Guard.RULES, Guard.REWRITE
AT = datetime(2026, 1, 1, tzinfo=UTC)


def begun(before, now, *, empty=False, choice=RuleChange.ASK, job=(), state=()) -> Begun:
    accepted, released = frozenset(job), frozenset(state)
    return Begun(
        job=Job(table=make_spec(on_rule_change=choice), accepted=accepted),
        batch=Batch(number=1, table=TABLE, window=WHOLE, read_at=AT),
        history=History(
            state=TableState(table=TABLE, rules=before, accepted=released),
            table=make_table(),
            is_empty=empty,
        ),
        rules=now,
    )


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        (None, {}, ()),
        (None, {"NAME": "mask"}, ("NAME",)),
        ({}, {"NAME": "mask"}, ("NAME",)),
        ({"NAME": "mask"}, {"NAME": "mask"}, ()),
        ({"NAME": "mask"}, {}, ("NAME",)),
        ({"NAME": "mask", "": "a"}, {"NAME": "hash", "": "b"}, ("", "NAME")),
    ],
)
def test_changed_rules_are_those_of_columns_that_say_something_else(before, now, changed):
    """A history from before rules were recorded had none."""
    assert begun(before, now).rules_changed == changed
    assert begun(before, now, empty=True).rules_changed == ()


@pytest.mark.parametrize(
    ("choice", "accepted", "rewrites"),
    [
        (RuleChange.ASK, set(), False),
        (RuleChange.VERSION, {RULES}, False),
        (RuleChange.REWRITE, {RULES, REWRITE}, True),
    ],
)
def test_the_configuration_chooses(choice, accepted, rewrites):
    """New versions, a rewrite, or a question."""
    found = begun({}, {"NAME": "mask"}, choice=choice)
    assert (found.accepted, found.rewrites) == (accepted, rewrites)


@pytest.mark.parametrize("by", ["job", "state"])
def test_a_person_chooses(by):
    """By a flag or by a release, beside whatever else is accepted."""
    found = begun({}, {"NAME": "mask"}, **{by: {REWRITE, Guard.UPDATES}})
    assert found.accepted == {RULES, REWRITE, Guard.UPDATES}
    assert found.rewrites
    assert not begun({}, {"NAME": "mask"}, **{by: {RULES}}).rewrites


def test_where_no_rule_changed_nothing_is_rewritten():
    """Though it is configured, or asked for."""
    assert not begun({"NAME": "m"}, {"NAME": "m"}, choice=RuleChange.REWRITE).rewrites
    assert not begun(None, {}, job={REWRITE}).rewrites


@pytest.mark.parametrize("by", ["job", "state"])
def test_who_asks_for_a_rewrite_does_not_get_other_keys(by):
    """Keys cannot be rewritten: a release of what held the table, with a rewrite, passes nothing."""
    found = begun({}, {"ID": "hash"}, **{by: {REWRITE, RULES, Guard.DELETES}})
    assert RULES not in found.accepted
    assert Guard.DELETES in found.accepted
    assert not found.rewrites


def test_new_versions_under_other_keys_are_for_who_asks_for_them():
    """By a release without a rewrite; that a rewrite is configured does not stand in its way."""
    assert RULES in begun({}, {"ID": "hash"}, state={RULES}, choice=RuleChange.REWRITE).accepted
    assert RULES not in begun({}, {"ID": "hash"}, choice=RuleChange.REWRITE).accepted
    assert RULES in begun({}, {"ID": "hash"}, choice=RuleChange.VERSION).accepted
