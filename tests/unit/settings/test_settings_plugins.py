"""Plug-ins in configuration: used like any other transformer, or refused where they are named."""

from __future__ import annotations

import sys

import pytest

from cdc_daemon.settings.rules import installed_plugins
from tests.support.installed import install

MODULE = """
from cdc_daemon.transformation import Transformer

class Rot(Transformer):
    interface_version = 1

    def __init__(self, key=None, by=1):
        if by > 25:
            raise ValueError(key)
        if by < 0:
            from cdc_daemon.errors import ConfigError
            raise ConfigError([f"the key {key} is not for {by}"])

    def describe(self):
        return "rot"

    def output(self, column):
        return column.type

    def expression(self, value, site):
        return value
"""
TABLE = "tables:\n- {source: core, schema: s, name: a, transform: [{column: b, use: %s}]}\n"
BROKEN = (
    "tables[0].transform[0]: the transformer 'broken' of made-up 1.0 cannot be loaded:"
    " ModuleNotFoundError"
)


@pytest.fixture(autouse=True)
def _installed(tmp_path, monkeypatch):
    points = {"rot": "made_up_rot:Rot", "broken": "made_up_nowhere:Rot"}
    install(tmp_path / "site", points, {"made_up_rot": MODULE})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    installed_plugins.cache_clear()
    yield
    installed_plugins.cache_clear()
    sys.modules.pop("made_up_rot", None)


def test_a_plug_in_is_a_transformer(load_text, head):
    """Its name and options are written as those of the daemon's own."""
    (table,) = load_text(head + TABLE % "rot, by: 3").tables
    assert (table.rules[0].use, table.rules[0].options) == ("rot", {"by": 3})


def test_one_that_cannot_be_loaded_is_refused_where_it_is_named(issues_of, load_text, head):
    """The cause and the package are told; law 8: others use what can be loaded."""
    (issue,) = issues_of(head + TABLE % "broken")
    assert issue.startswith(f"cdc-daemon.yaml:6: {BROKEN}")
    assert load_text(head + TABLE % "rot").tables


def test_one_is_found_by_a_name_that_is_nearly_its(issues_of, head):
    """Names of plug-ins are among those that are known."""
    (issue,) = issues_of(head + TABLE % "rott")
    assert "there is no transformer 'rott'; did you mean 'rot'?" in issue


@pytest.mark.parametrize("by", [26, -1])
def test_what_it_says_of_its_options_shows_no_key(issues_of, head, by):
    """Law 9: whatever its error quotes."""
    (issue,) = issues_of(head + TABLE % f"rot, by: {by}, key: hunter2-hunter2")
    assert "rot" in issue
    assert "hunter2" not in issue
