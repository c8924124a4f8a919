"""The extractor: every key is checked and every row hashed before anything is compared."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import polars as pl
import pytest

from cdc_daemon.cdc.compare import CAPTURED_SCHEMA as SCHEMA
from cdc_daemon.cdc.row_hash import HASH, KEY, key_digest, row_hash_v1
from cdc_daemon.errors import DuplicateKey, KeyTooLong, NullKey, Retry, SchemaMoved
from cdc_daemon.extract.apart import APART_SCHEMA, Apart
from cdc_daemon.extract.digests import Digests
from cdc_daemon.extract.extractor import Extractor
from cdc_daemon.extract.landing import Landing
from cdc_daemon.model.change import POSITION
from cdc_daemon.ports.source import DoesNotFit
from cdc_daemon.schema.table import Column, SourceTable
from cdc_daemon.schema.types import Binary, Decimal, Float, Integer, Text
from cdc_daemon.transformation.configured import NO_RULES
from tests.factories import TABLE, make_frame, make_spec, make_table

SECRET = "Ada Lovelace"
DIGEST = re.compile(r"\b[0-9a-f]{32}\b")
PAIR = make_table({"A": Text(), "B": Text(), "V": Text()}, key=("A", "B"))


@dataclass
class Table:
    """A reading of rows in memory: implements ``ports.source.Reading``."""

    table: SourceTable
    batches_of_rows: Sequence[Sequence[Sequence[object]]] = ()
    moved_to: SourceTable | None = None
    then: Sequence[Sequence[Sequence[object]]] | None = None
    """What later readings give, where they give something else."""
    unfit: Callable[[Column], bool] = lambda _: False
    readings: int = 0
    closed: int = 0
    asked_for: list[Sequence[Column]] = field(default_factory=list)

    async def count(self) -> int | None:
        return sum(map(len, self.batches_of_rows))

    async def batches(self, columns: Sequence[Column]) -> AsyncIterator[pl.DataFrame]:
        self.readings += 1
        self.asked_for.append(columns)
        try:
            later = self.readings > 1 and self.then is not None
            for rows in self.then if later else self.batches_of_rows:
                yield self._frame(columns, rows)
        finally:
            self.closed += 1

    def _frame(self, columns, rows) -> pl.DataFrame:
        for column in columns:
            if not column.as_text and self.unfit(column):
                raise DoesNotFit(column.field)
        texts = [
            [
                str(v) if c.as_text and v is not None else v
                for c, v in zip(columns, row, strict=True)
            ]
            for row in rows
        ]
        return make_frame(columns, texts)

    async def table_now(self) -> SourceTable:
        return self.moved_to or self.table


@dataclass
class Extracted:
    """What became of a reading."""

    table: SourceTable
    digests: pl.DataFrame
    landing: Landing


async def read(reading: Table, folder, *, max_key_bytes=2_700, progress=lambda _: None):
    (folder / "digests").mkdir(exist_ok=True)
    (folder / "rows").mkdir(exist_ok=True)
    landing, digests = Landing(folder / "rows"), Digests(Landing(folder / "digests"), SCHEMA)
    (folder / "apart").mkdir(exist_ok=True)
    extractor = Extractor(
        spec=make_spec(),
        reading=reading,
        rules=NO_RULES,
        resolved=NO_RULES.bind(make_spec(), reading.table),
        apart=Apart(Digests(Landing(folder / "apart"), APART_SCHEMA)),
        max_key_bytes=max_key_bytes,
        progress=progress,
    )
    table = await extractor.land_unique(landing, digests)
    await extractor.unmoved()
    return Extracted(table, digests.part(0, 1).drop(POSITION), landing), landing


@pytest.mark.asyncio
async def test_every_row_is_landed_and_hashed_in_order(tmp_path):
    """Digests and landed rows are of one order, over all batches."""
    rows = [[(1, "a"), (2, None)], [], [(3, "")]]
    table, told = make_table(), []
    extracted, landing = await read(Table(table, rows), tmp_path, progress=told.append)
    landed = pl.concat([piece async for piece in landing.all()]).drop(POSITION)
    hashed = landed.drop_in_place(HASH)
    whole = make_frame(table.columns, [row for batch in rows for row in batch])
    assert landed.equals(whole)
    hashes = row_hash_v1(whole, table.columns)
    assert extracted.digests[KEY].equals(key_digest(whole, table.key_columns))
    assert extracted.digests[HASH].equals(hashes)
    assert hashed.equals(hashes)
    assert extracted.table == table
    assert told == [2, 2, 3]


@pytest.mark.asyncio
@pytest.mark.parametrize("batches", [[], [[]]])
async def test_an_empty_table_has_no_digests(tmp_path, batches):
    """No row is no error: the guards decide."""
    extracted, landing = await read(Table(make_table(), batches), tmp_path)
    assert extracted.digests.schema == {KEY: pl.UInt128, HASH: pl.UInt128}
    assert (extracted.digests.height, landing.rows) == (0, 0)


@pytest.mark.asyncio
async def test_a_null_in_any_key_column_stops_the_table(tmp_path):
    """The column is named and the rows are counted, no value is shown (law 9, T12)."""
    rows = [[(SECRET, "x", "")], [(SECRET, None, ""), ("b", None, ""), ("", "", None)]]
    with pytest.raises(NullKey) as caught:
        await read(Table(PAIR, rows), tmp_path)
    assert caught.value.holds
    assert str(caught.value) == f"{TABLE}: 2 row(s) have no value in key column B"


@pytest.mark.asyncio
async def test_blank_keys_are_keys(tmp_path):
    """'' in a key column is a value, and it is not ' ' (T12)."""
    rows = [[("", "", None), (" ", "", None), ("", " ", None)]]
    extracted, _ = await read(Table(PAIR, rows), tmp_path)
    assert extracted.digests[KEY].n_unique() == 3


@pytest.mark.asyncio
async def test_a_key_that_occurs_twice_stops_the_table(tmp_path):
    """Across batches too; digests are shown and no values (laws 3 and 9, T13)."""
    rows = [[(SECRET, "1", "x"), ("b", "2", "")], [(SECRET, "1", "y"), ("c", "3", "")]]
    with pytest.raises(DuplicateKey) as caught:
        await read(Table(PAIR, rows), tmp_path)
    message = str(caught.value)
    frame = make_frame(PAIR.columns, rows[0][:1])
    digest = key_digest(frame, PAIR.key_columns).item()
    assert message.startswith(f"{TABLE}: 1 key(s) (A, B) occur more than once")
    assert DIGEST.findall(message) == [f"{digest:032x}"]
    assert SECRET not in message
    assert caught.value.holds


@pytest.mark.asyncio
async def test_without_a_snapshot_a_row_that_moved_is_read_once_more(tmp_path):
    """DESIGN 4: a row seen twice while it moved is no duplicate; one that stays two is."""
    table = replace(make_table(), snapshot=False)
    twice, once = [[(1, "a"), (2, "b")], [(1, "a")]], [[(2, "b"), (1, "c")]]
    extracted, landing = await read(Table(table, twice, then=once), tmp_path)
    assert extracted.digests[KEY].n_unique() == extracted.digests.height == 2
    landed = pl.concat([piece async for piece in landing.all()])
    assert landed["c1"].to_list() == ["b", "c"]
    reading = Table(table, twice, then=twice)
    with pytest.raises(DuplicateKey):
        await read(reading, tmp_path)
    assert reading.readings == 2


@pytest.mark.asyncio
async def test_only_some_of_many_duplicates_are_shown(tmp_path):
    """A table that is all duplicates does not flood the log."""
    rows = [[(n % 30, "x") for n in range(90)]]
    with pytest.raises(DuplicateKey, match=r"30 key\(s\).*, …$") as caught:
        await read(Table(make_table(), rows), tmp_path)
    assert len(set(DIGEST.findall(str(caught.value)))) == 5


@pytest.mark.asyncio
async def test_the_parts_of_a_key_do_not_run_together(tmp_path):
    """("a", "bc") and ("ab", "c") are two keys (T11)."""
    extracted, _ = await read(Table(PAIR, [[("a", "bc", ""), ("ab", "c", "")]]), tmp_path)
    assert extracted.digests[KEY].n_unique() == 2


@pytest.mark.asyncio
async def test_the_two_zeros_of_a_float_are_one_key(tmp_path):
    """-0.0 and 0.0 are equal in every database, so they are one key here (T17)."""
    with pytest.raises(DuplicateKey):
        await read(Table(make_table({"ID": Float(64)}), [[(0.0,), (-0.0,)]]), tmp_path)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("types", "fits", "too_long"),
    [
        ({"A": Text(), "B": Text()}, ("x" * 6, "y" * 4), ("x" * 6, "y" * 5)),
        ({"A": Text(), "B": Text()}, ("é" * 5, ""), ("é" * 5, "y")),
        ({"A": Binary(), "B": Text()}, (b"12345", ""), (b"123456", "")),
        ({"A": Integer(64), "B": Text()}, (10**9, ""), (10**10, "")),
    ],
)
async def test_a_key_over_the_limit_is_refused_by_digest(tmp_path, types, fits, too_long):
    """Ten bytes of canonical text and 8 a column pass where 26 are allowed, eleven do not."""
    table = make_table(types, key=("A", "B"))
    await read(Table(table, [[fits]]), tmp_path, max_key_bytes=26)
    with pytest.raises(KeyTooLong) as caught:
        await read(Table(table, [[fits, too_long]]), tmp_path, max_key_bytes=26)
    message = str(caught.value)
    assert "the key (A, B) of 1 row(s) is over 10 bytes" in message
    digest = key_digest(make_frame(table.columns, [too_long]), table.key_columns).item()
    assert DIGEST.findall(message) == [f"{digest:032x}"]
    assert "xxxxx" not in message


@pytest.mark.asyncio
async def test_a_column_whose_values_do_not_fit_is_read_again_as_text(tmp_path):
    """All rows are read again, with that column as text; nothing of the first try is left."""
    table = make_table({"ID": Integer(64), "N": Decimal(5, 2), "M": Decimal(5, 2)})
    rows = [[(1, "1.50", "2.50")], [(2, None, "NaN")]]
    reading = Table(table, rows, unfit=lambda c: c.name != "ID")
    extracted, landing = await read(reading, tmp_path)
    assert reading.readings == 3
    assert [c.as_text for c in extracted.table.columns] == [False, True, True]
    assert [c.as_text for c in reading.asked_for[0]] == [False] * 3
    assert (extracted.digests.height, landing.rows) == (2, 2)
    assert [piece["c2"].to_list() async for piece in landing.all()] == [["2.50"], ["NaN"]]
    exact = row_hash_v1(make_frame(table.columns, [(1, "1.50", "2.50")]), table.columns)
    assert extracted.digests[HASH][0] == exact.item()


@pytest.mark.asyncio
async def test_a_column_that_does_not_fit_after_some_batches_leaves_no_rows_twice(tmp_path):
    """The rows landed before the value that did not fit are landed once (law 3)."""
    table = make_table({"ID": Integer(64), "N": Decimal(5, 2)})

    class Late(Table):
        def _frame(self, columns, rows):
            self.unfit = lambda c: c.name == "N" and rows[0][1] == "NaN"
            return super()._frame(columns, rows)

    rows = [[(1, "1.00")], [(2, "2.00")], [(3, "NaN")]]
    told = []
    extracted, landing = await read(Late(table, rows), tmp_path, progress=told.append)
    assert (extracted.digests.height, landing.rows) == (3, 3)
    assert told == [1, 2, 1, 2, 3]
    assert [piece.height async for piece in landing.all()] == [1, 1, 1]


@pytest.mark.asyncio
@pytest.mark.parametrize("change", ["added", "gone", "reordered", "retyped", "key"])
async def test_columns_that_change_while_rows_are_read_discard_the_batch(tmp_path, change):
    """The catalog after the last row must be that before the first; it is tried again."""
    table = make_table({"ID": Integer(64), "NAME": Text(), "AGE": Integer(32)})
    columns = table.columns
    after = {
        "added": replace(table, columns=(*columns, replace(columns[2], name="X", field="c3"))),
        "gone": replace(table, columns=columns[:2]),
        "reordered": replace(table, columns=(columns[0], columns[2], columns[1])),
        "retyped": replace(table, columns=(*columns[:2], replace(columns[2], type=Integer(64)))),
        "key": replace(table, key=("ID", "AGE")),
    }[change]
    with pytest.raises(SchemaMoved, match=str(TABLE)) as caught:
        await read(Table(table, [[(1, "a", 2)]], moved_to=after), tmp_path)
    assert caught.value.retry is Retry.BACKOFF
    assert not caught.value.holds


@pytest.mark.asyncio
async def test_a_column_read_as_text_is_no_change_of_the_table(tmp_path):
    """How values were carried does not count as a change of the source."""
    table = make_table({"ID": Integer(64), "N": Decimal(5, 2)})
    reading = Table(table, [[(1, "NaN")]], unfit=lambda c: c.name == "N")
    extracted, _ = await read(reading, tmp_path)
    assert extracted.table != table


@pytest.mark.asyncio
async def test_a_reading_that_is_given_up_is_closed_at_once(tmp_path):
    """A bad table holds no cursor of its source any longer than it is read (law 8)."""
    reading = Table(make_table(), [[(None, "a")], [(2, "b")]])
    with pytest.raises(NullKey):
        await read(reading, tmp_path)
    assert reading.closed == reading.readings == 1
