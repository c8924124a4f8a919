"""SIGHUP to the daemon: one validated swap, or nothing; laws 7 and 8."""

from __future__ import annotations

import signal
from collections.abc import Callable

from tests.support.daemon import (
    TABLES,
    RunningDaemon,
    configure,
    leftovers,
    promoted,
    serving,
    sessions,
)
from tests.support.proxy import Proxy
from tests.support.session import Statement
from tests.support.site import Site

RELOAD_OK = "cdc_config_last_reload_successful"
LIMIT = "cdc_pool_limit_sessions"
STORM = 50
SECONDLY = {"schedule": {"every": "1s"}}


def copies(table: str) -> Callable[[Statement], bool]:
    """The Arrow driver reads the rows of a source table."""
    return lambda s: s.sql.startswith("COPY") and f'"public"."{table}"' in s.sql


def reload(daemon: RunningDaemon, generation: int) -> None:
    """Sends SIGHUP; the generation is in force."""
    daemon.signal(signal.SIGHUP)
    daemon.wait_event(event="configuration reloaded", generation=generation)


def refusals(daemon: RunningDaemon) -> list[str]:
    """What was said against configurations so far."""
    said = daemon.events()
    return [event["message"] for event in said if event["event"] == "configuration refused"]


def labelled(daemon: RunningDaemon, table: str) -> bool:
    """Whether any metric has the table as its label."""
    return any(has.get("table") == f"src.public.{table}" for _, has, _ in daemon.samples())


def test_a_good_file_is_taken_while_a_batch_runs(site: Site, source_proxy: Proxy) -> None:
    """New tables run, removed ones finish and are forgotten, changed schedules are followed.

    The sessions of the old generation are closed when its last batch is done, and not before.
    """
    via = site.source.through(source_proxy.port)
    site.source.execute(TABLES)
    configure(site, {"name": "account", **SECONDLY}, "beta", source_via=via)
    hold = source_proxy.hold(copies("account"))
    with serving(site) as daemon:
        hold.wait()
        daemon.until(lambda: promoted(site, "beta"))
        old = sessions(site)
        assert labelled(daemon, "account")
        configure(site, {"name": "beta", **SECONDLY}, "gamma", source_via=via)
        reload(daemon, 2)
        assert {table["name"] for table in daemon.status()["tables"]} == {"beta", "gamma"}
        assert not labelled(daemon, "account")
        daemon.until(lambda: promoted(site, "gamma") and promoted(site, "beta") >= 3)
        assert promoted(site, "account") == 0
        assert old & sessions(site)
        hold.release()
        daemon.until(lambda: promoted(site, "account"))
        daemon.until(lambda: not old & sessions(site))
        so_far = promoted(site, "beta")
        daemon.until(lambda: promoted(site, "beta") >= so_far + 2)
        assert promoted(site, "account") == 1
        assert len(site.versions("account")) == 10
        assert not labelled(daemon, "account")
        assert labelled(daemon, "gamma")
        assert daemon.metric(RELOAD_OK) == 1
        assert daemon.metric("cdc_config_generation") == 2


def test_a_batch_keeps_the_snapshot_it_began_with(site: Site, source_proxy: Proxy) -> None:
    """What runs is finished as it was configured; the next batch is as configured now.

    Nothing runs then but the daemon's own look at the target, which is enough to close the old
    generation.
    """
    via = site.source.through(source_proxy.port)
    site.source.execute(TABLES)
    configure(site, "account", source_via=via)
    hold = source_proxy.hold(copies("account"))
    with serving(site) as daemon:
        hold.wait()
        old = sessions(site)
        configure(site, {"name": "account", "target_table": "renamed", **SECONDLY}, source_via=via)
        reload(daemon, 2)
        hold.release()
        daemon.until(lambda: promoted(site, "account") == 1)
        assert len(site.versions("account")) == 10
        daemon.until(lambda: site.target.fetch("SELECT to_regclass('bronze.renamed')::text")[0][0])
        daemon.until(lambda: not old & sessions(site))
        old = sessions(site)
        configure(site, source_via=via)
        reload(daemon, 3)
        daemon.until(lambda: sessions(site) and not old & sessions(site))


def test_jobs_that_wait_outlive_a_reload(site: Site, source_proxy: Proxy) -> None:
    """Law 8: what was queued under the old configuration ends no daemon.

    Of the tables in the queue, one that is still configured runs; one that is not, need not.
    """
    via = site.source.through(source_proxy.port)
    site.source.execute(TABLES)
    queued = {"priority": 1}
    lanes = {"small": {"workers": 1}}
    tables = ("account", {"name": "beta", **queued}, {"name": "gamma", **queued})
    configure(site, *tables, source_via=via, lanes=lanes)
    hold = source_proxy.hold(copies("account"))
    with serving(site) as daemon:
        hold.wait()
        daemon.until(lambda: daemon.table("beta")["queued"] and daemon.table("gamma")["queued"])
        old = sessions(site)
        configure(site, *tables[:2], source_via=via, lanes=lanes)
        reload(daemon, 2)
        daemon.until(lambda: sessions(site) - old)  # the new generation is in use
        hold.release()
        daemon.until(lambda: promoted(site, "account") and promoted(site, "beta"))
        assert not labelled(daemon, "gamma")
        daemon.terminate()
        assert daemon.wait().returncode == 0


def test_a_file_that_cannot_be_used_changes_nothing(site: Site) -> None:
    """Law 8: every issue is told with file and line, the daemon goes on, and says so."""
    site.source.execute(TABLES)
    configure(site, "account", every="1s")
    with serving(site) as daemon:
        daemon.until(lambda: promoted(site, "account"))
        assert daemon.metric(RELOAD_OK) == 1
        configure(site, {"name": "account", "lan": "small"}, "beta", every="soon")
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: daemon.metric(RELOAD_OK) == 0)
        daemon.until(lambda: len(refusals(daemon)) > 1)  # the log is read beside the metrics
        told = refusals(daemon)
        lines = site.path.read_text(encoding="utf-8").splitlines()
        for key in ("lan", "every"):
            (line,) = (n for n, text in enumerate(lines, 1) if text.strip().startswith(f'"{key}"'))
            assert any(f"{site.path.name}:{line}:" in issue for issue in told), told
        assert len(told) == 2
        site.path.write_text("tables: [", encoding="utf-8")
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: len(refusals(daemon)) > 2)
        site.path.unlink()
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: len(refusals(daemon)) > 3)
        assert _goes_on(site, daemon)
        configure(site, "account", "beta", every="1s")
        reload(daemon, 2)
        assert daemon.metric(RELOAD_OK) == 1
        daemon.until(lambda: promoted(site, "beta"))


def test_what_needs_a_restart_refuses_the_whole(site: Site) -> None:
    """Nothing of the file is taken, and every setting that is in the way is listed."""
    site.source.execute(TABLES)
    configure(site, "account", every="1s")
    with serving(site) as daemon:
        daemon.until(lambda: promoted(site, "account"))
        configure(
            site,
            "account",
            "beta",
            runtime={"landing_dir": str(site.folder), "grace_seconds": 3},
            http={"host": "127.0.0.1", "port": 1},
            lanes={"small": {"workers": 2}},
        )
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: daemon.metric(RELOAD_OK) == 0)
        settings = ("http.port", "lanes.small.workers", "runtime.landing_dir")
        daemon.until(lambda: len(refusals(daemon)) >= len(settings))
        told = refusals(daemon)
        assert len(told) == len(settings)
        for issue, setting in zip(sorted(told), settings, strict=True):
            assert issue.startswith(f"{setting} cannot change while the daemon runs")
            assert "restart" in issue
        assert _goes_on(site, daemon)
        configure(site, "account", "beta", every="1s", runtime={"grace_seconds": 3})
        reload(daemon, 2)
        assert daemon.metric(RELOAD_OK) == 1


def test_what_cannot_be_opened_changes_nothing(site: Site) -> None:
    """Law 8: a file that is refused by what it wires is a bad file, too."""
    site.source.execute(TABLES)
    configure(site, "account", every="1s")
    with serving(site) as daemon:
        daemon.until(lambda: promoted(site, "account"))
        configure(site, "account", {"source": "wh", "name": "beta"}, every="1s")
        text = site.path.read_text(encoding="utf-8")
        small = text.replace('"engine"', '"pool": {"max": 3}, "engine"')  # both roles need four
        site.path.write_text(small, encoding="utf-8")
        daemon.signal(signal.SIGHUP)
        daemon.wait_line("pool.max")
        assert _goes_on(site, daemon)
        assert daemon.metric(RELOAD_OK) == 0


def test_a_storm_is_survived(site: Site, source_proxy: Proxy) -> None:
    """Fifty SIGHUPs, good files and bad ones, while a batch runs: the last content is in force."""
    via = site.source.through(source_proxy.port)
    site.source.execute(TABLES)
    configure(site, "account", source_via=via)
    hold = source_proxy.hold(copies("account"))
    with serving(site) as daemon:
        hold.wait()
        old = sessions(site)
        for n in range(STORM):
            match n % 5:
                case 0:
                    configure(site, "account", "beta", every=f"{n + 10}s", source_via=via)
                case 2:
                    configure(site, "account", {"name": "beta", "lan": n}, source_via=via)
            daemon.signal(signal.SIGHUP)
            if n % 10 == 9:
                daemon.get("/healthz")
        configure(site, "account", "gamma", every="2s", source_via=via)
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: daemon.table("gamma") and not daemon.table("beta"))
        assert daemon.metric(RELOAD_OK) == 1
        daemon.until(lambda: promoted(site, "gamma"))
        hold.release()
        daemon.until(lambda: promoted(site, "account") == 2)
        daemon.until(lambda: not old & sessions(site))
        limits = [value for name, _, value in daemon.samples() if name == LIMIT]
        assert len(sessions(site)) <= sum(limits) + 2  # one generation, and its locks
        daemon.terminate()
        assert daemon.wait().returncode == 0
        assert leftovers(site, daemon) == []


def _goes_on(site: Site, daemon: RunningDaemon) -> bool:
    """The first configuration is in force: its table runs, and no other."""
    so_far = promoted(site, "account")
    daemon.until(lambda: promoted(site, "account") >= so_far + 1)
    tables = [table["name"] for table in daemon.status()["tables"]]
    return tables == ["account"] and daemon.metric("cdc_config_generation") == 1
