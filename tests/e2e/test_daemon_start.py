"""How the daemon starts, what it starts without, and what reaches it while it runs; laws 7, 8."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.daemon import (
    RunningDaemon,
    batches,
    configure,
    leftovers,
    promoted,
    serving,
)
from tests.support.proxy import Proxy
from tests.support.site import Site

COMMAND_SECONDS = 5.0
"""DESIGN 6.1: so soon an operator's word is seen."""
DUE_SECONDS = 1.0
EVERY_SECONDS = 1
TABLES = """
CREATE TABLE account (id int PRIMARY KEY, name text);
INSERT INTO account SELECT n, 'name ' || n FROM generate_series(1, 10) AS n;
CREATE TABLE beta AS TABLE account;
ALTER TABLE beta ADD PRIMARY KEY (id);
"""


def test_a_port_in_use_ends_it(site: Site) -> None:
    """Exit code 3 with a remedy; no batch was begun, and nothing is left behind."""
    site.source.execute(TABLES)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        configure(site, "account", http={"host": "127.0.0.1", "port": port})
        with RunningDaemon(site) as daemon:
            done = daemon.wait()
            assert done.returncode == 3
            assert f"error: cannot listen on 127.0.0.1:{port}: " in done.stdout
            assert f"remedy: Stop what listens on port {port}" in done.stdout
            assert "Traceback" not in done.stdout
            assert batches(site) == []
            assert leftovers(site, daemon) == []


def test_a_configuration_that_cannot_be_used_ends_it(site: Site) -> None:
    """Exit code 2 with every issue and a remedy; no database was asked."""
    configure(site, {"name": "account", "lan": "small"}, every="soon")
    done = site.run("run")
    assert done.returncode == 2
    issues = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(issues) == 2
    assert all(f"{site.path.name}:" in issue for issue in issues)
    assert "remedy: " in done.stderr
    assert batches(site) == []


def test_a_pool_too_small_for_both_roles_ends_it(site: Site) -> None:
    """What is known to be wrong with the configuration before anything runs is exit code 2."""
    site.source.execute(TABLES)
    configure(site, "account")
    text = site.path.read_text(encoding="utf-8")
    small = '"target": {"connection": "src"}, "tables"'
    text = text.replace('"target": {\n  "connection": "wh"\n },\n "tables"', small)
    assert small in text
    site.path.write_text(
        text.replace('"engine": "postgresql"', '"engine": "postgresql", "pool": {"max": 3}')
    )
    with RunningDaemon(site) as daemon:
        daemon.wait_line("pool.max")
        assert daemon.wait(5).returncode == 2


def test_a_newer_control_schema_ends_it(site: Site) -> None:
    """Exit code 3 with a remedy; nothing was written into what a later version made."""
    site.source.execute(TABLES)
    configure(site, "account")
    assert site.run("control", "apply").returncode == 0
    site.target.execute("INSERT INTO cdc.schema_migration VALUES (9999, 'later', now())")
    with RunningDaemon(site) as daemon:
        done = daemon.wait()
        assert done.returncode == 3
        assert "error: control schema cdc is of version 9999" in done.stdout
        assert "remedy: " in done.stdout
        assert "Traceback" not in done.stdout
        assert batches(site) == []
        assert leftovers(site, daemon) == []


def test_it_starts_without_its_target(site: Site, target_proxy: Proxy) -> None:
    """Law 8: a target that is down is waited for; the daemon lives and says it is not ready."""
    site.source.execute(TABLES)
    configure(site, "account", target_via=site.target.through(target_proxy.port))
    target_proxy.refuse()
    with serving(site) as daemon:
        daemon.wait_event(event="target does not answer")
        assert daemon.get("/healthz") == (200, "ok\n")
        assert daemon.reasons() == ["the control schema has not been reached yet"]
        assert daemon.table("account")["last_batch"] is None
        assert daemon.get("/metrics")[0] == 200
        target_proxy.heal()
        daemon.until(lambda: daemon.reasons() == [])
        daemon.wait_event(event="target answers again")
        daemon.until(lambda: promoted(site, "account"))
        daemon.terminate()
        assert daemon.wait().returncode == 0


def test_it_starts_without_its_landing_folder(site: Site) -> None:
    """Law 8: tables fail and back off, the daemon lives; when the folder is there, they run."""
    site.source.execute(TABLES)
    folder = site.folder / "later"
    backoff = {"first_seconds": 1, "limit_seconds": 1}
    configure(site, "account", "beta", runtime={"landing_dir": str(folder), "backoff": backoff})
    with serving(site) as daemon:
        daemon.until(lambda: daemon.table("account")["failures"])
        failing = daemon.table("account")
        assert failing["state"] == "failing"
        assert failing["last_batch"]["error_kind"] == "LandingFailed"
        assert "landing_dir" in failing["last_batch"]["remedy"]
        assert failing["due_at"] is not None
        folder.write_text("nothing can be made in a file", encoding="utf-8")  # for root, too
        so_far = failing["failures"]
        daemon.until(lambda: daemon.table("account")["failures"] >= so_far + 2)
        assert daemon.table("account")["last_batch"]["error_kind"] == "LandingFailed"
        assert daemon.reasons() == []
        assert batches(site) == []
        folder.unlink()
        folder.mkdir()
        daemon.until(lambda: promoted(site, "account") and promoted(site, "beta"))
        daemon.until(lambda: daemon.table("account")["state"] == "active")
        assert daemon.table("account")["failures"] == 0
        daemon.terminate()
        assert daemon.wait().returncode == 0
        assert list(folder.iterdir()) == []


def test_commands_reach_a_running_daemon(site: Site) -> None:
    """DESIGN 6.1: pause, resume, trigger and release are obeyed within five seconds."""
    site.source.execute(TABLES)
    configure(site, "account", "beta")

    def told(command: str, seen: Callable[[], object]) -> None:
        assert site.run(command, "src.public.account").returncode == 0
        began = time.monotonic()
        daemon.until(seen, COMMAND_SECONDS)
        assert time.monotonic() - began < COMMAND_SECONDS

    with serving(site) as daemon:
        daemon.until(lambda: promoted(site, "account") and promoted(site, "beta"))
        told("trigger", lambda: promoted(site, "account") == 2)
        told("pause", lambda: daemon.table("account")["state"] == "paused")
        assert daemon.metric("cdc_table_paused", table="src.public.account") == 1
        told("trigger", lambda: daemon.table("account")["state"] == "paused")
        told("resume", lambda: promoted(site, "account") == 3)
        site.source.execute("DELETE FROM account")
        told("trigger", lambda: daemon.table("account")["held"])
        assert daemon.metric("cdc_table_held", table="src.public.account") == 1
        assert daemon.table("account")["held_guards"]
        told("release", lambda: promoted(site, "account") == 4)
        daemon.until(lambda: not daemon.table("account")["held"])
        assert [closed for *_, closed in site.versions("account")] == ["D"] * 10
        assert promoted(site, "beta") == 1


def test_a_due_table_begins_within_a_second(site: Site) -> None:
    """A batch reads within a second of its due time, and never before it."""
    site.source.execute(TABLES)
    configure(site, "account", "beta", every=f"{EVERY_SECONDS}s")
    latest = timedelta(seconds=EVERY_SECONDS + DUE_SECONDS)
    with serving(site) as daemon:
        daemon.until(lambda: promoted(site, "account") and promoted(site, "beta"))
        # what a busy machine makes late is not the daemon's: it goes on until some were in time
        daemon.until(lambda: sum(gap < latest for gap in gaps(site)) >= 4)
    assert min(gaps(site)) >= timedelta(seconds=EVERY_SECONDS)


@pytest.mark.long
def test_every_due_table_begins_within_a_second(site: Site) -> None:
    """On a machine that has nothing else to do, no batch reads later than that."""
    site.source.execute(TABLES)
    configure(site, "account", "beta", every=f"{EVERY_SECONDS}s")
    with serving(site) as daemon:
        daemon.until(lambda: promoted(site, "account") and promoted(site, "beta"))
        daemon.until(lambda: len(gaps(site)) >= 20)
    late = [gap for gap in gaps(site) if gap >= timedelta(seconds=EVERY_SECONDS + DUE_SECONDS)]
    assert late == []


def gaps(site: Site) -> list[timedelta]:
    """Between a table's batches."""
    rows = site.target.fetch(
        "SELECT read_at - lag(read_at) OVER (PARTITION BY table_name ORDER BY batch_id) "
        "FROM cdc.batch WHERE status = 'promoted'"
    )
    return [gap for (gap,) in rows if gap is not None]
