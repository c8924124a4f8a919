"""Rules of transformation against real catalogs: ``validate-config --connect`` and the daemon."""

from __future__ import annotations

import signal

import pytest

from tests.support.daemon import configure, serving
from tests.support.proxy import Proxy
from tests.support.site import Site

TABLES = """
CREATE TABLE account (id int PRIMARY KEY, email text, born date);
CREATE TABLE branch (id int PRIMARY KEY, name text);
"""
KEY = {"env": "MADE_UP_PII_KEY"}
SECRET = {"MADE_UP_PII_KEY": "hunter2-hunter2-hunter2"}
SHARED = [
    {"use": "pii", "key": KEY},
    {"pattern": "EMAIL", "use": "mask", "kind": "email"},
    {"column": "name", "use": "mask", "kind": "name"},
]
GOOD = {"column": "email", "use": "hash", "key": KEY}


def test_rules_that_fit_are_no_issue(site: Site) -> None:
    """Connections are told as ever; shared rules are for some column of some table."""
    site.source.execute(TABLES)
    account = {"name": "account", "transform": [GOOD]}
    site.configure(account, "branch", transformations={"rules": SHARED})
    done = site.run("validate-config", "--connect", env=SECRET)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "hunter2" not in done.stdout


def test_everything_that_does_not_fit_is_told_at_once(site: Site) -> None:
    """Tables' own rules, idle shared ones, missing tables and missing secrets, with exit code 2."""
    site.source.execute(TABLES)
    own = [
        {"column": "emial", "use": "drop"},
        {"pattern": "ssn", "use": "drop"},
        {"column": "id", "use": "drop"},
        GOOD,
    ]
    site.configure(
        {"name": "account", "transform": own},
        {"name": "branch", "transform": [{"use": "filter", "keep": {"column": "b", "equals": 1}}]},
        {"name": "nosuch", "transform": [GOOD]},
        transformations={
            "rules": [
                {"types": ["json"], "use": "drop", "tables": ["*.account", "*.branch"]},
                {"column": "name", "use": "mask", "kind": "name"},
            ]
        },
    )
    done = site.run("validate-config", "--connect")
    assert done.returncode == 2
    *errors, remedy = done.stderr.splitlines()
    assert remedy.startswith("remedy: ")
    told = "\n".join(errors)
    for part in (
        "tables[0].transform[3]: environment variable MADE_UP_PII_KEY is not set, which 2 rules",
        "src.public.account: column 'id' is dropped, but it is part of the key",
        "tables[0].transform[0]: unknown column 'emial'; is it 'email'? (there are: id, email, born)",
        "tables[0].transform[1] is for no column of the table",
        "src.public.branch: a row filter: unknown column in a condition, 'b'",
        "src.public.nosuch: ",
        "transformations.rules[0] is for no column of any table",
    ):
        assert part in told
    assert len(errors) == 7, told
    assert sum(line.startswith("connection ") for line in done.stdout.splitlines()) == 2


@pytest.mark.parametrize(("rules", "code"), [([GOOD], 3), ([{**GOOD, "column": "x"}], 3)])
def test_a_database_that_is_down_is_told_as_ever(
    site: Site, source_proxy: Proxy, rules: list[dict], code: int
) -> None:
    """Its tables' rules are not judged, and nothing is said of them."""
    site.source.execute(TABLES)
    site.configure(
        {"name": "account", "transform": rules},
        source_via=site.source.through(source_proxy.port),
    )
    source_proxy.refuse()
    done = site.run("validate-config", "--connect", env=SECRET)
    assert done.returncode == code
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: connection src: ")


def test_commands_that_move_rows_need_the_keys_and_others_do_not(site: Site) -> None:
    """``once``, ``plan`` and ``run`` end with 2 and name variable and rule; ``status`` works."""
    site.source.execute(TABLES)
    site.configure({"name": "account", "transform": [GOOD]})
    for command in ("once", "plan", "run"):
        done = site.run(command)
        assert done.returncode == 2
        assert "transform[0]: environment variable MADE_UP_PII_KEY is not set" in done.stderr
    assert site.run("control", "apply").returncode == 0
    for command in (("status",), ("pause", "account"), ("control", "plan")):
        assert site.run(*command).returncode == 0


def test_the_daemon_tells_of_rules_that_do_not_fit(site: Site) -> None:
    """At start and after a reload, at ERROR; a reload without its key changes nothing."""
    site.source.execute(TABLES)
    idle = {"pattern": "ssn", "use": "drop"}
    bad = {"column": "emial", "use": "drop"}
    configure(site, "branch", transformations={"rules": [idle]})
    with serving(site) as daemon:
        first = daemon.wait_event(event="rule for no column", level="error")
        assert "transformations.rules[0] is for no column of any table" in first["message"]
        configure(site, "branch", {"name": "account", "transform": [bad]})
        daemon.signal(signal.SIGHUP)
        told = daemon.wait_event(event="rules do not fit", level="error")
        assert told["table"] == "src.public.account"
        assert "tables[1].transform[0]: unknown column 'emial'" in told["message"]
        configure(site, {"name": "account", "transform": [GOOD]})
        daemon.signal(signal.SIGHUP)
        refused = daemon.wait_event(event="configuration refused")
        assert "environment variable MADE_UP_PII_KEY is not set" in refused["message"]
