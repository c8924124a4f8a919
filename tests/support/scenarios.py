"""A small source with a past, and the batches that crash tests stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import configs
from tests.support.child import once
from tests.support.databases import Database, run_apart
from tests.support.histories import History, broken, history
from tests.support.kills import Lane, lanes

TABLE = "item"
KEY = ("region", "id")

_COLUMNS = "region text, id int, quantity int, price numeric(12,2), note text, at timestamptz"
_VALUES = "'r' || g % 3, g, g, g * 1.01, CASE WHEN g % 5 > 0 THEN 'note ' || g END, '2024-01-01Z'"
_INSERT = "INSERT INTO item SELECT {values} FROM generate_series({first}, {last}) AS g;"
_SECOND = """
    CREATE TABLE gone AS SELECT * FROM item WHERE id <= 20;
    DELETE FROM item WHERE id <= 20;
    UPDATE item SET quantity = 0, note = NULL WHERE id BETWEEN 21 AND 40;
"""
_THIRD = """
    INSERT INTO item SELECT * FROM gone WHERE id <= 10;
    UPDATE item SET quantity = -1 WHERE id BETWEEN 6 AND 10;
    UPDATE item SET quantity = id, note = CASE WHEN id % 5 > 0 THEN 'note ' || id END
        WHERE id BETWEEN 21 AND 25;
    UPDATE item SET price = price + 0.01, note = '' WHERE id BETWEEN 51 AND 60;
    DELETE FROM item WHERE id BETWEEN 41 AND 50;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A batch: how many came before it, and whether the source moved since the last."""

    before: int
    moved: bool
    as_text: bool = False
    """Whether a column is sent as text, so that a first load takes a load table."""

    @property
    def columns(self) -> tuple[str, ...]:
        names = ("region", "id", "quantity", "price", "note", "at")
        return (*names, "lasts") if self.as_text else names


FIRST_LOAD = Kind(before=0, moved=True)
FIRST_LOAD_AS_TEXT = Kind(before=0, moved=True, as_text=True)
CHANGES = Kind(before=2, moved=True, as_text=True)
"""Inserts, updates, deletes, keys reopened with the values they had and with others, A→B→A."""
NO_CHANGE = Kind(before=3, moved=False)


def build(kind: Kind, source: Database, target: Database, folder: Path) -> None:
    """Brings ``source`` to where the batch reads it, and ``target`` to where it finds it."""
    config = configs.write(
        folder / "build.yaml",
        source=source,
        target=target,
        tables=[TABLE],
        landing=folder / "build",
    )
    for n, step in enumerate(_steps(kind)[: kind.before + kind.moved]):
        source.execute(step)
        if n < kind.before:
            assert all(outcome.error is None for outcome in asyncio.run(once(config)))


def _steps(kind: Kind) -> tuple[str, ...]:
    columns, values = _COLUMNS, _VALUES
    if kind.as_text:
        columns, values = f"{columns}, lasts interval", f"{values}, g * interval '1 day'"
    return (
        f"CREATE TABLE item ({columns}, PRIMARY KEY (region, id));"
        + _INSERT.format(values=values, first=1, last=300),
        _SECOND + _INSERT.format(values=values, first=301, last=310),
        _THIRD + _INSERT.format(values=values, first=311, last=320),
    )


async def told(kind: Kind, target: Database) -> tuple[History, list[str]]:
    """The history of the table in ``target``, and the promises that it breaks."""
    async with target.connect() as connection:
        return await history(connection, TABLE, kind.columns), await broken(connection, TABLE, KEY)


def mirrors(kind: Kind, source: Database, target: Database) -> bool:
    """Whether the view of open versions equals the source."""
    columns = ", ".join(f"{column}::text" for column in kind.columns)
    there, here = (
        database.fetch(f"SELECT {columns} FROM {table}")
        for database, table in ((source, TABLE), (target, f"bronze.src_{TABLE}_current"))
    )
    return sorted(there, key=repr) == sorted(here, key=repr)


def expected(kind: Kind, source: Database, target: Database, folder: Path) -> History:
    """The history that a run leaves in ``target`` which nobody stops, checked against the source."""
    config = configs.write(
        folder / "expected.yaml",
        source=source,
        target=target,
        tables=[TABLE],
        landing=folder / "expected",
    )
    assert all(outcome.error is None for outcome in asyncio.run(once(config)))
    found, promises = run_apart(told(kind, target))
    assert promises == []
    assert mirrors(kind, source, target)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A batch, ready to be stopped."""

    kind: Kind
    source: Database
    template: Database
    """The target as the batch finds it."""
    expected: History
    """What the batch makes of it."""
    lanes: Sequence[Lane]


@contextmanager
def scene(
    kind: Kind, create: Callable[[], Database], folder: Path, *, width: int
) -> Iterator[Scene]:
    """Databases and lanes for one kind of batch."""
    source, template, finished = create(), create(), create()
    build(kind, source, template, folder)
    source.execute(f"DROP DATABASE {finished.name}")
    source.execute(f"CREATE DATABASE {finished.name} TEMPLATE {template.name}")
    history = expected(kind, source, finished, folder)
    with lanes(source, folder, [TABLE], width) as made:
        yield Scene(kind=kind, source=source, template=template, expected=history, lanes=made)
