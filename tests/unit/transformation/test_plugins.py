"""Transformers of other packages: installed, found, used, and refused with a reason."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from cdc_daemon.errors import ConfigError
from cdc_daemon.transformation import (
    INTERFACE_VERSION,
    Rule,
    TransformationPipeline,
    build,
    documentation,
    load_plugins,
    transformer_named,
)

EXAMPLE = Path(__file__).parents[2] / "support" / "example_transformer"
PACKAGE = "example-transformer 1.2.3"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that pip has installed the example into, without a network."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-build-isolation", "--no-deps", "--target", str(target)]
    subprocess.run([*pip, *offline, str(EXAMPLE)], check=True)
    return target


@pytest.fixture
def plugins(installed, monkeypatch):
    """What the daemon finds where the example is installed."""
    monkeypatch.syspath_prepend(str(installed))
    yield load_plugins()
    sys.modules.pop("reversing", None)


def test_an_installed_package_is_found_and_used(plugins):
    """Its name works like one of the daemon's own, in rows and in configuration."""
    reverse = transformer_named("reverse", {"upper": True}, plugins)
    pipeline = TransformationPipeline([Rule(action=reverse, column="name")])
    assert pipeline.transform_rows([{"name": "Ann"}, {"name": None}]) == [
        {"name": "NNA"},
        {"name": None},
    ]
    assert reverse("abc") == "CBA"
    assert build("reverse", {}, plugins)("abc") == "cba"
    nested = {"when": {"column": "a", "equals": 1}, "then": {"use": "reverse"}}
    assert build("when", nested, plugins)("abc", {"row": {"a": 1}}) == "cba"


def test_plug_ins_are_documented_with_their_package(plugins):
    """The list of kinds has them."""
    assert [
        (kind.name, kind.meaning) for kind in documentation(plugins) if "example" in kind.meaning
    ] == [("reverse", f"Text is written backwards. ({PACKAGE})")]


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("outdated", f"was written for interface 0; this daemon has {INTERFACE_VERSION}"),
        ("unfinished", "lacks expression, output"),
        ("stranger", "is no subclass of cdc_daemon.transformation.Transformer"),
        ("absent", "cannot be loaded: ModuleNotFoundError: No module named 'not_there_at_all'"),
    ],
)
def test_a_plug_in_that_cannot_be_used_says_why(plugins, name, cause):
    """Package and cause are named, by whoever asks for it; the others work (law 8)."""
    with pytest.raises(ConfigError) as raised:
        build(name, {}, plugins)
    assert str(raised.value) == f"the transformer '{name}' of {PACKAGE} {cause}"
    assert set(plugins.kinds) == {"reverse"}


def test_options_that_a_plug_in_does_not_take_are_an_error(plugins):
    """It is told who does not take them."""
    with pytest.raises(ConfigError, match=r"reverse \(example-transformer 1.2.3\) does not take"):
        build("reverse", {"lower": True}, plugins)


def test_an_unknown_plug_in_is_an_error(plugins):
    """With the one that was meant."""
    with pytest.raises(ConfigError, match="is it 'reverse'"):
        transformer_named("revers", {}, plugins)


def test_two_plug_ins_of_one_name_are_both_refused(plugins, installed):
    """Nobody is to guess which one masks the data."""
    (example,) = (one for one in distributions(path=[str(installed)]))
    twice = [point for point in example.entry_points if point.name == "reverse"] * 2
    found = load_plugins(twice)
    assert found.kinds == {}
    assert "has the name of one of" in found.issues["reverse"]


def test_a_plug_in_without_a_package_is_named_by_its_value():
    """Entry points that no distribution owns have a place, at least."""
    point = EntryPoint("x", "not_there_at_all:X", "cdc_daemon.transformers")
    assert "'not_there_at_all:X' cannot be loaded" in load_plugins([point]).issues["x"]
