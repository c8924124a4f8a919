"""Which tables a command means."""

from __future__ import annotations

import pytest

from cdc_daemon.cli.selection import named, selected
from cdc_daemon.cli.usage import UsageError
from cdc_daemon.errors import ExitCode
from cdc_daemon.model.table import TableId
from tests.factories import make_spec

ORDERS = TableId("core", "sales", "orders")
ARCHIVED = TableId("core", "archive", "orders")
OTHER = TableId("erp", "sales", "orders")
LINES = TableId("core", "sales", "order_lines")
DOTTED = TableId("erp", "a.b", "c.orders")
ALL = (ORDERS, ARCHIVED, OTHER, LINES, DOTTED)


def _specs(*tables, lane="small"):
    return tuple(make_spec(id=table, lane=lane) for table in tables)


@pytest.mark.parametrize(
    ("word", "table"),
    [
        ("core.sales.orders", ORDERS),
        ("archive.orders", ARCHIVED),
        ("order_lines", LINES),
        ("sales.order_lines", LINES),
        ("c.orders", DOTTED),
        ("erp.a.b.c.orders", DOTTED),
    ],
)
def test_an_unambiguous_end_names_a_table(word, table):
    """The identity or an unambiguous end of it, cut between its parts, names a table."""
    assert named([word], ALL) == (table,)


def test_a_part_of_a_name_names_nothing():
    """The end of a name that has dots is no name."""
    with pytest.raises(UsageError, match="there is no table 'lines'"):
        named(["lines"], (TableId("core", "sales", "order.lines"),))


def test_all_slips_are_told_at_once_with_candidates():
    """Ambiguous and unknown words are told together, each with what could be meant."""
    with pytest.raises(UsageError) as caught:
        named(["orders", "sales.orders", "order_line", "zzz", "order_lines"], ALL)
    assert str(caught.value).splitlines() == [
        "table 'orders' is ambiguous: core.archive.orders, core.sales.orders, erp.sales.orders",
        "table 'sales.orders' is ambiguous: core.sales.orders, erp.sales.orders",
        "there is no table 'order_line'; did you mean core.sales.order_lines, core.sales.orders, core.archive.orders, erp.sales.orders?",
        "there is no table 'zzz'",
    ]
    assert caught.value.exit_code is ExitCode.USAGE


def test_case_counts_and_is_the_first_thing_suggested():
    """A name in other case is no match, and is what is suggested."""
    with pytest.raises(UsageError, match=r"did you mean core\.sales\.order_lines\?"):
        named(["ORDER_LINES"], (LINES,))


def test_many_candidates_are_counted():
    """A long list of candidates is cut, and says by how many."""
    many = [TableId("core", f"s{n}", "t") for n in range(9)]
    with pytest.raises(UsageError, match=r"core\.s4\.t and 4 more$"):
        named(["t"], many)


def test_a_table_named_twice_is_meant_once():
    """A table runs once a pass, in the order of the configuration, however often it is named."""
    specs = _specs(*ALL)
    chosen = selected(["order_lines", "archive.orders", "core.sales.order_lines"], specs)
    assert [spec.id for spec in chosen] == [ARCHIVED, LINES]


def test_source_and_lane_narrow():
    """``--source`` and ``--lane`` leave the tables that are of both."""
    specs = (*_specs(ORDERS, OTHER), *_specs(LINES, lane="large"))
    assert [s.id for s in selected([], specs, source="core")] == [ORDERS, LINES]
    assert [s.id for s in selected([], specs, source="core", lane="large")] == [LINES]


@pytest.mark.parametrize(
    ("words", "source", "lane", "said"),
    [
        ([], "cor", None, "no table is of source 'cor'; there are: core, erp"),
        ([], None, "huge", "no table is of lane 'huge'; there are: small"),
        (["order_lines"], "erp", None, "no table is of all that"),
    ],
)
def test_a_selection_of_nothing_is_a_usage_error(words, source, lane, said):
    """What selects no table is a slip, never a pass over nothing that looks like success."""
    with pytest.raises(UsageError, match=said):
        selected(words, _specs(*ALL), source=source, lane=lane)


def test_a_configuration_without_tables_is_no_slip():
    """No tables configured, none named: nothing to do."""
    assert selected([], ()) == ()
