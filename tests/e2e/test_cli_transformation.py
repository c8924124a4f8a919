"""Rules of transformation as an operator meets them: first load, changes, quarantine, reload."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from tests.support.daemon import configure, landing_folder, promoted, serving
from tests.support.process import Completed
from tests.support.site import Site
from tests.support.terminal import CONTROLS, on_terminal

SOURCE = """
CREATE TABLE client (id int PRIMARY KEY, email text, city text, visits text);
INSERT INTO client VALUES
    (1, 'ann@example.com', 'Bern', '1'), (2, 'bob@example.com', 'Rome', '2'),
    (3, 'no address', 'Oslo', '3'), (4, 'dan@example.com', 'Bonn', 'many');
"""
KEY = "a-key-of-sixteen-bytes-or-more"
FILTER = {"use": "filter", "keep": {"not": {"column": "city", "equals": "Rome"}}}
MASK = {"column": "email", "use": "mask", "kind": "email", "unmatched": "reject"}
NUMBER = {"column": "visits", "use": "convert", "to": "integer"}
HASH = {"column": "city", "use": "hash", "key": {"env": "MADE_UP_CITY_KEY"}}
HIDE = {"column": "city", "use": "mask", "kind": "all"}
NULLED = {"column": "email", "use": "null"}
REWRITE = ("--accept-guard", "rewrite")
SHARED = {"pattern": "ci", "use": "mask", "kind": "all"}


class Clients(Site):
    """One table and its rules; the key is known."""

    __slots__ = ()

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "MADE_UP_CITY_KEY": KEY}

    def has(self, *rules: dict[str, Any], shared: tuple[Any, ...] = (), **table: object) -> None:
        """These rules from now on."""
        configure(
            self,
            {"name": "client", "transform": list(rules), **table},
            every="1s",
            transformations={"rules": list(shared)},
        )

    def does(self, *arguments: str, code: int = 0) -> Completed:
        done = self.run(*arguments)
        assert done.returncode == code, done
        return done

    def history(self, column: str) -> list[tuple[Any, ...]]:
        """Key, value, operation and end of every version, those of a key in their order."""
        return self.target.fetch(
            f"SELECT id, {column}, _operation, _closed_by FROM bronze.src_client "
            "ORDER BY id, _valid_from"
        )

    def quarantined(self, *options: str) -> list[tuple[str, str]]:
        """Column and reason of what is there."""
        done = self.does("quarantine", "show", "client", "--json", *options)
        return [(one["column"], one["reason"]) for one in json.loads(done.stdout)["entries"]]


@pytest.fixture
def clients(site: Site) -> Clients:
    """Four clients: one is left out, one has no address, one has visited many times."""
    site.source.execute(SOURCE)
    return Clients(site.source, site.target, site.folder)


def seen(done: Completed) -> list[str]:
    """What ``plan`` says of the table."""
    return [line.strip() for line in done.stdout.splitlines()]


def columns(shown: str) -> list[str]:
    """The titles of a table of outcomes."""
    return next(line.split() for line in shown.splitlines() if "status" in line)


def held(done: Completed) -> dict[str, Any]:
    """The line that says so."""
    (event,) = [one for one in done.events() if one.get("error_kind") == "GuardTripped"]
    return event


def test_what_cannot_be_carried_waits_until_it_can(clients: Clients) -> None:
    """Law 6: told before, set apart, listed by digest, replayed once corrected, then purged."""
    clients.has(FILTER, MASK, NUMBER, shared=(SHARED,))
    planned = seen(clients.does("plan"))
    first = planned.index("rule: keep rows where not city = 'Rome'")
    assert planned[first + 1 : first + 4] == [
        "rule: column email: mask email unmatched=reject (rule 2, column 'email')",
        "rule: column city: mask all (rule 1, pattern 'ci')",
        "rule: column visits: convert to integer(64), else quarantine (rule 3, column 'visits')",
    ]
    assert "quarantine: column email: unrecognised (1 row(s))" in planned
    assert "quarantine: column visits: not_integer (1 row(s))" in planned
    assert "a filter leaves out 1 row(s)" in planned
    code, shown = on_terminal(clients, "once")
    assert (code, columns(CONTROLS.sub("", shown))[-2:]) == (0, ["quarantined", "filtered"])
    assert clients.history("email || visits") == [(1, "a**@example.com1", "I", None)]
    assert sorted(clients.quarantined()) == [("email", "unrecognised"), ("visits", "not_integer")]
    assert "unrecognised" in clients.does("quarantine", "list", "client").stdout

    clients.source.execute("UPDATE client SET email = 'cy@example.com' WHERE id = 3")
    clients.source.execute("UPDATE client SET visits = '9' WHERE id = 1")
    replayed = clients.does("quarantine", "replay", "client").stdout
    assert columns(replayed)[-1] == "quarantined"
    assert [row[0] for row in clients.history("visits")] == [1, 3]
    assert clients.quarantined() == [("visits", "not_integer")]
    clients.source.execute("UPDATE client SET visits = '4', city = 'Kiel' WHERE id = 4")
    assert columns(clients.does("quarantine", "replay").stdout)[-1] == "seconds"
    assert clients.quarantined() == []
    assert len(clients.quarantined("--all")) == 2
    assert clients.does("quarantine", "replay").stdout == "nothing to replay\n"
    assert "2 entries purged" in clients.does("quarantine", "purge").stdout
    assert clients.quarantined("--all") == []
    clients.does("once")
    assert clients.history("visits") == [
        (1, 1, "I", "U"),  # a replay touches no other row
        (1, 9, "U", None),
        (3, 3, "I", None),
        (4, 4, "I", None),
    ]


def test_two_rules_for_one_column_are_told(clients: Clients) -> None:
    """They are applied one after the other; that may not be what was meant."""
    clients.has({**MASK, "unmatched": "mask"}, {"column": "email", "use": "truncate", "length": 5})
    told = seen(clients.does("plan"))
    first = told.index("rule: column email: mask email unmatched=mask (rule 1, column 'email')")
    assert told[first + 1] == "rule: column email: truncate to 5 (rule 2, column 'email')"
    assert any(line.startswith("rule:") and "email" in line for line in told[first + 2 :]), told


def test_a_changed_rule_waits_for_a_choice(clients: Clients) -> None:
    """``plan`` shows it, ``once`` is held; then new versions begin or open ones are rewritten."""
    clients.has()
    clients.does("once")
    clients.has(HIDE)
    told = seen(clients.does("plan"))
    assert "changed rule: column city: was nothing; is mask all" in told
    assert any("guard rules would hold" in line and "with them 4 rows" in line for line in told)
    event = held(clients.does("once", code=1))
    for command in ("plan", "release", "release --rewrite"):
        assert f"`cdc-daemon {command} src.public.client`" in event["remedy"]
    shown = clients.does("status").stdout
    assert event["remedy"] in shown
    assert "passes: rules" in clients.does("release", "client").stdout
    clients.does("once")
    assert clients.history("city")[:2] == [(1, "Bern", "I", "U"), (1, "****", "U", None)]

    clients.has(HASH)
    held(clients.does("once", code=1))
    assert "passes: rewrite, rules" in clients.does("release", "--rewrite", "client").stdout
    code, shown = on_terminal(clients, "once")
    assert (code, columns(CONTROLS.sub("", shown))[-1]) == (0, "rewritten")
    versions = clients.history("length(city)")
    assert [row[1:] for row in versions if row[0] == 1] == [(4, "I", "U"), (64, "U", None)]

    clients.has(HASH, NULLED)
    held(clients.does("once", code=1))
    assert columns(CONTROLS.sub("", on_terminal(clients, "once", *REWRITE)[1]))[-1] == "rewritten"
    assert len(clients.history("email")) == len(versions)
    clients.has(on_rule_change="version")
    clients.does("once")
    clients.has(HIDE, on_rule_change="rewrite")
    clients.does("once")
    told = [row[1:] for row in clients.history("city || coalesce(email, '')") if row[0] == 1]
    assert told[-1] == ("****ann@example.com", "U", None)
    assert len(told) == 3


def test_a_daemon_takes_new_rules_and_refuses_those_without_keys(clients: Clients) -> None:
    """Every missing secret is named at once, with exit code 2; a reload keeps what is in force."""
    absent = [
        {"column": "city", "use": "hash", "key": {"env": "MADE_UP_ABSENT_KEY"}},
        {"column": "email", "use": "hash", "key": {"file": str(clients.folder / "absent")}},
    ]
    clients.has(*absent)
    for command in ("once", "run"):
        refused = clients.does(command, code=2)
        assert "MADE_UP_ABSENT_KEY is not set" in refused.stderr
        assert str(clients.folder / "absent") in refused.stderr
    clients.has(on_rule_change="version")
    with serving(clients) as daemon:
        daemon.until(lambda: promoted(clients, "client"))
        clients.has(*absent, on_rule_change="version")
        daemon.signal(signal.SIGHUP)
        for missing in ("MADE_UP_ABSENT_KEY is not set", str(clients.folder / "absent")):
            daemon.wait_line(f"configuration refused.*{missing}")
        before = promoted(clients, "client")
        daemon.until(lambda: promoted(clients, "client") > before)
        assert {row[2:] for row in clients.history("city")} == {("I", None)}
        clients.has(HIDE, on_rule_change="version")
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: ("****", "U") in {row[1:3] for row in clients.history("city")})
        daemon.terminate()
        assert daemon.wait().returncode == 0
    assert list(landing_folder(clients).iterdir()) == []
