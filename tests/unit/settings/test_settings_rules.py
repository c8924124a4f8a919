"""Rules of transformation: from what is written to the rules of every table."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cdc_daemon
from cdc_daemon.model.secret import SecretKind, SecretRef
from cdc_daemon.model.table import RuleChange, TableId
from cdc_daemon.settings.diff import ConfigDiff, difference
from cdc_daemon.settings.load import load
from cdc_daemon.settings.rules import SECRETS
from cdc_daemon.transformation.options import Option
from cdc_daemon.transformation.registry import KINDS

CONFIG = Path(cdc_daemon.__file__).parent.parent / "config"
FULL = """\
transformations:
  rules:
  - {use: pii, key: {env: PII_KEY}, key_version: "2024", tables: ["core.dbo.*"]}
  - {pattern: ".*_ssn$", use: mask, kind: ssn, case_sensitive: true}
  - {types: [text], use: truncate, length: 4000, tables: ["*.B", "core.hr.?"]}
tables:
- source: core
  schema: dbo
  name: A
  transform:
  - {column: EMAIL, use: hash, key: {file: /run/secrets/pii}, key_version: "1"}
  - {column: P, use: when, when: {column: C, equals: DE}, then: {use: hash, key: {env: K}}}
  - {use: filter, keep: {column: REGION, in: [EU, US]}}
- {source: core, schema: hr, name: B}
"""


def test_rules_for_many_come_before_a_tables_own(load_text, head):
    """Shared rules whose globs fit ``source.schema.name``, as written, then the table's own."""
    a, b = load_text(head + FULL).tables
    assert [rule.use for rule in a.rules] == ["pii", "mask", "hash", "when", "filter"]
    assert [rule.use for rule in b.rules] == ["mask", "truncate"]
    assert [rule.shared for rule in a.rules] == [True, True, False, False, False]
    assert a.rules[1] is b.rules[0]  # one object, so that it is built once


def test_a_rule_has_what_was_written(load_text, head):
    """Columns, options and references reach the model; nothing of them can change any more."""
    a, b = load_text(head + FULL).tables
    pii, mask, hashing, when, keep = a.rules
    assert (mask.pattern, mask.case_sensitive, mask.options) == (".*_ssn$", True, {"kind": "ssn"})
    assert b.rules[1].types == {"text"}
    assert pii.options == {"key": SecretRef(SecretKind.ENV, "PII_KEY"), "key_version": "2024"}
    assert hashing.column == "EMAIL"
    assert hashing.options["key"] == SecretRef(SecretKind.FILE, "/run/secrets/pii")
    assert when.options["then"] == {"use": "hash", "key": SecretRef(SecretKind.ENV, "K")}
    assert keep.options["keep"]["in"] == ("EU", "US")
    with pytest.raises(TypeError):
        when.options["then"]["use"] = "mask"


def test_a_rule_says_where_it_is_written(load_text, head, folder):
    """File, line and path, as issues print them."""
    a, _ = load_text(head + FULL).tables
    found = [rule.origin.replace(f"{folder}/", "") for rule in a.rules]
    assert found[0] == "cdc-daemon.yaml:7 transformations.rules[0]"
    assert found[2] == "cdc-daemon.yaml:15 tables[0].transform[0]"


def test_rules_of_an_included_file(write, head, folder):
    """Tables of included files have rules of their own and those for many."""
    write(
        "tables:\n- {source: core, schema: s, name: a, transform: [{column: b, use: drop}]}\n",
        "t.yaml",
    )
    text = f"{head}include: [t.yaml]\ntransformations: {{rules: [{{pattern: x, use: drop}}]}}\n"
    (table,) = load(write(text), {}).tables
    assert [rule.origin.replace(f"{folder}/", "") for rule in table.rules] == [
        "cdc-daemon.yaml:6 transformations.rules[0]",
        "t.yaml:2 tables[0].transform[0]",
    ]


def test_what_becomes_of_changed_rules_is_inherited(load_text, head):
    """``on_rule_change`` of a table, else of ``defaults``, else to ask."""
    tables = "tables:\n- {source: core, schema: s, name: a}\n- {source: core, schema: s, name: b, on_rule_change: rewrite}\n"
    asks = load_text(head + tables).tables
    assert [table.on_rule_change for table in asks] == [RuleChange.ASK, RuleChange.REWRITE]
    defaults = "defaults: {on_rule_change: version}\n"
    first, _ = load_text(head + defaults + tables).tables
    assert first.on_rule_change is RuleChange.VERSION


def test_rules_may_come_from_a_variable(load_text, valid):
    """As JSON, like any other list."""
    named = {"CDC__TRANSFORMATIONS__RULES": '[{"column": "a", "use": "drop"}]'}
    (table,) = load_text(valid, named).tables
    assert [rule.use for rule in table.rules] == ["drop"]
    assert table.rules[0].origin == "CDC__TRANSFORMATIONS__RULES transformations.rules[0]"


RULE = "transformations:\n  rules:\n  - {%s}\ntables:\n- {source: core, schema: s, name: a}\n"


@pytest.mark.parametrize(
    ("rule", "issues"),
    [
        ("column: a", ["use: is missing; add it"]),
        ("column: a, use: hsah", ["use: there is no transformer 'hsah'; did you mean 'hash'?"]),
        ("column: a, use: null", ["use: must be text; put it in quotes"]),
        ("column: a, use: mask", [": mask: `kind` is missing: one of "]),
        (
            "column: a, use: mask, knid: ssn, kind: snn",
            [": mask: unknown option 'knid'; is it 'kind'?"],
        ),
        ("column: a, use: mask, kind: snn", [": unknown mask 'snn'; is it 'ssn'?"]),
        ("use: drop", [": is for no column; add column, pattern or types"]),
        (
            "use: drop, column: a, pattern: b",
            ["pattern: stands beside column; keep one of them"],
        ),
        ("use: drop, pattern: '('", ["pattern: is no regular expression; see Python's `re`"]),
        ("use: drop, types: [txt]", ["types: there is no type 'txt'; did you mean 'text'?"]),
        ("use: drop, types: []", ["types: must not be empty; name at least one"]),
        ("use: drop, types: text", ["types: must be a list; write [A, B]"]),
        (
            "use: pii, column: a, key: {env: K}",
            ["column: pii finds its columns by their names; narrow it by `types`"],
        ),
        ("use: pii, key: {env: K}, kye: a", [": pii: unknown option 'kye'; is it 'key'?"]),
        ("use: pii, key: {env: K}, key_version: 1", [": pii: `key_version` takes a text"]),
        ("use: gdpr", [": a hash needs either a `key` or"]),
        ("use: hash, column: a, key: short", [": the key of a hash has at least 16 bytes"]),
        (
            "use: filter, types: [text], keep: {column: x, in: [1]}",
            ["types: filter is for rows; name columns in `keep`"],
        ),
        (
            "use: filter, keep: {column: x, equls: 1}",
            [": unknown test of a condition 'equls'; is it 'equals'?"],
        ),
        (
            "use: filter, keep: {column: x, matches: '('}",
            [": '(' is no regular expression; correct the rule"],
        ),
        (
            "use: when, column: a, when: {column: b, equals: 1}, then: {use: msk}",
            [": unknown transformer 'msk'; is it 'mask'?"],
        ),
        ("use: drop, column: a, tables: [b, 'core.s.?']", ["tables[0]: matches no configured"]),
        ("use: drop, column: a, tables: [core.S.a]", ["tables[0]: matches no configured table"]),
        ("use: drop, column: a, tables: []", ["tables: must not be empty"]),
        (
            "use: [], columns: a, pattern: '(', types: [txt, 3]",
            ["types[1]: must be text", "use: must be text"],
        ),
        (
            "use: mask, pattern: '(', types: [txt], kind: snn",
            [
                ": unknown mask 'snn'",
                "pattern: is no regular expression",
                "types: there is no type 'txt'",
            ],
        ),
        (
            "use: hash, column: a, key: {env: 1}, salt: {vault: b}",
            ["key: env must be the name", "salt: vault references are not supported"],
        ),
    ],
)
def test_a_bad_rule(issues_of, head, rule, issues):
    """Everything that is wrong with a rule is told at its line, with what to do."""
    found = issues_of(head + RULE % rule)
    assert len(found) == len(issues), found
    for told, wanted in zip(found, issues, strict=True):
        path = wanted if wanted.startswith(":") else f".{wanted}"
        assert told.startswith(f"cdc-daemon.yaml:7: transformations.rules[0]{path}")


def test_all_bad_rules_are_told_at_once(issues_of, head):
    """A bad rule of many tables hides neither another one nor those of a table."""
    bad = "{column: a, use: hsah}"
    tables = f"tables:\n- {{source: core, schema: s, name: a, transform: [{bad}, {bad}]}}\n"
    shared = f"transformations: {{rules: [{bad}, {bad}]}}\n"
    paths = [issue.split(": ")[1] for issue in issues_of(head + shared + tables + "lanez: {}\n")]
    assert paths == [
        *(f"transformations.rules[{n}].use" for n in range(2)),
        *(f"tables[0].transform[{n}].use" for n in range(2)),
        "lanez",
    ]


def test_a_glob_that_is_for_a_broken_table_is_not_blamed(issues_of, head):
    """Which tables there are is not known while one of them is broken."""
    rule = "use: drop, column: a, tables: [core.s.b]"
    broken = "- {source: core, schema: s, name: b, lane: 5}\n"
    (issue,) = issues_of(head + RULE % rule + broken)
    assert "tables[1].lane" in issue


def test_a_tables_own_rule_is_for_no_other(issues_of, head):
    """``tables:`` is for shared rules."""
    table = "tables:\n- {source: core, schema: s, name: a, transform: [{use: drop, column: a, tables: ['*']}]}\n"
    assert issues_of(head + table) == [
        (
            "cdc-daemon.yaml:6: tables[0].transform[0].tables: is for the rules of `transformations`;"
            " remove it: the rule is the table's own"
        )
    ]


SECRET = "hunter2-hunter2-hunter2"


@pytest.mark.parametrize(
    "rule",
    [
        f"use: hash, column: a, key: {SECRET}",
        f"use: pii, key: {SECRET}",
        f"use: hash, column: a, salt: {SECRET}",
        (
            f"use: when, column: a, when: {{column: b, equals: 1}}, then: {{use: hash, key: {SECRET}}}, "
            f"else: {{use: hash, salt: {SECRET}}}"
        ),
    ],
)
def test_a_plain_key_is_warned_about_and_shown_nowhere(load_text, head, rule):
    """Law 9: it is in no warning, no repr and no digest; two keys are two configurations."""
    one, other = (
        load_text(head + RULE % rule.replace(SECRET, secret)) for secret in (SECRET, SECRET[::-1])
    )
    assert SECRET not in repr(one) + "".join(one.warnings)
    assert one.digest == other.digest
    changed = difference(one, other)
    assert changed == ConfigDiff(tables_changed=(TableId("core", "s", "a"),))
    assert sum("stands here in plain text; write {env: NAME}" in w for w in one.warnings) == (
        rule.count(SECRET)
    )


@pytest.mark.parametrize(
    "rule",
    [
        f"use: hash, column: a, key:{SECRET}",
        f"use: hash, column: a, kye: {SECRET}",
        f"use: hash, column: a, key: [{SECRET}]",
        f"use: hash, column: a, key: {{env: '{SECRET}'}}",
        f"use: hash, column: a, key: {{envy: {SECRET}}}",
        f"use: mask, column: a, kind: ssn, key: {SECRET}",
        f"use: no, column: a, key: {SECRET}",
        f"use: hash, column: a, key: {SECRET}, salt: {SECRET}",
        f"use: hash, column: a, key_version: [{SECRET}], key: {{env: K}}",
        f"use: when, column: a, when: {{column: b, equals: 1}}, then: {{use: hash, kye: {SECRET}}}",
        f"use: when, column: a, when: {{column: b, equals: 1}}, then: {{use: hash, key:{SECRET}}}",
        f"use: when, column: a, when: [{SECRET}], then: {{use: hash, key: {SECRET}}}",
    ],
)
def test_no_issue_shows_a_secret(issues_of, head, rule):
    """Law 9: however a rule is mistyped."""
    assert SECRET not in "".join(issues_of(head + RULE % rule))


def test_a_salted_hash_is_warned_about(load_text, head):
    """It works, as it did, and can be guessed; inside ``when``, too."""
    rule = "use: %s, salt: {env: SALT}"
    for use in ("pii", "gdpr", "hash, column: a"):
        (warning,) = load_text(head + RULE % (rule % use)).warnings
        assert "transformations.rules[0]: a salted hash can be guessed" in warning
    inner = "use: when, column: a, when: {column: b, equals: 1}, then: {use: hash, salt: {env: S}}"
    (warning,) = load_text(head + RULE % inner).warnings
    assert "a salted hash can be guessed" in warning
    assert load_text(head + RULE % "use: pii, key: {env: K}").warnings == ()


def test_every_option_that_takes_a_key_is_a_secret():
    """What the registry calls a key is read as a reference, and salts are."""
    options: list[Option] = [option for kind in KINDS.values() for option in kind.options]
    keys = {option.name for option in options if option.takes == "key"}
    assert keys | {"salt"} == SECRETS


def test_a_changed_rule_changes_the_digest_and_is_reloaded(load_text, head):
    """Its tables are changed, and no others; nothing needs a restart."""
    old = load_text(head + FULL)
    new = load_text(head + FULL.replace("kind: ssn", "kind: all"))
    assert old.digest != new.digest
    both = tuple(table.id for table in old.tables)
    assert difference(old, new) == ConfigDiff(tables_changed=both)
    other = load_text(head + FULL.replace("equals: DE", "equals: FR"))
    assert old.digest != other.digest
    assert difference(old, other) == ConfigDiff(tables_changed=both[:1])


def test_a_rule_on_another_line_is_the_same_rule(load_text, head):
    """Comments, and where a file lies, decide no behaviour."""
    old, new = load_text(head + FULL), load_text(f"# a comment\n{head}{FULL}")
    assert difference(old, new).nothing
    assert old.digest == new.digest
    assert old.tables[0].rules[0].origin != new.tables[0].rules[0].origin


def test_rules_in_another_order_are_others(load_text, head):
    """They are applied in their order."""
    rules = ["- {use: drop, column: a}\n", "- {use: mask, kind: all, column: b}\n"]
    texts = [
        f"{head}transformations:\n  rules:\n  {'  '.join(order)}tables:\n- {{source: core, schema: s, name: a}}\n"
        for order in (rules, rules[::-1])
    ]
    old, new = map(load_text, texts)
    assert old.digest != new.digest
    assert not difference(old, new).nothing


def test_the_example_s_rules_work(tmp_path):
    """What the shipped example shows of rules in comments loads as it is written there."""
    for name in ("cdc-daemon.yaml", "tables.d/example.yaml"):
        text = (CONFIG / name).read_text(encoding="utf-8")
        text = re.sub(r"(rules|transform): \[\].*\n((?: +# .*\n)+)", _uncommented, text)
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    snapshot = load(tmp_path / "cdc-daemon.yaml", {})
    account = snapshot.tables[-1]
    assert [rule.use for rule in account.rules] == [
        "pii",
        "mask",
        "truncate",
        "hash",
        "when",
        "filter",
    ]
    assert account.on_rule_change is RuleChange.VERSION
    assert snapshot.warnings == ()


def _uncommented(match: re.Match[str]) -> str:
    return f"{match[1]}:\n" + re.sub(r"^( +)# ", r"\1", match[2], flags=re.MULTILINE)


def test_who_has_no_rules_does_not_load_what_makes_them(write, valid):
    """Commands over a configuration without rules start as fast as before."""
    path = write(valid)
    code = (
        "import sys; from pathlib import Path; from cdc_daemon.settings.load import load;"
        f"load(Path({str(path)!r}), {{}}); sys.exit('cdc_daemon.transformation' in sys.modules)"
    )
    root = str(CONFIG.parent)
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_two_thousand_tables_with_rules_load_within_two_seconds(load_text, head):
    """Rules for all tables cost little more than none; CPU time, so that neighbours do not count."""
    rule = '  - {pattern: "c%d.*", use: hash, key: {env: PII}, tables: ["core.*", "*.t%d*"]}\n'
    rules = "".join(rule % (number, number) for number in range(20))
    table = "- {source: core, schema: public, name: table_%d}\n"
    tables = "tables:\n" + "".join(table % number for number in range(2_000))
    text = f"{head}transformations:\n  rules:\n{rules}{tables}"
    text = text.replace(', "*.t', ', "*.table_')
    before = os.times().user
    assert {len(spec.rules) for spec in load_text(text).tables} == {20}
    assert os.times().user - before < 2
