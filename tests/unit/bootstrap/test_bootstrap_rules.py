"""What the composition root does with rules of transformation and their secrets."""

from __future__ import annotations

import pytest

from cdc_daemon.bootstrap import app, checked, rules_of
from cdc_daemon.errors import ConfigError, SecretError
from cdc_daemon.model.secret import SecretKind, SecretRef
from cdc_daemon.model.table import RuleSpec
from cdc_daemon.observability.progress import SilentProgress
from cdc_daemon.observability.telemetry import LogTelemetry
from tests.factories import make_spec
from tests.support.metrics import make_snapshot


def config(*locators):
    rules = tuple(
        RuleSpec(
            use="hash",
            column="NAME",
            origin=f"c.yaml:{n}",
            options={"key": SecretRef(SecretKind.ENV, locator)},
        )
        for n, locator in enumerate(locators)
    )
    return make_snapshot((make_spec(rules=rules),))


def fetch(reference):
    if reference.locator == "NONE":
        raise SecretError("environment variable NONE is not set")
    return reference.locator


GOOD = "x" * 16
BAD = ("NONE", "short", GOOD)
ISSUES = (
    "c.yaml:0: environment variable NONE is not set",
    "c.yaml:1: the key of a hash has at least 16 bytes",
)


def test_rules_are_refused_with_every_issue():
    """One error names missing secrets and short ones, each with its rule, and shows none."""
    with pytest.raises(ConfigError) as caught:
        rules_of(config(*BAD), fetch)
    assert caught.value.issues == ISSUES


def test_rules_of_every_table_that_has_some():
    """A configuration without rules asks for nothing."""
    good = config(GOOD)
    assert rules_of(good, fetch).keys() == {good.tables[0].id}
    assert rules_of(make_snapshot((make_spec(),)), fetch) == {}


def test_a_configuration_is_checked_with_its_secrets_where_they_are_to_be_had():
    """``run`` refuses at start and at reload; without a way to secrets, nothing is asked of them."""
    assert checked(config(*BAD)) == config(*BAD)
    with pytest.raises(ConfigError) as caught:
        checked(config(*BAD), fetch)
    assert caught.value.issues == ISSUES
    assert checked(config(GOOD), fetch) == config(GOOD)


@pytest.mark.asyncio
async def test_pipelines_have_the_rules():
    """Every pipeline gets them; an application that moves rows is refused without its secrets."""
    good = config(GOOD)
    async with app(good, fetch, SilentProgress(), LogTelemetry()) as wired:
        assert wired.rules.keys() == {good.tables[0].id}
        assert {name: one.rules for name, one in wired.pipelines.items()} == {"core": wired.rules}
        assert wired.sources.keys() == {"core"}
    with pytest.raises(ConfigError):
        async with app(config(*BAD), fetch, SilentProgress(), LogTelemetry()):
            pass


@pytest.mark.asyncio
async def test_what_moves_no_rows_needs_no_secrets_of_rules():
    """``status`` and ``pause`` work without them; fail closed: there is nothing to move rows with."""
    async with app(
        config(*BAD), fetch, SilentProgress(), LogTelemetry(), moves_rows=False
    ) as wired:
        assert (wired.pipelines, wired.rules) == ({}, {})
        assert wired.sources.keys() == {"core"}
