"""What is declared, documented and exposed is one and the same (pitfall T34)."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import DuplicateTimeseries

from cdc_daemon.observability.metrics.declaration import Kind
from cdc_daemon.observability.metrics.declared import ALL
from cdc_daemon.observability.metrics.document import document
from cdc_daemon.observability.metrics.exposition import exposition
from cdc_daemon.observability.metrics.metrics import Metrics
from tests.support.metrics import fill, make_metrics, make_specs

PAGE = Path(__file__).resolve().parents[3] / "config" / "METRICS.md"
UNITS = {"_seconds": "seconds", "_bytes": "bytes"}
FOREIGN = ("process_", "python_")


def exposed(metrics):
    text, _ = exposition(metrics.registry, "")
    return {each.name: each for each in text_string_to_metric_families(text.decode())}


@pytest.fixture
def full():
    tables = make_specs(2)
    metrics = make_metrics(tables)
    fill(metrics, tables)
    return metrics


def test_the_page_is_current():
    """``config/METRICS.md`` is what the declarations say; the module's docstring writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == document()


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_names_follow_the_conventions(each):
    """Prefix, snake case, base unit as suffix, ``_total`` on counters, a sentence of help."""
    assert re.fullmatch(r"cdc_[a-z0-9]+(_[a-z0-9]+)*", each.name)
    assert each.name.endswith("_total") is (each.kind is Kind.COUNTER)
    found = [unit for suffix, unit in UNITS.items() if each.family.endswith(suffix)]
    assert found == ([each.unit] if each.unit else [])
    assert not re.search(r"_(count|sum|bucket|created)$", each.family)
    assert each.help.endswith(".")


@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_only_histograms_have_buckets_and_none_has_a_table(each):
    """The table label is on counters and gauges only; buckets rise."""
    histogram = each.kind is Kind.HISTOGRAM
    assert bool(each.buckets) is histogram
    assert list(each.buckets) == sorted(set(each.buckets))
    assert not (histogram and "table" in each.labels)


def test_names_are_declared_once():
    """No two metrics share a name."""
    assert len({each.name for each in ALL}) == len(ALL)


def test_everything_declared_is_exposed_and_nothing_else(full):
    """A metric that an alert names exists, with its type and its labels."""
    found = {name: each for name, each in exposed(full).items() if not name.startswith(FOREIGN)}
    assert set(found) == {each.family for each in ALL}
    for each in ALL:
        family = found[each.family]
        assert family.type == each.kind.value
        labels = {frozenset(sample.labels) - {"le"} for sample in family.samples}
        assert labels == {frozenset(each.labels)}


def test_the_process_and_the_interpreter_are_exposed(full):
    """CPU, memory, open files and start of the process are there as the page says."""
    found = {name for name in exposed(full) if name.startswith(FOREIGN)}
    documented = set(re.findall(r"`((?:process|python)_\w+)`", document()))
    assert {name.removesuffix("_total") for name in documented} == found


def test_nothing_is_kept_in_a_global_registry(full):
    """Two daemons in one process have metrics apart; one registry takes only one."""
    other = Metrics(CollectorRegistry())
    assert "cdc_config_generation" in exposed(full)
    assert "cdc_config_generation" not in exposed(other)
    with pytest.raises(DuplicateTimeseries):
        Metrics(other.registry)
