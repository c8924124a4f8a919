"""Sections are checked against each other, and all that is wrong is said together."""

from __future__ import annotations

import pytest


def test_nothing_but_an_empty_mapping(issues_of):
    """The two sections that have no default are asked for."""
    assert issues_of("{}\n") == [
        "cdc-daemon.yaml:1: connections: no connection is declared; declare the source and the warehouse",
        "cdc-daemon.yaml:1: target: no target is named; write `target: {connection: NAME}`",
    ]


def test_an_unknown_source(issues_of, head):
    """A table's source is a declared connection."""
    assert issues_of(head + "tables:\n- source: coer\n  schema: s\n  name: a\n") == [
        "cdc-daemon.yaml:6: tables[0].source: there is no connection 'coer'; did you mean 'core'?"
    ]


def test_connections_that_differ_in_case_only(issues_of, valid):
    """Variables cannot tell `core` from `Core`, nor can table names."""
    text = valid.replace(
        "  warehouse:", "  Core: {engine: postgresql, host: h, database: d, user: u}\n  warehouse:"
    )
    assert issues_of(text) == [
        "cdc-daemon.yaml:3: connections.Core: differs from the connection 'core' (cdc-daemon.yaml:2) in case only; rename one of them"
    ]


def test_a_source_that_is_the_target_has_sessions_for_both(issues_of, load_text, valid):
    """A batch that reads does not take the session that it needs to write."""
    small = valid.replace("user: cdc,", "user: cdc, pool: {max: 3},")
    assert load_text(small).tables
    assert issues_of(small + "  - {source: warehouse, schema: s, name: b}\n") == [
        "cdc-daemon.yaml:3: connections.warehouse.pool.max: is 3, too few for a source that is the target, too; raise it to 4 at least"
    ]


def test_two_tables_with_one_bronze_table(issues_of, head):
    """Law 2: a clash of target names is refused, and both lines are named."""
    tables = "tables:\n- {source: core, schema: s, name: A}\n- {source: core, schema: t, name: a}\n"
    assert issues_of(head + tables) == [
        (
            "cdc-daemon.yaml:7: tables[1].name: the target table 'core_a' would clash with that of core.s.A"
            " at cdc-daemon.yaml:6; set a different `target_table:` for one of them"
        )
    ]


def test_a_table_where_another_has_its_view(issues_of, head):
    """The view of open versions takes a name too."""
    tables = "tables:\n- {source: core, schema: s, name: a_current}\n- {source: core, schema: s, name: a}\n"
    (issue,) = issues_of(head + tables)
    assert (
        "tables[1].name: the target view 'core_a_current' would clash with that of core.s.a_current"
        in issue
    )


def test_a_table_twice(issues_of, head):
    """A table is configured once; both lines are named."""
    tables = "tables:\n- {source: core, schema: s, name: a}\n- {source: core, schema: s, name: a, target_table: b}\n"
    assert issues_of(head + tables) == [
        (
            "cdc-daemon.yaml:7: tables[1].name: the table core.s.a is configured twice (first at"
            " cdc-daemon.yaml:6); remove one of them"
        )
    ]


@pytest.mark.parametrize(("length", "fits"), [(50, True), (51, False)])
def test_names_that_postgresql_would_cut(load_text, issues_of, head, length, fits):
    """Law 6: bronze names leave room for `_current` within 63 bytes; longer ones are refused."""
    text = head + f"tables:\n- {{source: core, schema: s, name: {'x' * length}}}\n"
    if fits:
        assert len(load_text(text).tables[0].current_view.name) == 63
    else:
        (issue,) = issues_of(text)
        assert "has 56 bytes, more than the 55 that leave room for its view; set a shorter" in issue


@pytest.mark.parametrize("name", ["_load_7", "_LOAD_12_keys"])
def test_names_of_load_tables(issues_of, head, name):
    """Law 7: what housekeeping drops as left behind is never a table of somebody's history."""
    (issue,) = issues_of(
        head + f"tables:\n- {{source: core, schema: s, name: t, target_table: {name}}}\n"
    )
    assert f"the target table's name '{name}' is one that load tables have; set another" in issue


def test_every_issue_at_once_in_order(issues_of, valid, write):
    """Issues of all files, sections and checks come together, by file and line, variables last."""
    write("tables:\n- {source: core, schema: s, name: [}\n", "tables.d/b.yaml")
    write("tables:\n- {source: cor, schema: s, name: z, kee: []}\n", "tables.d/c.yaml")
    text = (
        valid.replace("port", "prot").replace("{connection: warehouse}", "{connection: w, x: 1}")
        + "  - {source: core, schema: t, name: account}\n"
        + "include: [tables.d/*.yaml]\nhttp: {port: x, prot: 1}\nhttp: {}\n"
    )
    issues = issues_of(text, {"CDC__LANES__SMALL__WORKERS": "many", "CDC__X": "1"})
    assert [issue.split(": ")[0] for issue in issues] == [
        "cdc-daemon.yaml:4",
        "cdc-daemon.yaml:7",
        "cdc-daemon.yaml:9",
        "cdc-daemon.yaml:9",
        "cdc-daemon.yaml:10",
        "tables.d/b.yaml:2",
        "tables.d/c.yaml:2",
        "CDC__LANES__SMALL__WORKERS",
        "CDC__X",
    ]
