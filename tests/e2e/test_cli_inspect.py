"""``plan``, ``status``, ``validate-config`` and ``control`` as processes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from tests.support.proxy import Proxy
from tests.support.site import Site

ACCOUNTS = """
CREATE TABLE account (id int PRIMARY KEY, name text);
INSERT INTO account SELECT n, 'name ' || n FROM generate_series(1, 10) AS n;
CREATE TABLE other (code text PRIMARY KEY);
INSERT INTO other VALUES ('k-hush');
"""
FIELDS = [
    "table",
    "source",
    "schema",
    "name",
    "configured",
    "lane",
    "schedule",
    "last_batch",
    "last_success_at",
    "lag_seconds",
    "rows",
    "quarantined",
    "open_versions",
    "due",
    "due_at",
    "held",
    "held_reason",
    "held_at",
    "held_guards",
    "accepted_guards",
    "paused",
    "failures",
]
BATCH_FIELDS = [
    "batch_id",
    "status",
    "error_kind",
    "read_at",
    "finished_at",
    "extracted",
    "inserted",
    "updated",
    "reopened",
    "deleted",
    "unchanged",
    "rewritten",
    "quarantined",
    "filtered",
]


def _everything(site: Site) -> list[Any]:
    """The target's catalog and the rows of all its tables; temporary schemas are sessions' own."""
    found: list[Any] = site.target.fetch(
        "SELECT n.nspname::text, c.relname::text, c.relkind::text, a.attname::text, "
        "format_type(a.atttypid, a.atttypmod) FROM pg_namespace n "
        "LEFT JOIN pg_class c ON c.relnamespace = n.oid LEFT JOIN pg_attribute a "
        "ON a.attrelid = c.oid AND a.attnum > 0 WHERE n.nspname !~ '^pg_(toast_)?temp_' "
        "ORDER BY 1, 2, 3, a.attnum"
    )
    tables = site.target.fetch(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
        "WHERE schemaname IN ('cdc', 'bronze', 'stage') ORDER BY 1"
    )
    for (table,) in tables:
        rows = site.target.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")
        found.append((table, rows))
    return found


def test_a_plan_before_anything_exists_writes_nothing(site: Site) -> None:
    """``plan`` works on an empty target, shows all DDL and pending migrations, and writes nothing."""
    site.source.execute(ACCOUNTS)
    site.configure("account", "nosuch", "other")
    before = _everything(site)
    done = site.run("plan")
    assert _everything(site) == before
    assert done.returncode == 1  # nosuch cannot be planned; the others are
    assert "control schema cdc: pending: 1 control_tables" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["src.public.account", "10", "10", "0", "0", "0", "0"] in rows
    assert 'CREATE TABLE "bronze"."src_account"' in done.stdout
    assert 'CREATE TABLE "bronze"."src_other"' in done.stdout
    assert "error: src.public.nosuch: " in done.stdout
    assert "k-hush" not in done.stdout + done.stderr


def test_a_plan_of_changes_writes_nothing_and_shows_keys_when_asked(site: Site) -> None:
    """Laws 9 and 5: digests unless asked; counts by operation; tripping guards; nothing written."""
    site.source.execute(ACCOUNTS)
    guards = {"min_rows": 1, "max_update_share": 0.05}
    site.configure({"name": "account", "guards": guards}, "other")
    assert site.run("once").returncode == 0
    site.source.execute(
        "UPDATE account SET name = 'new' WHERE id = 3; DELETE FROM account WHERE id = 4; "
        "INSERT INTO account VALUES (4711, 'hush')"
    )
    before = _everything(site)
    hidden, shown = site.run("plan", "account"), site.run("plan", "account", "--show-keys")
    assert _everything(site) == before
    assert (hidden.returncode, shown.returncode) == (0, 0)
    for done in (hidden, shown):
        rows = [line.split() for line in done.stdout.splitlines()]
        assert ["src.public.account", "10", "1", "1", "0", "1", "8"] in rows
        assert "guard updates would hold the table" in done.stdout
        assert "CREATE" not in done.stdout
        assert "hush" not in done.stdout
    assert "4711" not in hidden.stdout
    assert "insert, sample keys: id=4711" in shown.stdout
    assert "update, sample keys: id=3" in shown.stdout
    assert "delete, sample keys: id=4" in shown.stdout


def test_status_tells_everything_in_stable_fields(site: Site) -> None:
    """The JSON document has the documented fields; the table shows the same to a person."""
    site.source.execute(ACCOUNTS + "CREATE TABLE keyless (a int)")
    site.configure("account", "keyless", {"name": "other", "schedule": {"every": "1h"}})
    fresh = json.loads(site.run("status", "--json").stdout)
    assert [table["last_batch"] for table in fresh["tables"]] == [None] * 3
    assert all(table["due"] for table in fresh["tables"])

    site.run("once")
    site.run("pause", "other")
    site.configure("account", "keyless")  # `other` is forgotten, not its history
    done = site.run("status", "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    now = datetime.fromisoformat(document["now"])
    account, keyless, other = document["tables"]
    assert all(sorted(table) == sorted(FIELDS) for table in document["tables"])
    assert sorted(account["last_batch"]) == sorted(BATCH_FIELDS)
    assert account["last_batch"]["status"] == "promoted"
    assert account["last_batch"]["extracted"] == account["rows"] == account["open_versions"] == 10
    lag = now - datetime.fromisoformat(account["last_success_at"])
    assert account["lag_seconds"] == lag.total_seconds() >= 0
    assert (account["due"], account["held"], account["failures"]) == (False, False, 0)
    assert (keyless["held"], keyless["due"], keyless["failures"]) == (True, False, 1)
    assert "no primary key" in keyless["held_reason"]
    assert (other["configured"], other["paused"], other["due"]) == (False, True, False)

    shown = site.run("status").stdout
    batch = str(account["last_batch"]["batch_id"])
    assert shown.splitlines()[1].split()[:4] == ["src.public.account", "active", batch, "promoted"]
    assert "src.public.keyless is held: no primary key" in shown
    assert "remedy: `cdc-daemon release src.public.keyless`" in shown
    assert "src.public.other: no longer configured" in shown
    one = json.loads(site.run("status", "other", "--json").stdout)
    assert [table["name"] for table in one["tables"]] == ["other"]


def test_every_issue_of_a_configuration_is_told_at_once(site: Site) -> None:
    """A bad file ends every command with 2, each issue with its file and line, asking nobody."""
    site.configure({"name": "account", "kye": ["id"]}, {"name": "b", "lane": "huge"}, nonsense={})
    for command in ("validate-config", "once"):
        done = site.run(command)
        assert done.returncode == 2
        *issues, remedy = done.stderr.splitlines()
        assert len(issues) == 3
        assert all(issue.startswith(f"error: {site.path}:") for issue in issues)
        assert all(any(word in issue for issue in issues) for word in ("kye", "huge", "nonsense"))
        assert remedy.startswith("remedy: ")


def test_a_good_configuration_is_summed_up(site: Site) -> None:
    """``validate-config`` says what it found without asking a database; warnings too."""
    site.configure("account", {"name": "b", "lane": "large"})
    document = json.loads(site.path.read_text())
    document["connections"]["src"]["password"] = "plain-hush"
    site.path.write_text(json.dumps(document))
    done = site.run("validate-config")
    assert done.returncode == 0
    assert "tables: 2 (small 1, large 1)" in done.stdout
    assert "warning: " in done.stdout
    assert "hush" not in done.stdout + done.stderr


def test_connecting_tells_of_every_failure(
    site: Site, source_proxy: Proxy, target_proxy: Proxy
) -> None:
    """``--connect`` asks all databases and tells of each what it said, or why not: exit 3."""
    site.configure(
        "account",
        source_via=site.source.through(source_proxy.port),
        target_via=site.target.through(target_proxy.port),
    )
    good = site.run("validate-config", "--connect")
    assert good.returncode == 0, good.stderr
    told = [line for line in good.stdout.splitlines() if line.startswith("connection ")]
    assert [line.split()[1:3] for line in told] == [["src:", "postgresql"], ["wh:", "postgresql"]]
    assert all("clock 2" in line and " ms" in line for line in told)

    source_proxy.refuse()
    target_proxy.refuse()
    bad = site.run("validate-config", "--connect")
    assert bad.returncode == 3
    errors = [line for line in bad.stderr.splitlines() if line.startswith("error: ")]
    assert [error.split(": ")[1] for error in errors] == ["connection src", "connection wh"]


def test_a_secret_that_is_not_there_is_named_by_its_variable(site: Site) -> None:
    """A missing secret ends with 3 and names the variable; the other connection is still asked."""
    site.configure("account")
    done = site.run("validate-config", "--connect", env={"TEST_SOURCE_PASSWORD": ""})
    assert done.returncode == 3
    assert "connection src: environment variable TEST_SOURCE_PASSWORD is empty" in done.stderr
    assert "connection wh: postgresql" in done.stdout


def test_migrations_are_shown_then_applied_once(site: Site) -> None:
    """``control plan`` writes nothing, ``apply`` applies all, a second one has nothing to do."""
    site.configure()
    before = _everything(site)
    planned = site.run("control", "plan")
    assert planned.returncode == 0
    assert 'CREATE TABLE "cdc".table_state' in planned.stdout
    refused = site.run("pause", "account")
    assert refused.returncode == 3
    assert "control apply" in refused.stderr
    assert _everything(site) == before

    applied = site.run("control", "apply")
    listed = "  1 control_tables\n  2 schedule\n  3 housekeeping\n  4 transformation\n"
    assert applied.stdout == f"control schema cdc: 4 migrations applied\n{listed}"
    for action in ("plan", "apply"):
        assert site.run("control", action).stdout == "control schema cdc: up to date\n"
