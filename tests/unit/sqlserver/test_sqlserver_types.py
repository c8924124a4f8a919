"""SQL Server's types: what a catalog entry means, how it is read, and how it is written back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.databases.sqlserver.types import (
    CatalogType,
    by_bytes,
    column_type,
    is_read_unbounded,
    load_type,
    loaded_value,
    logical_type,
    read_expression,
    stored,
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

MSSQL = "sqlserver"
HIERARCHY = Native(MSSQL, "hierarchyid", keyable=True)


def catalog(name, max_length=8, precision=0, scale=0):
    return CatalogType(name=name, max_length=max_length, precision=precision, scale=scale)


def offset(precision):
    return Native(MSSQL, f"datetimeoffset({precision})")


# type, its spelling, what it means, how it is read, its column in a history
TYPES = [
    (catalog("bit"), "bit", Boolean(), "[a]", "bit"),
    (catalog("tinyint"), "tinyint", Integer(16), "CAST([a] AS smallint)", "smallint"),
    (catalog("smallint"), "smallint", Integer(16), "[a]", "smallint"),
    (catalog("int"), "int", Integer(32), "[a]", "int"),
    (catalog("bigint"), "bigint", Integer(64), "[a]", "bigint"),
    (catalog("decimal", 17, 38, 38), "decimal(38,38)", Decimal(38, 38), "[a]", "decimal(38,38)"),
    (catalog("numeric", 9, 10, 0), "numeric(10,0)", Decimal(10, 0), "[a]", "decimal(10,0)"),
    (
        *(catalog("money"), "money", Decimal(19, 4)),
        *("CAST([a] AS decimal(19,4))", "decimal(19,4)"),
    ),
    (
        *(catalog("smallmoney"), "smallmoney", Decimal(10, 4)),
        *("CAST([a] AS decimal(10,4))", "decimal(10,4)"),
    ),
    (catalog("real"), "real", Float(32), "[a]", "real"),
    (catalog("float"), "float(53)", Float(64), "[a]", "float(53)"),
    (catalog("date"), "date", Date(), "[a]", "date"),
    (catalog("time", scale=0), "time(0)", Time(0), "[a]", "time(0)"),
    (catalog("time", scale=6), "time(6)", Time(6), "[a]", "time(6)"),
    (catalog("time", scale=7), "time(7)", Time(7), "CONVERT(varchar(16), [a], 121)", "time(7)"),
    (
        *(catalog("smalldatetime"), "smalldatetime", Timestamp(0)),
        *("CAST([a] AS datetime2(0))", "datetime2(0)"),
    ),
    (
        *(catalog("datetime"), "datetime", Timestamp(3)),
        *("CAST([a] AS datetime2(3))", "datetime2(3)"),
    ),
    (catalog("datetime2", scale=0), "datetime2(0)", Timestamp(0), "[a]", "datetime2(0)"),
    (catalog("datetime2", scale=6), "datetime2(6)", Timestamp(6), "[a]", "datetime2(6)"),
    (
        *(catalog("datetime2", scale=7), "datetime2(7)", Timestamp(7)),
        *("CONVERT(varchar(27), [a], 121)", "datetime2(7)"),
    ),
    (
        *(catalog("datetimeoffset", scale=7), "datetimeoffset(7)", offset(7)),
        *("CONVERT(varchar(34), [a], 121)", "datetimeoffset(7)"),
    ),
    (
        *(catalog("char", 10), "char(10)", Text(10, fixed=True, utf16=True)),
        *("CAST([a] AS nvarchar(10))", "nvarchar(10)"),
    ),
    (
        *(catalog("varchar", 4000), "varchar(4000)", Text(4000, utf16=True)),
        *("CAST([a] AS nvarchar(4000))", "nvarchar(4000)"),
    ),
    (
        *(catalog("varchar", 4001), "varchar(4001)", Text()),
        *("CAST([a] AS nvarchar(max))", "nvarchar(max)"),
    ),
    (
        *(catalog("char", 8000), "char(8000)", Text()),
        *("CAST([a] AS nvarchar(max))", "nvarchar(max)"),
    ),
    (
        *(catalog("varchar", -1), "varchar(max)", Text()),
        *("CAST([a] AS nvarchar(max))", "nvarchar(max)"),
    ),
    (
        *(catalog("nchar", 20), "nchar(10)", Text(10, fixed=True, utf16=True)),
        *("[a]", "nvarchar(10)"),
    ),
    (
        *(catalog("nvarchar", 8000), "nvarchar(4000)", Text(4000, utf16=True)),
        *("[a]", "nvarchar(4000)"),
    ),
    (catalog("nvarchar", -1), "nvarchar(max)", Text(), "[a]", "nvarchar(max)"),
    (catalog("text", 16), "text", Text(), "CAST([a] AS nvarchar(max))", "nvarchar(max)"),
    (catalog("ntext", 16), "ntext", Text(), "CAST([a] AS nvarchar(max))", "nvarchar(max)"),
    (catalog("image", 16), "image", Binary(), "CAST([a] AS varbinary(max))", "varbinary(max)"),
    (catalog("binary", 16), "binary(16)", Binary(16), "[a]", "varbinary(16)"),
    (catalog("varbinary", 8000), "varbinary(8000)", Binary(8000), "[a]", "varbinary(8000)"),
    (catalog("varbinary", -1), "varbinary(max)", Binary(), "[a]", "varbinary(max)"),
    (catalog("uniqueidentifier"), "uniqueidentifier", Uuid(), "[a]", "uniqueidentifier"),
    (catalog("xml", -1), "xml", Native(MSSQL, "xml"), "CAST([a] AS nvarchar(max))", "xml"),
    (catalog("timestamp"), "rowversion", Binary(8), "CAST([a] AS binary(8))", "varbinary(8)"),
    (
        *(catalog("hierarchyid", 892), "hierarchyid", HIERARCHY),
        *("CAST([a] AS nvarchar(4000))", "hierarchyid"),
    ),
    (
        *(catalog("geography", -1), "geography", Binary()),
        *("CAST([a] AS varbinary(max))", "varbinary(max)"),
    ),
    (
        *(catalog("geometry", -1), "geometry", Binary()),
        *("CAST([a] AS varbinary(max))", "varbinary(max)"),
    ),
]


@pytest.mark.parametrize(
    ("kind", "spelled", "logical", "read", "written"), TYPES, ids=[row[1] for row in TYPES]
)
def test_every_type_has_its_meaning_its_reading_and_its_column(
    kind, spelled, logical, read, written
):
    """Precision, scale and length survive, and no driver sees a type that it mangles (T17)."""
    assert kind.spelled == spelled
    assert logical_type(kind) == logical
    assert read_expression("[a]", make_column("a", logical, native=spelled)) == read
    assert column_type(logical) == written


@given(st.integers(1, 38), st.data())
def test_every_decimal_keeps_precision_and_scale(precision, data):
    """From (1,0) to (38,38)."""
    scale = data.draw(st.integers(0, precision))
    found = logical_type(catalog("decimal", 17, precision, scale))
    assert found == Decimal(precision, scale)
    assert column_type(found) == f"decimal({precision},{scale})"


@pytest.mark.parametrize("name", ["sql_variant", "vector", "json", "phone", "cursor", "table"])
def test_what_cannot_be_carried_exactly_is_refused(name):
    """A type that is not known to be carried exactly is none (law 6)."""
    assert logical_type(catalog(name)) is None


@pytest.mark.parametrize("name", ["geography", "hierarchyid", "nvarchar", "point"])
def test_a_type_of_a_user_is_refused_whatever_its_name(name):
    """A CLR type that calls itself like a built-in one is not that one (law 6)."""
    assert logical_type(CatalogType(name=name, max_length=8, user_defined=True)) is None


@pytest.mark.parametrize(
    ("logical", "written"),
    [
        (Decimal(), "nvarchar(max)"),
        (Decimal(39, 2), "nvarchar(max)"),
        (Decimal(4, -2), "nvarchar(max)"),
        (Decimal(3, 5), "nvarchar(max)"),
        (Decimal(23, 4), "decimal(23,4)"),
        (Text(2000), "nvarchar(4000)"),
        (Text(2001), "nvarchar(max)"),
        (Text(3, fixed=True), "nvarchar(6)"),
        (Binary(8001), "varbinary(max)"),
        (Timestamp(zoned=True), "datetimeoffset(6)"),
        (Timestamp(0, zoned=True), "datetimeoffset(0)"),
        (Json(), "nvarchar(max)"),
        (Json(binary=True), "nvarchar(max)"),
        (Native("postgresql", "inet", keyable=True), "nvarchar(max)"),
    ],
    ids=str,
)
def test_types_of_other_engines_have_a_column_that_holds_all_their_values(logical, written):
    """What SQL Server has no type for is kept as its exact text (law 6)."""
    assert column_type(logical) == written


@pytest.mark.parametrize("logical", [Native(MSSQL, "xml"), offset(3)], ids=str)
def test_types_whose_equal_values_print_differently_are_no_keys(logical):
    """05:00 +05:00 is 00:00 +00:00; they are two texts (T12)."""
    assert not may_be_key(logical)
    assert may_be_key(HIERARCHY)


@pytest.mark.parametrize(
    ("logical", "native", "read"),
    [
        (Text(5, utf16=True), "nvarchar(5)", "CAST([a] AS varbinary(8000))"),
        (Text(5, utf16=True), "varchar(5)", "CAST(CAST([a] AS nvarchar(5)) AS varbinary(8000))"),
        (Text(), "ntext", "CAST(CAST([a] AS nvarchar(max)) AS varbinary(max))"),
        (
            *(Native(MSSQL, "xml"), "xml"),
            "CAST(CAST([a] AS nvarchar(max)) AS varbinary(max))",
        ),
        (Decimal(10, 2), "decimal(10,2)", "CAST([a] AS nvarchar(41))"),
        (Decimal(), "nvarchar(max)", "[a]"),
    ],
)
def test_a_column_that_did_not_fit_is_read_in_another_way(logical, native, read):
    """Text as its UTF-16 bytes, numbers as text (law 6)."""
    assert read_expression("[a]", make_column("a", logical, native=native, as_text=True)) == read


@pytest.mark.parametrize(
    ("logical", "read"),
    [
        (Integer(64), "[a]"),
        (Text(), "[a]"),
        (Text(3, fixed=True), "[a]"),
        (Decimal(23, 4), "[a]"),
        (Timestamp(3), "[a]"),
        (Timestamp(7), "CONVERT(varchar(27), [a], 121)"),
        (Timestamp(3, zoned=True), "CAST([a] AS datetime2(3))"),
        (Native("postgresql", "inet", keyable=True), "[a]"),
        (HIERARCHY, "CAST([a] AS nvarchar(4000))"),
    ],
    ids=str,
)
def test_a_history_is_read_by_its_own_types(logical, read):
    """Whatever the source called a type: the column in bronze has the target's."""
    column = make_column("a", logical, native="timestamp(3) with time zone or money")
    assert read_expression("[a]", stored(column)) == read


@pytest.mark.parametrize(
    ("column", "loaded_as", "value"),
    [
        (make_column("a", Text(5, utf16=True)), "nvarchar(5)", "l.[a]"),
        (make_column("a", Decimal(10, 2)), "decimal(10,2)", "l.[a]"),
        (
            make_column("a", Decimal(10, 2), as_text=True),
            *("nvarchar(41)", "CAST(l.[a] AS decimal(10,2))"),
        ),
        (make_column("a", Decimal()), "nvarchar(max)", "l.[a]"),
        (make_column("a", Time(7)), "nvarchar(16)", "CAST(l.[a] AS time(7))"),
        (make_column("a", Time(6)), "time(6)", "l.[a]"),
        (make_column("a", Timestamp(7)), "nvarchar(27)", "CAST(l.[a] AS datetime2(7))"),
        (make_column("a", Timestamp(3)), "datetime2(3)", "l.[a]"),
        (
            make_column("a", Timestamp(3, zoned=True)),
            *("datetime2(3)", "CAST(l.[a] AS datetimeoffset(3))"),
        ),
        (make_column("a", Uuid()), "uniqueidentifier", "l.[a]"),
        (make_column("a", offset(3)), "nvarchar(34)", "CAST(l.[a] AS datetimeoffset(3))"),
        (make_column("a", HIERARCHY), "nvarchar(4000)", "CAST(l.[a] AS hierarchyid)"),
        (make_column("a", Native(MSSQL, "xml")), "nvarchar(max)", "CONVERT(xml, l.[a], 1)"),
        (make_column("a", Native("postgresql", "xml")), "nvarchar(max)", "l.[a]"),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else None,
)
def test_values_are_loaded_as_they_are_sent_and_cast_where_that_is_not_their_type(
    column, loaded_as, value
):
    """Text that the server reads is text until it is in a column that says how (law 6)."""
    assert load_type(column) == loaded_as
    assert loaded_value(column, "l.[a]") == value


@pytest.mark.parametrize(
    ("logical", "native", "unbounded", "bytewise"),
    [
        (Text(), "nvarchar(max)", True, True),
        (Text(), "varchar(8000)", True, True),
        (Text(4000, utf16=True), "nvarchar(4000)", False, True),
        (Text(5, utf16=True), "char(5)", False, True),
        (Binary(), "varbinary(max)", True, False),
        (Binary(8000), "varbinary(8000)", False, False),
        (Binary(), "geography", True, False),
        (Native(MSSQL, "xml"), "xml", True, True),
        (HIERARCHY, "hierarchyid", False, True),
        (offset(7), "datetimeoffset(7)", False, False),
        (Timestamp(7), "datetime2(7)", False, False),
        (Decimal(38, 10), "decimal(38,10)", False, False),
    ],
)
def test_what_is_fetched_by_itself_and_what_by_its_bytes(logical, native, unbounded, bytewise):
    """A bounded column stays so when it is read by its bytes; what is no text is never (law 6)."""
    column = make_column("a", logical, native=native)
    assert is_read_unbounded(column) is unbounded
    assert is_read_unbounded(by_bytes(column)) is unbounded
    assert by_bytes(column).as_text is bytewise
