"""What a transformer is: one expression over a column, and the same for one value.

Fail closed: a value that is not NULL and comes out as NULL, where that is not what the transformer
is for, is *rejected*: its row is never passed on. A transformer raises on wrong configuration
only, never on data, and its errors quote no value (law 9).

Plug-ins subclass ``Transformer``; what is written here and in ``site`` is their interface, of the
version ``INTERFACE_VERSION``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import LogicalType
from cdc_daemon.transformation.one import one_value
from cdc_daemon.transformation.site import Site
from cdc_daemon.transformation.stage import FAILED

INTERFACE_VERSION = 1
"""Raised whenever a plug-in written for the version before would no longer work."""


class Transformer(ABC):
    """Changes the values of a column. Subclasses are frozen: the same value, the same result."""

    __slots__ = ()

    @property
    def idempotent(self) -> bool:
        """Whether transforming what was transformed changes nothing."""
        return False

    @property
    def warns(self) -> str | None:
        """What an operator should know before relying on it."""
        return None

    @property
    def fatal(self) -> bool:
        """Whether a rejection is to stop the table instead of setting the row aside."""
        return False

    @property
    def reads(self) -> frozenset[str] | None:
        """Names of other columns that decide about the result; None: all of them."""
        return frozenset()

    @abstractmethod
    def describe(self) -> str:
        """What it does in a few words, for ``plan``; the same words only for the same work.

        No secret is in them, but what tells one key from another is: a history is rewritten, or
        begins new versions, when they change.
        """

    def leaves(self, column: Column) -> bool:
        """Whether it is for no column like ``column``: values stay as they are, in clear."""
        del column
        return False

    def refuses(self, column: Column) -> str | None:
        """Why it cannot work on ``column``, as the rest of a sentence; None where it can."""
        del column
        return None

    @abstractmethod
    def output(self, column: Column) -> LogicalType:
        """The type of its results for ``column``."""

    @abstractmethod
    def expression(self, value: pl.Expr, site: Site) -> pl.Expr:
        """``value``, of the carrier of ``site.column``, in the carrier of ``output``."""

    def rejected(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """The word of the reason why a row is rejected, NULL where it is not.

        ``before`` and ``after`` are the values that went in and came out. It is asked only where
        NULLs came out: what is rejected has to come out as NULL.
        """
        del site
        return lost(before, after, FAILED)

    def untouched(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """Where the value was left as it is, but for its type; ``transform`` returns it as given.

        A column has one type: where a mask leaves a number alone, its text form comes out.
        """
        del before, after, site
        return pl.lit(False)

    def transform(self, value: object, context: Mapping[str, object] | None = None) -> object:
        """One value; ``context`` may have the column's ``field_name`` and the ``row`` it is of.

        Returns:
            The result as Python has it, or ``Rejected``.

        Raises:
            ConfigError: the transformer cannot be used so.
        """
        return one_value(self, value, context or {})

    def __call__(self, value: object, context: Mapping[str, object] | None = None) -> object:
        """The same as ``transform``."""
        return self.transform(value, context)


def lost(before: pl.Expr, after: pl.Expr, reason: str) -> pl.Expr:
    """``reason`` where a value that was not NULL became NULL."""
    return pl.when(before.is_not_null() & after.is_null()).then(pl.lit(reason))


def never() -> pl.Expr:
    """No row is rejected."""
    return pl.lit(None, dtype=pl.String)


def output_column(transformer: Transformer, column: Column) -> Column:
    """``column`` as the transformer leaves it."""
    logical = transformer.output(column)
    return column if logical == column.type else replace(column, type=logical, as_text=False)
