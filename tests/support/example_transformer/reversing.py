"""An example of a plug-in, and of three that cannot be used."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from cdc_daemon.transformation import Site, Transformer


@dataclass(frozen=True, slots=True)
class Reverse(Transformer):
    """Text is written backwards."""

    interface_version = 1

    upper: bool = False

    def describe(self) -> str:
        return f"reverse upper={self.upper}"

    def output(self, column):
        return column.type

    def expression(self, value: pl.Expr, site: Site) -> pl.Expr:
        text = value.str.reverse()
        return text.str.to_uppercase() if self.upper else text


class Outdated(Reverse):
    """Was written for an interface that is no more."""

    interface_version = 0


class Unfinished(Transformer):
    """Has no expression."""

    interface_version = 1

    def describe(self) -> str:
        return "unfinished"


def reversed_text(value: str) -> str:
    return value[::-1]
