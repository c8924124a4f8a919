"""What is decided alike of every engine's tables: its columns are there, its key is usable."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cdc_daemon.errors import NoKey, TableNotFound, UnsupportedType
from cdc_daemon.model.table import TableSpec
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import may_be_key


def all_there(spec: TableSpec, known: Collection[str]) -> None:
    """Every configured column is among those that the catalog knows.

    Raises:
        TableNotFound: naming those that are not.
    """
    absent = [name for name in (*spec.key, *spec.exclude_columns) if name not in known]
    if absent:
        raise TableNotFound(
            f"{spec.id}: no column {', '.join(absent)}",
            remedy="Correct `key:` or `exclude_columns:` of the table; case counts.",
        )


def carried(
    spec: TableSpec, columns: Sequence[Column], refused: Sequence[str]
) -> tuple[Column, ...]:
    """The columns, if all of them can be carried.

    Raises:
        UnsupportedType: naming those that cannot, or there are none.
    """
    if refused:
        raise UnsupportedType(f"{spec.id}: cannot carry column {', '.join(refused)} exactly")
    if not columns:
        raise UnsupportedType(f"{spec.id}: the table has no columns")
    return tuple(columns)


def chosen_key(
    spec: TableSpec, columns: Sequence[Column], discovered: tuple[str, ...]
) -> tuple[str, ...]:
    """The configured key, or the one the catalog has.

    Raises:
        NoKey, UnsupportedType: naming the columns in question.
    """
    key = spec.key or discovered
    if not key:
        raise NoKey(f"{spec.id}: no primary key and no unique index over NOT NULL columns")
    by_name = {column.name: column for column in columns}
    excluded = [name for name in key if name not in by_name]
    if excluded:
        raise NoKey(f"{spec.id}: key column {', '.join(excluded)} is excluded")
    unfit = [
        f"{name} ({by_name[name].native})" for name in key if not may_be_key(by_name[name].type)
    ]
    if unfit:
        raise UnsupportedType(
            f"{spec.id}: {', '.join(unfit)} cannot be in a key: equal values print differently",
            remedy="Configure other key columns (`key:` of the table).",
        )
    return key
