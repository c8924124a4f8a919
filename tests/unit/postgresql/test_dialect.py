"""PostgreSQL's SQL: names cannot break out of it, and law 3 stands in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.databases.postgresql.dialect import PostgresDialect
from cdc_daemon.model.table import QualifiedName
from cdc_daemon.schema.types import Decimal, Integer, Native, Text
from tests.factories import make_spec, make_table

DIALECT = PostgresDialect()
SPEC = make_spec()


@given(st.text())
def test_no_identifier_breaks_out_of_its_quotes(name):
    """Between the outer quotes every quote is doubled, and halving them gives the name (T16)."""
    quoted = DIALECT.quote(name)
    assert quoted[0] == quoted[-1] == '"'
    inner = quoted[1:-1]
    assert inner.replace('""', "").count('"') == 0
    assert inner.replace('""', '"') == name


def test_schema_and_name_are_quoted_apart():
    """A dot in a name is no separator."""
    assert DIALECT.qualified(QualifiedName("a.b", 'c"d')) == '"a.b"."c""d"'


@pytest.mark.parametrize(
    ("logical", "collated"),
    [(Text(), True), (Text(9), True), (Text(3, fixed=True), True), (Integer(64), False)],
)
def test_a_text_key_is_compared_byte_by_byte(logical, collated):
    """No collation blurs a key, and no upgrade of a locale breaks its unique index (law 3)."""
    table = make_table({"ID": logical, "NAME": Text()})
    for statement in (DIALECT.create_bronze(SPEC, table), DIALECT.create_stage(SPEC, table)):
        key, name = (
            next(line for line in statement.splitlines() if f'"{column}"' in line)
            for column in ("ID", "NAME")
        )
        assert ('COLLATE "C"' in key) is collated
        assert key.endswith(" NOT NULL,")
        assert name == '    "NAME" text,'


def test_the_unique_index_covers_the_open_versions_in_the_keys_order():
    """At most one open version per key (law 3)."""
    table = make_table({"A": Integer(64), "B": Integer(64)}, key=("B", "A"))
    unique, versions = DIALECT.create_indexes(SPEC, table)
    assert unique.startswith("CREATE UNIQUE INDEX ")
    assert unique.endswith('("B", "A") WHERE "_valid_to" IS NULL')
    assert versions.endswith('("B", "A", "_valid_from")')


@pytest.mark.parametrize("name", ["x" * 60, "é" * 31, "core_account"])
def test_index_names_fit_and_differ(name):
    """PostgreSQL would cut a long name in silence, and then clash."""
    spec = make_spec(bronze=QualifiedName("bronze", name))
    names = {sql.split('"')[1] for sql in DIALECT.create_indexes(spec, make_table())}
    assert len(names) == 2
    assert all(len(index.encode()) <= 63 for index in names)


def test_a_batch_that_needs_no_cast_is_loaded_directly():
    """Only numbers without bounds and native types take the way through a load table."""
    direct = make_table({"ID": Integer(64), "N": Decimal(38, 2), "T": Text()})
    assert DIALECT.loads_directly(direct.columns)
    for logical in (Decimal(), Native("postgresql", "inet")):
        cast = make_table({"ID": Integer(64), "N": logical})
        assert not DIALECT.loads_directly(cast.columns)
        assert f'CAST(l."N" AS {DIALECT.column_type(logical)})' == DIALECT.loaded_value(
            cast.columns[1]
        )


LOAD = DIALECT.load_table(SPEC, 7)


def test_closing_names_key_and_hash_and_the_open_version():
    """A version closes only if it is the one that was compared, and still open (law 2)."""
    table = make_table({"A": Text(), "B": Decimal()}, key=("A", "B"))
    statement = DIALECT.close_versions(LOAD, SPEC, table)
    for condition in (
        'b."A" = l."A"',
        'b."B" = CAST(l."B" AS numeric)',
        'b."_valid_to" IS NULL',
        'b."_row_hash" = l."_closes"',
    ):
        assert condition in statement


def test_temporary_tables_go_with_the_transaction():
    """A killed process leaves no load table behind (law 7)."""
    table = make_table()
    for statement in (
        DIALECT.create_load(LOAD, table.columns),
        DIALECT.create_keys(LOAD, table.key_columns),
    ):
        assert statement.startswith("CREATE TEMPORARY TABLE ")
        assert statement.endswith(") ON COMMIT DROP")
    assert DIALECT.drop_load(LOAD) is None
