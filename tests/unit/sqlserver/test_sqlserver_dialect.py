"""SQL Server's SQL: names cannot break out of it, and law 3 stands in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.databases.sqlserver.dialect import SqlServerDialect
from cdc_daemon.model.table import QualifiedName
from cdc_daemon.schema.types import Decimal, Integer, Native, Text, Timestamp
from tests.factories import make_column, make_spec, make_table

DIALECT = SqlServerDialect()
SPEC = make_spec()
LOAD = DIALECT.load_table(SPEC, 7)
AWKWARD = ["a]b", "a'b", "$1", "a$12]", "]]", "a]];DROP TABLE x--", "'; EXEC('x')--", "[x]"]


@given(st.text())
def test_no_identifier_breaks_out_of_its_brackets(name):
    """Between the outer brackets every closing one is doubled, and halving gives the name (T16)."""
    quoted = DIALECT.quote(name)
    assert quoted[0] == "["
    assert quoted[-1] == "]"
    inner = quoted[1:-1]
    assert inner.replace("]]", "").count("]") == 0
    assert inner.replace("]]", "]") == name


@pytest.mark.parametrize("name", AWKWARD)
def test_statements_within_strings_keep_their_names_within(name):
    """A name in a statement that is executed from a string is quoted for both (T16)."""
    spec = make_spec(bronze=QualifiedName("bronze", name))
    statements = (DIALECT.create_view(spec, [name]), DIALECT.create_schema(name))
    for statement in statements:
        rest = re.sub(r"N'(?:[^']|'')*'", "", re.sub(r"\[(?:[^\]]|\]\])*\]", "", statement))
        assert "'" not in rest
        assert "DROP TABLE" not in rest
        for executed in re.findall(r"EXEC\(N'((?:[^']|'')*)'\)", statement):
            inner = executed.replace("''", "'")
            assert DIALECT.quote(name) in inner or DIALECT.quote(f"{name}_current") in inner
            assert re.fullmatch(r"[A-Za-z_ .,]*", re.sub(r"\[(?:[^\]]|\]\])*\]", "", inner))


def test_schema_and_name_are_quoted_apart_and_an_empty_schema_is_left_out():
    """A dot in a name is no separator."""
    assert DIALECT.qualified(QualifiedName("a.b", "c]d")) == "[a.b].[c]]d]"
    assert DIALECT.qualified(QualifiedName("", "c")) == "[c]"


@pytest.mark.parametrize(
    ("logical", "indexed"),
    [
        (Text(9, utf16=True), "[_key_bytes_1]"),
        (Text(), "[_key_bytes_1]"),
        (Decimal(), "[_key_bytes_1]"),
        (Integer(64), "[ID]"),
        (Timestamp(7), "[ID]"),
    ],
    ids=str,
)
def test_the_unique_index_covers_the_open_versions_by_bytes_or_value(logical, indexed):
    """At most one open version per key (law 3), whatever ``=`` makes of its values."""
    table = make_table({"ID": logical, "B": Integer(64)}, key=("ID", "B"))
    unique, versions = DIALECT.create_indexes(SPEC, table)
    assert unique.startswith("CREATE UNIQUE NONCLUSTERED INDEX ")
    assert unique.endswith(f"({indexed}, [B]) WHERE [_valid_to] IS NULL")
    assert versions.endswith(f"({indexed}, [B], [_valid_from])")
    created = DIALECT.create_bronze(SPEC, table)
    assert ("[_key_bytes_1] varbinary(" in created) is (indexed != "[ID]")
    assert "_key_bytes_" not in DIALECT.create_stage(SPEC, table)


def test_bytes_are_numbered_by_their_place_in_the_key():
    """Not by that in the table: the second of the key is 2, though it comes first."""
    table = make_table({"T": Text(3, utf16=True), "N": Integer(32)}, key=("N", "T"))
    assert DIALECT.derived(table) == (("[_key_bytes_2]", "CAST(l.[c0] + N'.' AS varbinary(8))"),)
    assert DIALECT.same_key(table) == (
        "b.[N] = l.[c1] AND b.[_key_bytes_2] = CAST(l.[c0] + N'.' AS varbinary(8))"
    )


@pytest.mark.parametrize("name", ["x" * 125, "é" * 62, "core_account"])
def test_index_names_fit_and_differ(name):
    """A name has 128 bytes at most."""
    spec = make_spec(bronze=QualifiedName("bronze", name))
    names = {
        sql.split("INDEX [")[1].split("]")[0] for sql in DIALECT.create_indexes(spec, make_table())
    }
    assert len(names) == 2
    assert all(len(index.encode()) <= 128 for index in names)


def test_closing_names_key_and_hash_and_the_open_version():
    """A version closes only if it is the one that was compared, and still open (law 2)."""
    table = make_table({"A": Text(), "B": Decimal(10, 2)}, key=("A", "B"))
    statement = DIALECT.close_versions(LOAD, SPEC, table)
    for condition in (
        "b.[_key_bytes_1] = CAST(l.[c0] + N'.' AS varbinary(1692))",
        "b.[B] = l.[c1]",
        "b.[_valid_to] IS NULL",
        "b.[_row_hash] = l.[_closes]",
        "l.[_load_row] > $3 AND l.[_load_row] <= $4",
    ):
        assert condition in statement
    assert 0 < DIALECT.close_rows < 4_000


def test_load_tables_are_of_their_batch_and_in_the_stage_schema():
    """A batch finds its own again, and a sweep finds all (law 7)."""
    assert QualifiedName("stage", "_load_7") == LOAD
    assert DIALECT.keys_table(SPEC, 7) == QualifiedName("stage", "_load_7_keys")
    assert DIALECT.drop_load(LOAD) == "DROP TABLE IF EXISTS [stage].[_load_7]"
    assert not DIALECT.loads_directly(make_table().columns)


def test_what_a_load_table_leaves_open_promote_decides():
    """Every loaded column may be NULL there; what may not be is said where it is kept."""
    statement = DIALECT.create_load(LOAD, make_table().columns)
    lines = [line.strip().rstrip(",") for line in statement.splitlines()[1:-1]]
    assert statement.startswith("DROP TABLE IF EXISTS [stage].[_load_7]; CREATE TABLE ")
    assert lines[0] == "[_load_row] bigint IDENTITY(1,1) NOT NULL PRIMARY KEY CLUSTERED"
    assert lines[1:] == [
        *("[c0] bigint NULL", "[c1] nvarchar(max) NULL", "[_operation] char(1) NOT NULL"),
        *("[_row_hash] binary(16) NULL", "[_closes] binary(16) NULL"),
    ]


@pytest.mark.parametrize(
    "after",
    [
        datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=UTC),
        datetime(2026, 1, 1, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_open_versions_are_read_with_the_instant_in_utc(after):
    """The columns have no zone: what they hold is UTC."""
    table = make_table({"ID": Text(5), "H": Native("sqlserver", "hierarchyid", keyable=True)})
    statement = DIALECT.select_open_versions(SPEC, table.columns, after)
    assert "CAST('2026-01-01 12:00:00.000005' AS datetime2(6))" in statement
    assert statement.startswith("SELECT [ID], CAST([H] AS nvarchar(4000)), [_row_hash], ")
    assert statement.endswith("WHERE [_valid_to] IS NULL")


def test_a_row_that_is_there_is_not_inserted_again():
    """Two sessions that do the same wait for each other (law 2)."""
    assert DIALECT.insert_absent("[c].[t]", ["a", "b"]) == (
        "INSERT INTO [c].[t] (a, b) SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM [c].[t] "
        "WITH (UPDLOCK, HOLDLOCK) WHERE a = $1 AND b = $2)"
    )
    assert DIALECT.insert_returning("[c].[t]", ["a", "b"], "n") == (
        "INSERT INTO [c].[t] (a, b) OUTPUT INSERTED.n VALUES ($1, $2)"
    )


def test_a_new_column_may_be_null_even_in_a_key():
    """There are rows without it."""
    column = make_column("new]", Text(5, utf16=True))
    added = DIALECT.add_column(SPEC.bronze, column)
    assert added == "ALTER TABLE [bronze].[core_account] ADD [new]]] nvarchar(5) NULL"


def test_an_index_is_disabled_and_not_dropped():
    """Its definition stays in the catalog, whole."""
    assert (
        DIALECT.drop_index(SPEC, "i]x") == "ALTER INDEX [i]]x] ON [bronze].[core_account] DISABLE"
    )
