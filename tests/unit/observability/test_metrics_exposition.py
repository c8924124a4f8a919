"""The registry as text, in both formats."""

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from cdc_daemon.observability.metrics.exposition import exposition
from cdc_daemon.observability.metrics.memory import Memory, memory
from tests.support.metrics import fill, make_metrics, make_specs

OPENMETRICS = "application/openmetrics-text"
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
)


@pytest.fixture
def registry():
    tables = make_specs(2)
    metrics = make_metrics(tables)
    fill(metrics, tables)
    return metrics.registry


def samples(families):
    return {
        (s.name, *sorted(s.labels.items())): s.value
        for family in families
        for s in family.samples
        if not s.name.startswith(("process_", "cdc_uptime", "cdc_memory", "cdc_table_lag"))
    }


def test_both_formats_say_the_same(registry):
    """Plain text and OpenMetrics parse, with the same series and values."""
    plain, _ = exposition(registry, "")
    open_metrics, _ = exposition(registry, OPENMETRICS)
    found = samples(parse_plain(plain.decode()))
    assert len(found) > 100
    assert samples(parse_openmetrics(open_metrics.decode())) == found


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("text/html", "text/plain"),
        (OPENMETRICS, OPENMETRICS),
        (PROMETHEUS, OPENMETRICS),
        (f"{OPENMETRICS}; version=nonsense", OPENMETRICS),
        (f"{OPENMETRICS};q=0, text/plain", "text/plain"),
        (";;,,=;", "text/plain"),
    ],
)
def test_the_scraper_chooses_the_format(registry, accept, expected):
    """OpenMetrics where it is accepted, else plain text, and no header is an error."""
    _, kind = exposition(registry, accept)
    assert kind.split(";")[0] == expected


def test_times_of_creation_are_left_out(registry):
    """No series says when another began: they would be as many again."""
    for accept in ("", OPENMETRICS):
        assert b"_created" not in exposition(registry, accept)[0]


def test_units_are_told(registry):
    """OpenMetrics names the unit of every family that has one."""
    text, _ = exposition(registry, OPENMETRICS)
    assert b"# UNIT cdc_table_lag_seconds seconds\n" in text
    assert b"# UNIT cdc_landing_bytes bytes\n" in text


def test_memory_is_unknown_where_the_kernel_does_not_tell(tmp_path):
    """A missing, empty or odd status file is no error."""
    path = tmp_path / "status"
    assert memory(path) is None
    path.write_text("Name: x\nVmRSS:\n")
    assert memory(path) is None
    path.write_text("Name: a:b\nVmHWM:\t 20 kB\nVmRSS:\t 10 kB\n")
    assert memory(path) == Memory(resident=10_240, peak=20_480)
