"""What the catalog says, made into a table: exact types, a usable key, or an error by name."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from cdc_daemon.databases.sqlserver.catalog import (
    COLUMNS,
    ISOLATION,
    KEYS,
    RELATION,
    UNMASKED,
    Isolation,
    describe,
    isolation,
)
from cdc_daemon.errors import NoKey, RowsWithheld, TableNotFound, UnsupportedType
from cdc_daemon.model.guard import GuardLimits
from cdc_daemon.model.table import TableId
from cdc_daemon.schema.types import Binary, Integer, Native, Text
from tests.factories import make_spec

SPEC = make_spec(id=TableId("core", "dbo", "ACCT"))


def row(name, kind="int", length=4, **other):
    given = {
        "precision": 0,
        "scale": 0,
        "user": 0,
        "hashed": 1,
        "masked": False,
        "encrypted": 0,
    } | other
    return (name, kind, length, *given.values())


@dataclass
class Catalog:
    """A session that answers the catalog's queries."""

    columns: list = field(default_factory=lambda: [row("ID"), row("NAME", "nvarchar", 20)])
    keys: list = field(default_factory=lambda: [(1, "ID", 1)])
    relation: list = field(default_factory=lambda: [(42, 0)])
    shown: int = 0
    isolation: tuple = (1, True)
    asked: list = field(default_factory=list)

    async def fetch(self, statement, *values):
        self.asked.append((statement, values))
        return {
            RELATION: self.relation,
            COLUMNS: self.columns,
            KEYS: self.keys,
            UNMASKED: [(self.shown,)],
            ISOLATION: [self.isolation],
        }[statement]


async def described(catalog, spec, *, snapshot=True, name_bytes=63):
    return await describe(catalog, spec, snapshot=snapshot, name_bytes=name_bytes)


@pytest.mark.asyncio
async def test_columns_come_in_order_with_their_types_and_the_key():
    """The catalog's order, the source's names, the exact types (law 6)."""
    catalog = Catalog()
    table = await described(catalog, SPEC)
    assert [(c.name, c.field, c.type, c.native) for c in table.columns] == [
        ("ID", "c0", Integer(32), "int"),
        ("NAME", "c1", Text(10, utf16=True), "nvarchar(10)"),
    ]
    assert table.key == ("ID",)
    assert table.snapshot
    assert catalog.asked == [(RELATION, ("dbo", "ACCT")), (COLUMNS, (42,)), (KEYS, (42,))]


@pytest.mark.asyncio
async def test_the_first_index_is_the_key_in_its_own_order():
    """Of the usable indexes the query gives the best first: only its columns count."""
    keys = [(3, "B", 2), (3, "A", 2), (7, "C", 2)]
    table = await described(Catalog([row("A"), row("B"), row("C")], keys), SPEC)
    assert table.key == ("B", "A")
    configured = await described(
        Catalog([row("A"), row("B")], []), make_spec(id=SPEC.id, key=("A",))
    )
    assert configured.key == ("A",)


@pytest.mark.asyncio
async def test_what_changes_by_itself_is_not_hashed():
    """A rowversion is carried and gives no new version (law 5)."""
    columns = [row("ID"), row("V", "timestamp", 8, hashed=0)]
    table = await described(Catalog(columns), SPEC)
    assert [c.hashed for c in table.columns] == [True, False]
    assert table.columns[1].type == Binary(8)


@pytest.mark.asyncio
async def test_names_fit_the_target():
    """Of either engine, unless it is said how long they may be."""
    columns = [row("ID"), row("x" * 100), row("_valid_from"), row("s", "sysname", 256)]
    short = await described(Catalog(columns), SPEC)
    long = await described(Catalog(columns), SPEC, name_bytes=128)
    assert len(short.columns[1].target_name) == 63
    assert long.columns[1].target_name == "x" * 100
    assert short.columns[2].target_name == "_valid_from_src"
    assert short.columns[3].type == Text(128, utf16=True)


@pytest.mark.asyncio
async def test_masked_columns_are_refused_unless_they_are_shown():
    """The server would hand out mangled values without a word (law 6)."""
    columns = [row("ID"), row("MAIL", "nvarchar", 20, masked=True)]
    hidden = Catalog(columns)
    with pytest.raises(UnsupportedType, match=r"MAIL \(nvarchar\(10\), masked\)"):
        await described(hidden, SPEC)
    assert (UNMASKED, ("dbo", "ACCT", "MAIL")) in hidden.asked
    assert len((await described(Catalog(columns, shown=1), SPEC)).columns) == 2
    without = make_spec(id=SPEC.id, exclude_columns=("MAIL",))
    assert len((await described(Catalog(columns), without)).columns) == 1


@pytest.mark.asyncio
async def test_filtered_rows_are_refused_until_somebody_answers_for_the_filter():
    """Rows that a predicate hides would pass for deleted ones (law 10)."""
    filtered = Catalog(relation=[(42, 1)])
    with pytest.raises(RowsWithheld, match=r"core\.dbo\.ACCT: a security policy"):
        await described(filtered, SPEC)
    known = make_spec(id=SPEC.id, guards=GuardLimits(allow_row_security=True))
    assert (await described(filtered, known)).key == ("ID",)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("column", "said"),
    [
        (row("X", "sql_variant", 8016), r"X \(sql_variant\)"),
        (row("X", "nvarchar", 20, encrypted=1), r"X \(nvarchar\(10\), encrypted\)"),
        (row("X", "geography", -1, user=1), r"X \(geography\)"),
    ],
)
async def test_what_cannot_be_carried_is_refused_by_name(column, said):
    """With all such columns at once, and not where they are excluded (law 6)."""
    with pytest.raises(UnsupportedType, match=said):
        await described(Catalog([row("ID"), column]), SPEC)
    without = make_spec(id=SPEC.id, exclude_columns=("X",))
    assert len((await described(Catalog([row("ID"), column]), without)).columns) == 1


@pytest.mark.asyncio
async def test_tables_and_keys_that_are_not_there_are_said_to_be_not_there():
    """Each with its own error, naming table and columns."""
    with pytest.raises(TableNotFound, match=r"core\.dbo\.ACCT"):
        await described(Catalog(relation=[]), SPEC)
    with pytest.raises(TableNotFound, match="no column NOPE, NO2"):
        await described(Catalog(), make_spec(id=SPEC.id, key=("NOPE",), exclude_columns=("NO2",)))
    with pytest.raises(NoKey, match="no primary key"):
        await described(Catalog(keys=[]), SPEC)
    with pytest.raises(NoKey, match="key column ID is excluded"):
        await described(Catalog(), make_spec(id=SPEC.id, exclude_columns=("ID",)))
    with pytest.raises(UnsupportedType, match="no columns"):
        await described(
            Catalog([row("ID")]), make_spec(id=SPEC.id, key=(), exclude_columns=("ID",))
        )


@pytest.mark.asyncio
async def test_a_key_needs_values_that_print_alike_when_they_are_equal():
    """One instant has many texts with an offset; a path has one (T12)."""
    columns = [row("ID", "datetimeoffset", 10, scale=7)]
    with pytest.raises(UnsupportedType, match=r"ID \(datetimeoffset\(7\)\) cannot be in a key"):
        await described(Catalog(columns), SPEC)
    table = await described(Catalog([row("ID", "hierarchyid", 892)]), SPEC)
    assert table.key_columns[0].type == Native("sqlserver", "hierarchyid", keyable=True)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("states", "found"),
    [
        ((1, True), Isolation.SNAPSHOT),
        ((1, False), Isolation.SNAPSHOT),
        ((0, True), Isolation.RCSI),
        ((3, True), Isolation.RCSI),
        ((2, False), Isolation.NONE),
        ((0, False), Isolation.NONE),
    ],
)
async def test_the_snapshot_is_what_the_database_allows(states, found):
    """What is on its way to be allowed is not allowed yet (law 10)."""
    assert await isolation(Catalog(isolation=states)) is found


@pytest.mark.asyncio
async def test_a_table_without_snapshot_says_so():
    """What is read row by row while others write proves no delete (law 10)."""
    assert not (await described(Catalog(), SPEC, snapshot=False)).snapshot
