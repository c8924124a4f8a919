"""Law 11: memory is bounded by the budget, whatever the table; whole processes are measured."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks.measure import measured
from tests.benchmarks.results import Cost
from tests.benchmarks.tables import mixed
from tests.support.process import environment
from tests.support.site import Site

MB = 1024 * 1024
BUDGET_MB = 384
"""The least there may be."""
SLACK = 48 * MB
"""What allocators make of the same work."""
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (200_000, 400_000),  # fewer do not fill every stage
        pytest.param(MILLION, 5 * MILLION, marks=pytest.mark.long),
        pytest.param(5 * MILLION, 20 * MILLION, marks=pytest.mark.long),
    ],
)
def test_memory_does_not_grow_with_the_table(small: int, large: int, site: Site) -> None:
    """First load, 1 % changed, nothing changed: within the budget, and no more for more rows."""
    site.configure(mixed(small).name, runtime={"memory_budget_mb": BUDGET_MB})
    few, many = _costs(site, small), _costs(site, large)
    for step, cost in many.items():
        assert cost.peak_bytes < BUDGET_MB * MB, (step, few[step], cost)
        assert cost.peak_bytes < few[step].peak_bytes + SLACK, (step, few[step], cost)
        if small >= MILLION:  # of small tables, most of the time is the start
            growth = cost.wall_seconds / few[step].wall_seconds
            assert growth < 1.5 * large / small, (step, few[step], cost)


def _costs(site: Site, rows: int) -> dict[str, Cost]:
    """Of three batches of a table that was never seen before."""
    shape = mixed(rows)
    site.source.execute(f"DROP TABLE IF EXISTS {shape.name}")
    for schema in ("cdc", "bronze", "stage"):
        site.target.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    for statement in (*shape.create(), "ANALYZE"):
        site.source.execute(statement)
    costs = {"first": _once(site)}
    site.source.execute(shape.change(1))
    costs["changed"] = _once(site)
    costs["unchanged"] = _once(site)
    promoted = site.target.fetch(
        "SELECT extracted, inserted, updated FROM cdc.batch WHERE status = 'promoted' ORDER BY 1"
    )
    assert {extracted for extracted, *_ in promoted} == {rows}
    assert sorted(row[1:] for row in promoted) == [(0, 0), (0, shape.changes(1)), (rows, 0)]
    return costs


def _once(site: Site) -> Cost:
    given = environment(site.path, site.env)
    # measuring coverage is not what is measured
    env = {name: value for name, value in given.items() if not name.startswith("COVERAGE_")}
    return measured([sys.executable, "-m", "cdc_daemon", "once"], env, site.folder)
