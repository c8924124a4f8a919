"""SIGTERM and SIGINT to the daemon: idle, busy, late, twice; law 7."""

from __future__ import annotations

import signal

import pytest

from tests.support.daemon import (
    TABLES,
    RunningDaemon,
    configure,
    leftovers,
    promoted,
    serving,
    sessions,
)
from tests.support.failpoints import Verdict
from tests.support.proxy import Proxy
from tests.support.session import Statement
from tests.support.site import Site

CHECKPOINT = '"cdc"."window_state"'
SIGTERM, SIGINT = signal.SIGTERM, signal.SIGINT
AT_ONCE_SECONDS = 8.0
FORCED_SECONDS = 10.0
SLOW_SOURCE = "CREATE VIEW slow AS SELECT id, pg_sleep(600)::text AS name FROM account"
SLOW_TARGET = """
CREATE FUNCTION sleepy() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(600); RETURN NEW; END';
CREATE TRIGGER sleepy BEFORE INSERT ON cdc.window_state FOR EACH ROW EXECUTE FUNCTION sleepy();
"""


def is_copy(statement: Statement) -> bool:
    """The Arrow driver reads rows."""
    return statement.sql.startswith("COPY")


def sleeping(site: Site) -> bool:
    """Whether a statement of the daemon sleeps on the server."""
    pids = sessions(site)
    rows = site.target.fetch("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    return any(pid in pids for (pid,) in rows)


def ended(daemon: RunningDaemon, within: float) -> int:
    """The exit code; the process has so many seconds to end."""
    done = daemon.wait(within)
    assert "Traceback" not in done.stdout
    assert "Task exception" not in done.stdout
    return done.returncode


def drain(daemon: RunningDaemon, number: int) -> None:
    """Sends a first signal; it is known to be obeyed."""
    daemon.signal(number)
    daemon.until(lambda: "draining" in daemon.reasons())


@pytest.mark.parametrize("number", [SIGTERM, SIGINT], ids=lambda number: number.name)
def test_an_idle_daemon_ends_at_once(site: Site, number: signal.Signals) -> None:
    """Nothing runs: exit code 0 at once, and nothing is left behind."""
    site.source.execute(TABLES)
    configure(site, "account")
    with serving(site) as daemon:
        daemon.until(lambda: promoted(site, "account"))
        daemon.until(lambda: not daemon.table("account")["running"])
        assert daemon.reasons() == []
        daemon.signal(number)
        assert ended(daemon, AT_ONCE_SECONDS) == 0
        assert leftovers(site, daemon) == []


def test_a_busy_daemon_finishes_what_runs_and_begins_nothing(
    site: Site, target_proxy: Proxy
) -> None:
    """DESIGN 6.5: not ready, no new work, queued jobs handed back, running ones finished; 0."""
    site.source.execute(TABLES)
    configure(
        site,
        "account",
        {"name": "beta", "priority": 1},
        {"name": "gamma", "priority": 1},
        every="1s",
        lanes={"small": {"workers": 1}},
        target_via=site.target.through(target_proxy.port),
    )
    hold = target_proxy.hold(CHECKPOINT, after=True)  # all is written but the commit
    with serving(site) as daemon:
        hold.wait()
        daemon.until(lambda: daemon.table("beta")["queued"] and daemon.table("gamma")["queued"])
        assert daemon.reasons() == []
        drain(daemon, SIGTERM)
        assert daemon.get("/healthz") == (200, "ok\n")
        assert daemon.get("/readyz")[0] == 503
        daemon.until(lambda: not daemon.table("beta")["queued"])
        assert daemon.table("account")["running"]
        assert daemon.returncode is None
        hold.release()
        assert ended(daemon, AT_ONCE_SECONDS) == 0
        assert site.batches() == [("account", "promoted")]
        assert len(site.versions("account")) == 10
        assert leftovers(site, daemon) == []


@pytest.mark.parametrize("where", ["source", "target"])
def test_a_late_batch_is_cancelled(site: Site, where: str) -> None:
    """The grace runs out: the statement is cancelled, all is rolled back and told; 143."""
    site.source.execute(TABLES + SLOW_SOURCE)
    table = {"name": "slow", "key": ["id"]} if where == "source" else "account"
    configure(site, table, runtime={"grace_seconds": 1})
    if where == "target":
        assert site.run("control", "apply").returncode == 0
        site.target.execute(SLOW_TARGET)
    with serving(site) as daemon:
        daemon.until(lambda: sleeping(site))
        drain(daemon, SIGTERM)
        assert ended(daemon, 1 + AT_ONCE_SECONDS) == 128 + SIGTERM
        name = "slow" if where == "source" else "account"
        assert site.batches() == [(name, "cancelled")]
        assert [event["status"] for event in site.events("TABLE_TOTAL")] == ["cancelled"]
        assert site.target.fetch(f"SELECT to_regclass('bronze.src_{name}')") == [(None,)]
        assert leftovers(site, daemon) == []


def test_a_second_signal_forces(site: Site, target_proxy: Proxy) -> None:
    """It does not wait for the grace; its own number is the exit code; the rest is rolled back."""
    site.source.execute(TABLES)
    configure(site, "account", target_via=site.target.through(target_proxy.port))
    hold = target_proxy.hold(CHECKPOINT)
    with serving(site) as daemon:
        hold.wait()
        drain(daemon, SIGTERM)
        daemon.signal(SIGINT)
        assert ended(daemon, FORCED_SECONDS) == 128 + SIGINT
        hold.release(Verdict.CUT)
        assert leftovers(site, daemon, files=False) == []
        assert site.batches() in ([("account", "cancelled")], [("account", "running")])
        assert site.target.fetch("SELECT to_regclass('bronze.src_account')") == [(None,)]


def test_a_second_signal_forces_though_a_drivers_thread_hangs(
    site: Site, source_proxy: Proxy
) -> None:
    """A source that is swallowed by the network in mid-read keeps nobody from ending it."""
    site.source.execute(TABLES)
    configure(site, "account", source_via=site.source.through(source_proxy.port))
    source_proxy.on_statement(is_copy, lambda _: source_proxy.blackhole())
    with serving(site) as daemon:
        source_proxy.wait_for(is_copy)
        drain(daemon, SIGINT)
        daemon.signal(SIGTERM)
        assert ended(daemon, FORCED_SECONDS) == 128 + SIGTERM
        source_proxy.cut_all()
        assert leftovers(site, daemon, files=False) == []


def test_the_grace_ends_though_a_drivers_thread_hangs(site: Site, source_proxy: Proxy) -> None:
    """One signal is enough: the late batch is cancelled and told, the process ends; 143."""
    site.source.execute(TABLES)
    configure(
        site,
        "account",
        runtime={"grace_seconds": 0.5},
        source_via=site.source.through(source_proxy.port),
    )
    source_proxy.on_statement(is_copy, lambda _: source_proxy.blackhole())
    with serving(site) as daemon:
        source_proxy.wait_for(is_copy)
        daemon.terminate()
        assert ended(daemon, 30) == 128 + SIGTERM
        source_proxy.cut_all()
        assert site.batches() == [("account", "cancelled")]
        assert leftovers(site, daemon, files=False) == []
