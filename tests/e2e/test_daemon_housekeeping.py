"""A running daemon keeps its control tables small; law 8 where the target is not there to be swept."""

from __future__ import annotations

from tests.support.daemon import configure, leftovers, promoted, serving
from tests.support.proxy import Proxy
from tests.support.site import Site

DELETED = "cdc_housekeeping_deleted_rows_total"
EVENTS = 25_000
"""More than two pieces."""
OLD = f"""
INSERT INTO cdc.pipeline_event (recorded_at, run_id, source, schema_name, table_name, kind, status,
    seconds, detail)
SELECT clock_timestamp() - interval '31 days', 'r', 'src', 'public', 'account', 'EXTRACT', 'succeeded',
    0, '{{}}' FROM generate_series(1, {EVENTS});
INSERT INTO cdc.batch (source, schema_name, table_name, window_name, run_id, status, read_at)
SELECT 'src', 'public', 'gone', 'all', 'r', status, clock_timestamp() - days * interval '1 day'
FROM unnest(ARRAY['failed', 'skipped', 'running']) AS status, unnest(ARRAY[11, 9]) AS days;
"""


def old_rows(site: Site) -> tuple[int, int]:
    """Events and ended attempts that are past retention."""
    ((events,),) = site.target.fetch(
        "SELECT count(*) FROM cdc.pipeline_event WHERE recorded_at < now() - interval '30 days'"
    )
    ((batches,),) = site.target.fetch(
        "SELECT count(*) FROM cdc.batch WHERE read_at < now() - interval '10 days' "
        "AND status <> 'running'"
    )
    return events, batches


def test_it_sweeps_soon_after_its_start(site: Site, target_proxy: Proxy) -> None:
    """With the first answer of the target, piece by piece beside the work, and says how much."""
    site.source.execute("CREATE TABLE account (id int PRIMARY KEY); INSERT INTO account VALUES (1)")
    configure(
        site,
        "account",
        target_via=site.target.through(target_proxy.port),
        control={"event_days": 30, "batch_days": 10},
    )
    assert site.run("control", "apply").returncode == 0
    site.target.execute(OLD)
    target_proxy.refuse()
    with serving(site) as daemon:
        daemon.wait_event(event="target does not answer")
        assert old_rows(site) == (EVENTS, 2)
        assert daemon.metric(DELETED, kind="event") is None
        target_proxy.heal()
        daemon.until(lambda: old_rows(site) == (0, 0))
        daemon.until(lambda: daemon.metric(DELETED, kind="batch") == 2)
        assert daemon.metric(DELETED, kind="event") == EVENTS
        daemon.until(lambda: promoted(site, "account"))
        assert daemon.reasons() == []
        daemon.terminate()
        assert daemon.wait().returncode == 0
        assert leftovers(site, daemon) == []
    left = site.target.fetch(
        "SELECT table_name, status FROM cdc.batch ORDER BY read_at::date, status"
    )
    young = [("gone", "failed"), ("gone", "running"), ("gone", "skipped")]
    assert left == [("gone", "running"), *young, ("account", "promoted")]
