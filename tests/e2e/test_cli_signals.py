"""SIGINT and SIGTERM while a batch runs, and readers that leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.support.failpoints import Verdict
from tests.support.process import environment
from tests.support.proxy import Proxy
from tests.support.site import Site

CHECKPOINT = '"cdc"."window_state"'
SIGNALS = [signal.SIGINT, signal.SIGTERM]
ACCOUNTS = """
CREATE TABLE account (id int PRIMARY KEY, name text);
INSERT INTO account SELECT n, 'name ' || n FROM generate_series(1, 10) AS n;
"""


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_the_first_signal_stops_in_good_order(
    site: Site, target_proxy: Proxy, number: signal.Signals
) -> None:
    """Law 7: in mid-promote everything is rolled back and recorded as cancelled; exit 128 + n."""
    site.source.execute(ACCOUNTS)
    site.configure("account", target_via=site.target.through(target_proxy.port))
    hold = target_proxy.hold(CHECKPOINT, after=True)  # all is written but the commit
    with site.watch("once") as command:
        hold.wait()
        command.signal(number)
        command.wait_line(f"{number.name}: stopping")
        hold.release()
        done = command.wait()
    assert done.returncode == 128 + number
    assert f"stopped by {number.name}" in done.stdout
    assert "Traceback" not in done.stdout
    assert site.target.fetch("SELECT to_regclass('bronze.src_account')::text") == [(None,)]
    assert site.batches() == [("account", "cancelled")]
    assert [event["status"] for event in site.events("TABLE_TOTAL")] == ["cancelled"]
    assert site.run("once").returncode == 0
    assert len(site.versions("account")) == 10


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_the_second_signal_forces(site: Site, target_proxy: Proxy, number: signal.Signals) -> None:
    """A second signal ends the process at once, whatever hangs; the next pass mends all."""
    site.source.execute(ACCOUNTS)
    site.configure("account", target_via=site.target.through(target_proxy.port))
    hold = target_proxy.hold(CHECKPOINT)
    with site.watch("once") as command:
        hold.wait()
        command.signal(signal.SIGTERM)
        command.wait_line("SIGTERM: stopping")
        command.signal(number)
        done = command.wait()
    assert done.returncode == 128 + number
    hold.release(Verdict.CUT)
    assert site.batches() == [("account", "running")]
    assert site.run("once").returncode == 0
    assert [status for _, status in site.batches()] == ["abandoned", "promoted"]
    assert len(site.versions("account")) == 10


def test_the_second_signal_forces_though_a_drivers_thread_hangs(
    site: Site, source_proxy: Proxy
) -> None:
    """A forced stop ends the process even where a driver's thread never comes back."""
    site.source.execute(ACCOUNTS)
    site.configure("account", source_via=site.source.through(source_proxy.port))
    hold = source_proxy.hold(lambda statement: statement.sql.startswith("COPY"))
    with site.watch("once") as command:
        hold.wait()
        command.signal(signal.SIGTERM)
        command.wait_line("SIGTERM: stopping")
        command.signal(signal.SIGTERM)
        assert command.wait().returncode == 128 + signal.SIGTERM
    hold.release(Verdict.CUT)


def test_a_reader_that_leaves_is_no_failure(site: Site) -> None:
    """Output nobody reads changes no exit code and prints no traceback."""
    site.source.execute(ACCOUNTS)
    site.configure("account")
    for command, code in ((["plan"], 0), (["status"], 0), (["status", "--json"], 0)):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-m", "cdc_daemon", *command],
            env=environment(site.path, site.env),
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (code, "")
