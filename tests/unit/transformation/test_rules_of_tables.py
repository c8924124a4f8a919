"""The rules of all tables: built once, with secrets fetched once, and every issue at once."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from cdc_daemon.errors import SecretError
from cdc_daemon.model.secret import SecretKind, SecretRef
from cdc_daemon.model.table import RuleSpec, TableId
from cdc_daemon.transformation.tables import rules_of_tables
from tests.factories import make_spec, make_table

GOOD, SHORT = "a key of sixteen bytes", "hunter2"


def env(name):
    return SecretRef(SecretKind.ENV, name)


def hashing(column="NAME", key="KEY", **other):
    given = {"use": "hash", "origin": f"c.yaml:{len(str(column))} {column}", "column": column}
    return RuleSpec(**{**given, "options": {"key": env(key)}, **other})


def table(name, *rules):
    return make_spec(id=TableId("core", "public", name), rules=rules)


class Vault:
    """Holds some secrets, and counts how often it is asked."""

    def __init__(self, **secrets):
        self.secrets, self.asked = secrets, []

    def __call__(self, reference):
        self.asked.append(reference.locator)
        if reference.locator not in self.secrets:
            raise SecretError(f"environment variable {reference.locator} is not set")
        return self.secrets[reference.locator]


def test_rules_are_built_with_their_secrets():
    """Another key makes another hash; a table without rules is not in it."""
    tables = [table("a", hashing()), table("b", hashing(key="OTHER")), table("c")]
    rules = rules_of_tables(tables, Vault(KEY=GOOD, OTHER=GOOD[::-1]))
    assert rules.issues == ()
    assert rules.of.keys() == {tables[0].id, tables[1].id}
    one, other = (rules.of[spec.id].bind(spec, make_table()).descriptions for spec in tables[:2])
    assert one["NAME"] != other["NAME"]


def test_shared_rules_and_secrets_are_made_once():
    """One object is one build, whatever number of tables have it; own rules follow."""
    shared, own = hashing(shared=True), hashing(column="ID")
    vault = Vault(KEY=GOOD)
    tables = [table("a", shared), table("b", shared), table("c", shared, own)]
    a, b, c = rules_of_tables(tables, vault).of.values()
    assert a is b
    assert c.made[0] is a.made[0]
    assert [made.spec for made in c.made] == [shared, own]
    assert vault.asked == ["KEY"]


def test_a_secret_deep_in_options_is_fetched():
    """``when`` holds transformers, which hold keys."""
    options = {
        "when": {"column": "ID", "equals": 1},
        "then": {"use": "hash", "key": env("KEY")},
        "else": {"use": "hash", "key": env("NONE")},
    }
    spec = table("a", hashing(use="when", options=options))
    rules = rules_of_tables([spec], Vault(KEY=GOOD))
    assert rules.issues == ("c.yaml:4 NAME: environment variable NONE is not set",)


def test_everything_is_told_at_once_and_nothing_is_built():
    """Missing secrets once each, with the first rule; refused rules each; no rules of any table."""
    tables = [
        table("a", hashing(), hashing(column="B")),
        table("b", hashing(key="SHORT"), hashing(key="SHORT", use="gdpr", column=None)),
        table("c", hashing(key="GOOD")),
    ]
    rules = rules_of_tables(tables, Vault(SHORT=SHORT, GOOD=GOOD))
    assert rules.missing == (
        "c.yaml:4 NAME: environment variable KEY is not set, which 2 rules need",
    )
    assert len(rules.refused) == 2
    assert all("the key of a hash has at least 16 bytes" in issue for issue in rules.refused)
    assert [issue.split(": ")[0] for issue in rules.refused] == ["c.yaml:4 NAME", "c.yaml:4 None"]
    assert rules.of == {}
    assert SHORT not in "".join(rules.issues)


@pytest.mark.parametrize("key", [{"KEY": GOOD}, {"KEY": GOOD, "OTHER": SHORT}])
def test_one_bad_rule_leaves_no_table_with_the_others(key):
    """Fail closed: a table without the rule that cannot be built would land its column in clear."""
    tables = [table("a", hashing(), hashing(key="OTHER")), table("b", hashing())]
    rules = rules_of_tables(tables, Vault(**key))
    assert len(rules.issues) == 1
    assert rules.of == {}


def test_rules_without_secrets_ask_for_none():
    """Nobody is asked, and nothing is missing."""
    vault = Vault()
    rule = hashing(use="mask", options={"kind": "all"})
    assert rules_of_tables([table("a", rule)], vault).issues == ()
    assert vault.asked == []


def test_many_tables_with_many_rules_take_no_time():
    """2,000 tables with 20 shared rules in far less than a second of CPU."""
    shared = tuple(hashing(column=f"C{n}", shared=True) for n in range(20))
    tables = [table(f"t{n}", *shared) for n in range(2_000)]
    before = os.times().user
    assert len(rules_of_tables(tables, Vault(KEY=GOOD)).of) == 2_000
    assert os.times().user - before < 0.5


@pytest.mark.parametrize(
    ("rule", "issue"),
    [
        (
            hashing(column="NAM"),
            "the rule at c.yaml:3 NAM: unknown column 'NAM'; is it 'NAME'? (there are: ID, NAME)",
        ),
        (
            hashing(column=None, pattern="X", origin="c.yaml:7"),
            "the rule at c.yaml:7 is for no column of the table",
        ),
        (
            hashing(types=frozenset({"integer"}), origin="c.yaml:8"),
            "the rule at c.yaml:8 is for no column of the table",
        ),
    ],
)
def test_a_rule_of_a_tables_own_has_a_column(rule, issue):
    """Fail closed: what it was meant for would land in clear; the rule is told by its place."""
    spec = table("a", rule)
    rules = rules_of_tables([spec], Vault(KEY=GOOD)).of[spec.id]
    assert rules.judge(spec, make_table())[1] == (issue,)
    shared = table("a", replace(rule, shared=True))
    rules = rules_of_tables([shared], Vault(KEY=GOOD)).of[spec.id]
    assert rules.judge(shared, make_table())[1] == ()
