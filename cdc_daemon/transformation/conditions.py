"""Conditions on the columns of a row, as it was read.

Two-valued: a comparison with NULL does not hold, and ``Not`` of it does. One definition: a row
is a frame of one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from polars.exceptions import PolarsError

from cdc_daemon.errors import ConfigError
from cdc_daemon.transformation.forms import text_form
from cdc_daemon.transformation.site import Bound
from cdc_daemon.transformation.suggest import unknown


class Condition(ABC):
    """Holds for a row, or does not."""

    __slots__ = ()

    @property
    @abstractmethod
    def reads(self) -> frozenset[str]:
        """Names of the columns it asks for."""

    @abstractmethod
    def describe(self) -> str:
        """For ``plan``."""

    @abstractmethod
    def holds(self, row: Mapping[str, Bound]) -> pl.Expr:
        """Where it holds; never NULL.

        Raises:
            ConfigError: a column is not there, or is not of a type to be compared so.
        """


def bound(name: str, row: Mapping[str, Bound]) -> Bound:
    """The column of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in row:
        raise ConfigError([unknown(name, row, "column in a condition,")])
    return row[name]


@dataclass(frozen=True, slots=True)
class Matches(Condition):
    """The text form of ``column`` has a part that the regular expression describes.

    Raises:
        ConfigError: it is no regular expression (of Rust's ``regex``).
    """

    column: str
    pattern: str

    def __post_init__(self) -> None:
        try:
            pl.Series([""]).str.contains(self.pattern)
        except PolarsError:
            raise ConfigError([f"'{self.pattern}' is no regular expression"]) from None

    @property
    def reads(self) -> frozenset[str]:
        """The column."""
        return frozenset((self.column,))

    def describe(self) -> str:
        """With the expression."""
        return f"{self.column} matches {self.pattern!r}"

    def holds(self, row: Mapping[str, Bound]) -> pl.Expr:
        """See ``Condition``."""
        other = bound(self.column, row)
        return text_form(other.value, other.column).str.contains(self.pattern).fill_null(False)


@dataclass(frozen=True, slots=True)
class IsNull(Condition):
    """``column`` is NULL."""

    column: str

    @property
    def reads(self) -> frozenset[str]:
        """The column."""
        return frozenset((self.column,))

    def describe(self) -> str:
        """As SQL has it."""
        return f"{self.column} is null"

    def holds(self, row: Mapping[str, Bound]) -> pl.Expr:
        """See ``Condition``."""
        return bound(self.column, row).value.is_null()


@dataclass(frozen=True, slots=True)
class All(Condition):
    """Every one of ``parts`` holds."""

    parts: tuple[Condition, ...]

    @property
    def reads(self) -> frozenset[str]:
        """Those of the parts."""
        return frozenset[str]().union(*(part.reads for part in self.parts))

    def describe(self) -> str:
        """In brackets."""
        return f"({' and '.join(part.describe() for part in self.parts)})"

    def holds(self, row: Mapping[str, Bound]) -> pl.Expr:
        """See ``Condition``."""
        return pl.all_horizontal([part.holds(row) for part in self.parts])


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """At least one of ``parts`` holds."""

    parts: tuple[Condition, ...]

    @property
    def reads(self) -> frozenset[str]:
        """Those of the parts."""
        return frozenset[str]().union(*(part.reads for part in self.parts))

    def describe(self) -> str:
        """In brackets."""
        return f"({' or '.join(part.describe() for part in self.parts)})"

    def holds(self, row: Mapping[str, Bound]) -> pl.Expr:
        """See ``Condition``."""
        return pl.any_horizontal([part.holds(row) for part in self.parts])


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """``part`` does not hold."""

    part: Condition

    @property
    def reads(self) -> frozenset[str]:
        """Those of the part."""
        return self.part.reads

    def describe(self) -> str:
        """In words."""
        return f"not {self.part.describe()}"

    def holds(self, row: Mapping[str, Bound]) -> pl.Expr:
        """See ``Condition``."""
        return ~self.part.holds(row)
