"""Masks of personal data.

Law 6 and fail closed: what has not the shape of its kind is covered as a whole, not left alone.
Only where no kind is given, and the column's name has to tell it, are the looser rules of the
first document kept: there an e-mail address without ``@`` stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import polars as pl

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import Decimal, Integer, LogicalType, Native, Text
from cdc_daemon.transformation import words
from cdc_daemon.transformation.forms import text_form
from cdc_daemon.transformation.masks import LONGER, MASKS, Mask, Style
from cdc_daemon.transformation.site import Site
from cdc_daemon.transformation.stars import hidden
from cdc_daemon.transformation.suggest import one_of
from cdc_daemon.transformation.transformer import Transformer, lost

Unmatched = Literal["mask", "keep", "reject"]
UNRECOGNISED = "unrecognised"
"""The reason of a rejection: the value has not the shape of its kind."""

_BY_NAME = (
    ("email", words.EMAIL),
    ("phone", words.PHONE),
    ("ssn", words.SSN + "|_social_"),
    ("card", words.CARD + "|_card_|_cc_"),
    ("ip", words.IP),
    ("iban", words.IBAN),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PIIMaskingTransformer(Transformer):
    """Covers personal data with stars, and leaves what its ``kind`` promises (``masks.MASKS``).

    Without ``kind`` the words of the column's name tell it; columns of other names stay as they
    are. Numbers are masked in their text form; other types are refused.

    Raises:
        ConfigError: on an unknown ``kind`` or ``unmatched``, or a ``mask_char`` that is not one
            character or would look like a digit or an ``@``.
    """

    kind: str | None = None
    unmatched: Unmatched | None = None
    """What happens to values without the kind's shape; by default ``mask`` where a kind is given,
    and ``keep`` where not."""
    mask_char: str = "*"
    preserve_format: bool = True
    email_preserve_domain: bool = True
    count: int = 4
    """Characters that ``keep_first`` and ``keep_last`` leave."""

    def __post_init__(self) -> None:
        if self.kind is not None:
            one_of(self.kind, MASKS, "mask")
        if self.unmatched is not None:
            one_of(self.unmatched, get_args(Unmatched), "choice of `unmatched`")
        if len(self.mask_char) != 1 or self.mask_char.isdigit() or self.mask_char in "@\0":
            raise ConfigError(["`mask_char` is one character, and neither a digit nor @"])
        if self.count < 1:
            raise ConfigError(["`count` is at least 1"])

    @property
    def idempotent(self) -> bool:
        """Where the masked value has the shape again."""
        return self.kind is not None and not self._keeps and MASKS[self.kind].idempotent

    def describe(self) -> str:
        """The kind, and what differs from the defaults."""
        options = {
            "unmatched": (self.unmatched, None),
            "mask_char": (self.mask_char, "*"),
            "preserve_format": (self.preserve_format, True),
            "email_preserve_domain": (self.email_preserve_domain, True),
            "count": (self.count, 4),
        }
        told = [f"{name}={given}" for name, (given, usual) in options.items() if given != usual]
        return " ".join([f"mask {self.kind or 'by name'}", *told])

    def leaves(self, column: Column) -> bool:
        """Where no kind is given, and the name tells none."""
        return self._mask(column) is None

    def refuses(self, column: Column) -> str | None:
        """Masks work on text, and on the text form of exact numbers."""
        match column.type:
            case Text() | Native() | Integer() | Decimal():
                return None
            case other if self._mask(column) is not None:
                name = type(other).__name__.lower()
                return f"a mask works on text and exact numbers, not on {name}: convert it first"
            case _:
                return None

    def output(self, column: Column) -> LogicalType:
        """Text; of the same length where the mask keeps it."""
        mask = self._mask(column)
        if mask is None:
            return column.type
        same = isinstance(column.type, Text) and mask.same_length
        return column.type if same else Text()

    def expression(self, value: pl.Expr, site: Site) -> pl.Expr:
        """The masked text."""
        mask = self._mask(site.column)
        if mask is None:
            return value
        covers = _Covers(mask, self._style, self._keeps, hides=self.unmatched != "reject")
        text = text_form(value, site.column)
        return text.map_batches(covers, return_dtype=pl.String, is_elementwise=True)

    def rejected(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """Values without the shape, where that is asked for."""
        del site
        return lost(before, after, UNRECOGNISED)

    def untouched(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """A number that a mask by name left alone, as an e-mail address without ``@``."""
        if self.kind is not None or isinstance(site.column.type, Text):
            return pl.lit(False)
        return after.eq_missing(
            text_form(before, site.column) if self._mask(site.column) else before
        )

    @property
    def _keeps(self) -> bool:
        return (self.unmatched or ("mask" if self.kind else "keep")) == "keep"

    @property
    def _style(self) -> Style:
        return Style(
            star=self.mask_char,
            keep_format=self.preserve_format,
            keep_domain=self.email_preserve_domain,
            count=self.count,
        )

    def _mask(self, column: Column) -> Mask | None:
        kind = self.kind
        if kind is None:
            kinds = [kind for kind, named in _BY_NAME if words.has_words(column.name, named)]
            kind = kinds[0] if kinds else None
        return None if kind is None else MASKS[kind]


@dataclass(frozen=True, slots=True)
class _Covers:
    """Masks a column, and spends time on values without the shape only where there are some."""

    mask: Mask
    style: Style
    keeps: bool
    hides: bool

    def __call__(self, values: pl.Series) -> pl.Series:
        if self.keeps and self.mask.kept is not None:
            kept = values.str.contains(self.mask.kept)
            others = replace(self, mask=replace(self.mask, kept=None))
            return values.zip_with(kept, others(values))
        fits = self._fits(values)
        if fits.sum() + fits.null_count() == values.len():
            return self._masked(values)
        nothing = pl.Series([None], dtype=pl.String)
        masked = self._masked(values.zip_with(fits, nothing))
        if not self.hides:
            return masked
        rest = hidden(values.zip_with(~fits, nothing), self.style.star)
        return masked.zip_with(fits, rest)

    def _masked(self, values: pl.Series) -> pl.Series:
        return self.mask.apply(values, self.style).alias(values.name)

    def _fits(self, values: pl.Series) -> pl.Series:
        if self.mask.shape == LONGER:
            return values.str.len_chars() > self.style.count
        loose = self.mask.loose_shape if self.keeps else None
        return values.str.contains(loose or self.mask.shape)
