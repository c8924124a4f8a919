"""What is done to columns and rows, not to values: drop, rename, leave rows out."""

from __future__ import annotations

from dataclasses import dataclass

from cdc_daemon.errors import ConfigError
from cdc_daemon.transformation.conditions import Condition


@dataclass(frozen=True, slots=True)
class Drop:
    """The column is not carried at all, nor read where no condition asks for it."""

    def describe(self) -> str:
        """For ``plan``."""
        return "drop"


@dataclass(frozen=True, slots=True)
class Rename:
    """Another name in the target. Row hashes keep the name that the source has.

    Raises:
        ConfigError: the name is empty.
    """

    to: str

    def __post_init__(self) -> None:
        if not self.to:
            raise ConfigError(["`rename` needs a name"])

    def describe(self) -> str:
        """For ``plan``."""
        return f"rename to {self.to}"


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Only rows that ``keep`` holds for are carried; it is asked of rows as they are read.

    A row that is left out is not a deleted row (law 10), unless ``deletes`` says so.
    """

    keep: Condition
    deletes: bool = False

    def describe(self) -> str:
        """For ``plan``."""
        also = ", others count as deleted" if self.deletes else ""
        return f"keep rows where {self.keep.describe()}{also}"
