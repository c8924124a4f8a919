"""PostgreSQL's types: what a catalog entry means, and how the same type is written back."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.databases.postgresql.types import (
    CatalogType,
    column_type,
    is_sent_as_text,
    is_text,
    logical_type,
    read_expression,
)
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    Native,
    Text,
    Time,
    Timestamp,
    Uuid,
    may_be_key,
)
from tests.factories import make_column

PG = "postgresql"


def catalog(name, spelled=None, *, modifier=-1, kind="b", schema="pg_catalog", element=None):
    return CatalogType(
        schema=schema,
        name=name,
        kind=kind,
        modifier=modifier,
        spelled=spelled or name,
        element=element,
    )


def numeric(precision, scale):
    return ((precision << 16) | (scale & 0x7FF)) + 4


ROUND_TRIPS = [
    ("bool", "boolean", -1, Boolean()),
    ("int2", "smallint", -1, Integer(16)),
    ("int4", "integer", -1, Integer(32)),
    ("int8", "bigint", -1, Integer(64)),
    ("float4", "real", -1, Float(32)),
    ("float8", "double precision", -1, Float(64)),
    ("text", "text", -1, Text()),
    ("varchar", "character varying(7)", 11, Text(7)),
    ("varchar", "character varying(1)", 5, Text(1)),
    ("bpchar", "character(3)", 7, Text(3, fixed=True)),
    ("bytea", "bytea", -1, Binary()),
    ("date", "date", -1, Date()),
    ("uuid", "uuid", -1, Uuid()),
    ("json", "json", -1, Json()),
    ("jsonb", "jsonb", -1, Json(binary=True)),
    ("time", "time without time zone", -1, Time()),
    ("time", "time(0) without time zone", 0, Time(0)),
    ("time", "time(3) without time zone", 3, Time(3)),
    ("timestamp", "timestamp without time zone", -1, Timestamp()),
    ("timestamp", "timestamp(0) without time zone", 0, Timestamp(0)),
    ("timestamptz", "timestamp with time zone", -1, Timestamp(zoned=True)),
    ("timestamptz", "timestamp(3) with time zone", 3, Timestamp(3, zoned=True)),
    ("numeric", "numeric", -1, Decimal()),
    ("numeric", "numeric(10,2)", numeric(10, 2), Decimal(10, 2)),
    ("numeric", "numeric(38,38)", numeric(38, 38), Decimal(38, 38)),
    ("numeric", "numeric(1000,0)", numeric(1000, 0), Decimal(1000, 0)),
    ("numeric", "numeric(2,-3)", numeric(2, -3), Decimal(2, -3)),
    ("numeric", "numeric(3,1000)", numeric(3, 1000), Decimal(3, 1000)),
    ("numeric", "numeric(3,-1000)", numeric(3, -1000), Decimal(3, -1000)),
]


@pytest.mark.parametrize(("name", "spelled", "modifier", "logical"), ROUND_TRIPS)
def test_a_type_is_read_exactly_and_written_back_as_it_was(name, spelled, modifier, logical):
    """Precision, scale, length and zone survive; the column's type is the source's own (T17)."""
    assert logical_type(catalog(name, spelled, modifier=modifier)) == logical
    assert column_type(logical) == spelled


@given(st.integers(1, 1000), st.integers(-1000, 1000))
def test_every_numeric_modifier_is_unpacked(precision, scale):
    """Negative scales and scales above the precision too."""
    found = logical_type(catalog("numeric", modifier=numeric(precision, scale)))
    assert found == Decimal(precision, scale)
    assert column_type(found) == f"numeric({precision},{scale})"


@pytest.mark.parametrize(
    ("name", "logical", "written"),
    [
        ("oid", Integer(64), "bigint"),
        ("name", Text(), "text"),
        ("char", Text(), "text"),
        ("bpchar", Text(), "text"),
        ("money", Decimal(23, 4), "numeric(23,4)"),
    ],
)
def test_types_without_a_counterpart_become_the_nearest_exact_one(name, logical, written):
    """What a history need not have as its own type is kept as one that holds all its values."""
    assert logical_type(catalog(name)) == logical
    assert column_type(logical) == written


@pytest.mark.parametrize(
    ("name", "spelled", "keyable"),
    [
        ("interval", "interval(3)", False),
        ("timetz", "time with time zone", False),
        ("xml", "xml", False),
        ("point", "point", False),
        ("inet", "inet", True),
        ("cidr", "cidr", True),
        ("macaddr8", "macaddr8", True),
        ("bit", "bit(8)", True),
        ("varbit", "bit varying(8)", True),
        ("pg_lsn", "pg_lsn", True),
    ],
)
def test_types_of_postgresql_alone_travel_as_the_text_they_print(name, spelled, keyable):
    """They are written back as themselves; only those whose text decides equality are keys."""
    found = logical_type(catalog(name, spelled, modifier=3))
    assert found == Native(PG, spelled, keyable=keyable)
    assert column_type(found) == spelled
    assert may_be_key(found) is keyable


def test_a_native_type_of_another_engine_is_text():
    """What another engine prints is kept as it prints it."""
    assert column_type(Native("sqlserver", "sql_variant")) == "text"


@pytest.mark.parametrize(
    ("logical", "written"),
    [
        (Time(7), "text"),
        (Timestamp(7), "text"),
        (Text(9, utf16=True), "character varying(9)"),
        (Text(9, fixed=True, utf16=True), "character varying(9)"),
        (Text(9, fixed=True), "character(9)"),
    ],
)
def test_types_of_sql_server_are_kept_exactly(logical, written):
    """Tenths of microseconds stay text; text padded in UTF-16 units is not padded again (law 6)."""
    assert column_type(logical) == written


@pytest.mark.parametrize(
    ("logical", "text"),
    [
        (Text(), True),
        (Text(3), True),
        (Text(3, fixed=True), True),
        (Timestamp(7), True),
        (Native("sqlserver", "hierarchyid", keyable=True), True),
        (Native(PG, "inet", keyable=True), False),
        (Timestamp(), False),
        (Uuid(), False),
    ],
)
def test_columns_of_text_are_told_from_others(logical, text):
    """What compares by a collation needs that of bytes in a key (law 3)."""
    assert is_text(logical) is text


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (
            catalog("_int4", "integer[]", element=catalog("int4", "integer")),
            Native(PG, "integer[]"),
        ),
        (
            catalog(
                "_numeric",
                "numeric(10,2)[]",
                modifier=numeric(10, 2),
                element=catalog("numeric", "numeric(10,2)", modifier=numeric(10, 2)),
            ),
            Native(PG, "numeric(10,2)[]"),
        ),
        (
            catalog(
                "_mood", "mood[]", schema="public", element=catalog("mood", kind="e", schema="s")
            ),
            Native(PG, "text[]"),
        ),
        (
            catalog("_pair", "pair[]", element=catalog("pair", kind="c", schema="public")),
            None,
        ),
        (catalog("_regclass", "regclass[]", element=catalog("regclass")), None),
    ],
)
def test_arrays_are_native_where_their_elements_can_be_carried(array, expected):
    """An array of an enum is one of text; an array of a refused type is refused."""
    assert logical_type(array) == expected


@pytest.mark.parametrize("kind", ["r", "m"])
def test_ranges_are_native_and_no_key(kind):
    """Built-in ranges and multiranges travel as text; equal ones may print differently."""
    found = logical_type(catalog("int4range", kind=kind))
    assert found == Native(PG, "int4range")
    assert not may_be_key(found)


def test_enums_and_citext_are_text():
    """An enum is its label, citext what was written; case counts in history."""
    assert logical_type(catalog("mood", kind="e", schema="public")) == Text()
    assert logical_type(catalog("citext", schema="extensions")) == Text()


@pytest.mark.parametrize(
    "refused",
    [
        catalog("pair", kind="c", schema="public"),
        catalog("hstore", schema="public"),
        catalog("myrange", kind="r", schema="public"),
        catalog("numeric", schema="public"),
        catalog("regclass"),
        catalog("xid"),
        catalog("record", kind="p"),
        catalog("pg_class", kind="c"),
    ],
    ids=lambda c: f"{c.schema}.{c.name}",
)
def test_what_cannot_be_carried_exactly_is_refused(refused):
    """Composites, references to the catalog and types of extensions are no logical type (law 6)."""
    assert logical_type(refused) is None


@pytest.mark.parametrize(
    ("logical", "native", "expression"),
    [
        (Integer(32), "integer", '"a"'),
        (Integer(64), "oid", '"a"::bigint'),
        (Decimal(23, 4), "money", '"a"::numeric(23,4)::text'),
        (Decimal(23, 4), "numeric(23,4)", '"a"::text'),
        (Text(3, fixed=True), "character(3)", '"a"'),
        (Text(), "bpchar", '"a"'),
        (Text(), "text", '"a"::text'),
        (Text(), "mood", '"a"::text'),
        (Json(binary=True), "jsonb", '"a"::text'),
        (Native(PG, "inet"), "inet", '"a"::text'),
        (Timestamp(), "timestamp without time zone", '"a"'),
    ],
)
def test_columns_are_read_so_that_the_driver_mangles_nothing(logical, native, expression):
    """Padding stays, and what the driver has no type for is asked for as text (T18)."""
    assert read_expression('"a"', make_column("a", logical, native=native)) == expression


@pytest.mark.parametrize(
    ("logical", "as_text", "sent"),
    [
        (Decimal(10, 2), False, False),
        (Decimal(10, 2), True, True),
        (Decimal(), False, True),
        (Decimal(2, -3), False, True),
        (Native(PG, "inet"), False, True),
        (Text(), False, False),
        (Json(binary=True), False, False),
        (Date(), False, False),
    ],
)
def test_only_what_the_server_must_read_is_sent_as_text(logical, as_text, sent):
    """A cast on the server is for values whose carrier is text and whose column is not."""
    column = make_column("a", logical, as_text=as_text)
    assert is_sent_as_text(column) is sent
    assert column.carrier == pl.String() or not sent
