"""What a suite asks of an engine: its adapters, and ways around them to arrange and to look.

Rows are tuples of Python values in the order of the columns.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from types import MappingProxyType
from typing import Any, Protocol

import polars as pl

from cdc_daemon.model.guard import GuardLimits
from cdc_daemon.model.table import QualifiedName, TableId, TableSpec
from cdc_daemon.ports.control import EventLog, Locks, States
from cdc_daemon.ports.quarantine import QuarantineDesk
from cdc_daemon.ports.source import Source
from cdc_daemon.ports.target import Batches, Target
from cdc_daemon.schema.types import Decimal, Integer, LogicalType, Text

Row = tuple[Any, ...]
SOURCE = "src"
SCHEMA = "app"
GUARDS_OFF = GuardLimits(
    min_share_of_usual=0.0, max_delete_share=1.0, max_update_share=1.0, allow_empty=True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A table to be made: logical types by column name; every column but the key's may be NULL."""

    types: Mapping[str, LogicalType]
    key: tuple[str, ...]

    def key_of(self, row: Row) -> Row:
        """The values of the key's columns."""
        names = list(self.types)
        return tuple(row[names.index(name)] for name in self.key)


WIDE = Shape(
    types=MappingProxyType(
        {"a": Text(), "b": Text(), "v": Text(), "n": Integer(64), "m": Decimal(12, 2)}
    ),
    key=("a", "b"),
)
"""A key of two texts, then a text, a whole number and an exact one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One row of bronze."""

    key: Row
    row: Row
    row_hash: int
    operation: str
    valid_from: datetime
    valid_to: datetime | None
    is_current: bool
    closed_by: str | None
    batch: int
    closed_batch: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """One row of stage."""

    row: Row
    operation: str
    batch: int
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One event, as it can be read back."""

    kind: str
    status: str
    batch: int | None
    seconds: float
    error_kind: str | None
    error: str | None
    detail: Mapping[str, Any]


class Engine(Protocol):
    """The adapters of one engine, source and target in one database."""

    name: str
    source: Source
    unreachable: Source
    """A source whose database is down."""
    target: Target
    batches: Batches
    states: States
    events: EventLog
    quarantine: QuarantineDesk
    locks: Locks
    max_key_bytes: int

    async def create(self, spec: TableSpec, shape: Shape) -> None:
        """Make an empty source table."""
        ...

    def described(self, shape: Shape) -> Mapping[str, LogicalType]:
        """The types that its catalog says the table has."""
        ...

    async def put(self, spec: TableSpec, rows: Sequence[Row]) -> None:
        """Replace all rows of a source table, in one transaction."""
        ...

    async def add_column(self, spec: TableSpec, name: str) -> None:
        """Give a source table one more column of text."""
        ...

    async def versions(self, spec: TableSpec, shape: Shape) -> list[Version]:
        """Every row of bronze, by key and then by time; none where there is no bronze yet."""
        ...

    async def feed(self, spec: TableSpec, shape: Shape) -> list[Fed]:
        """Every row of stage, by batch; within one, deletes first and then by key."""
        ...

    async def raise_epoch(self, table: TableId) -> None:
        """What another writer's promote does to the fence."""
        ...

    async def set_last_instant(self, table: TableId, instant: datetime) -> None:
        """What a clock that stepped back leaves behind: a last instant ahead of it."""
        ...

    async def rehash(self, spec: TableSpec, key: Row) -> None:
        """Give the open version of a key another row hash, behind the fence's back."""
        ...

    async def status(self, batch: int) -> str:
        """What the record of a batch says of it."""
        ...

    async def checkpoint(self, table: TableId) -> tuple[int, datetime, int] | None:
        """Batch, instant read and rows of the window ``all``."""
        ...

    async def recorded(self, table: TableId) -> list[Recorded]:
        """The events of a table, oldest first."""
        ...

    async def break_lock(self, table: TableId) -> None:
        """Take a held lock away from its holder."""
        ...


@dataclass(slots=True)
class Specs:
    """Gives every test a table of its own."""

    _numbers: count[int] = field(default_factory=lambda: count(1))
    _prefix: str = field(default_factory=lambda: f"t{secrets.token_hex(3)}")

    def fresh(self, guards: GuardLimits = GUARDS_OFF) -> TableSpec:
        """A table that nobody has seen yet."""
        name = f"{self._prefix}_{next(self._numbers)}"
        return TableSpec(
            id=TableId(SOURCE, SCHEMA, name),
            bronze=QualifiedName("bronze", f"{SOURCE}_{name}"),
            stage=QualifiedName("stage", f"{SOURCE}_{name}"),
            guards=guards,
        )


VERSION_COLUMNS = (
    "_row_hash",
    "_operation",
    "_valid_from",
    "_valid_to",
    "_is_current",
    "_closed_by",
    "_batch_id",
    "_closed_batch_id",
)
FED_COLUMNS = ("_operation", "_batch_id", "_changed_at")


def versions_of(rows: Iterable[Row], shape: Shape) -> list[Version]:
    """Rows of bronze, the shape's columns and then ``VERSION_COLUMNS``, by key and then by time."""
    width = len(shape.types)
    found = []
    for row in rows:
        row_hash, operation, begin, end, current, by, batch, closed = row[width:]
        found.append(
            Version(
                key=shape.key_of(row),
                row=row[:width],
                row_hash=int.from_bytes(row_hash),
                operation=operation,
                valid_from=begin,
                valid_to=end,
                is_current=current,
                closed_by=by,
                batch=batch,
                closed_batch=closed,
            )
        )
    return in_order(found)


def fed_of(rows: Iterable[Row], shape: Shape) -> list[Fed]:
    """Rows of stage, the shape's columns and then ``FED_COLUMNS``, in order."""
    fed = [Fed(row=row[:-3], operation=row[-3], batch=row[-2], changed_at=row[-1]) for row in rows]
    return feed_in_order(fed, shape)


def in_order(versions: Sequence[Version]) -> list[Version]:
    """By key and then by time."""
    return sorted(versions, key=lambda v: (v.key, v.valid_from))


def feed_in_order(feed: Sequence[Fed], shape: Shape) -> list[Fed]:
    """By batch; deletes first, as promote closes before it opens."""
    return sorted(feed, key=lambda f: (f.batch, f.operation != "D", shape.key_of(f.row)))


def version_frame(versions: Sequence[Version], shape: Shape) -> pl.DataFrame:
    """Versions as ``scd2.invariants`` looks at them."""
    moment = pl.Datetime("us", "UTC")
    keys = {name: [v.key[n] for v in versions] for n, name in enumerate(shape.key)}
    return pl.DataFrame(
        {
            **keys,
            "_valid_from": pl.Series([v.valid_from for v in versions], dtype=moment),
            "_valid_to": pl.Series([v.valid_to for v in versions], dtype=moment),
            "_is_current": pl.Series([v.is_current for v in versions], dtype=pl.Boolean),
            "_closed_by": pl.Series([v.closed_by for v in versions], dtype=pl.String),
        }
    )
