"""The masks: which values have the shape of a kind, and what of those stays in clear.

A value that has not the shape is covered as a whole, or rejected, or, where it is asked for,
masked by the looser rules of the first document of this system.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from cdc_daemon.transformation.stars import (
    DIGITS,
    HEX_DIGITS,
    SIGNS,
    before_last_four,
    covered,
    first_and_stars,
    hidden,
    last_four,
    literally,
    split_at,
    stars,
    stars_and_last,
)

_FOUR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How masked values look."""

    star: str = "*"
    keep_format: bool = True
    keep_domain: bool = True
    count: int = 4
    """Characters that ``keep_first`` and ``keep_last`` leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """``apply`` sees values of the shape only."""

    promise: str
    """What stays in clear, for the documentation."""
    shape: str
    loose_shape: str | None = None
    """Instead of ``shape`` where values that have it not are kept."""
    kept: str | None = None
    """Values that stay as they are there."""
    apply: Callable[[pl.Series, Style], pl.Series]
    same_length: bool = True
    """Whether a masked value has as many characters as the value."""
    idempotent: bool = False


def _email(values: pl.Series, style: Style) -> pl.Series:
    local, rest = split_at(values, values.str.find("@", literal=True))
    masked = first_and_stars(local, style.star)
    return masked + (rest if style.keep_domain else "@" + hidden(rest.str.slice(1), style.star))


def _number(values: pl.Series, style: Style) -> pl.Series:
    """Digits but the last four; of the rest the format."""
    head, tail = before_last_four(values)
    if style.keep_format:
        return covered(head, DIGITS, style.star) + tail
    return stars(head.str.count_matches(r"\d"), style.star) + _digits(tail)


def _ssn(values: pl.Series, style: Style) -> pl.Series:
    plain, dashed = style.star * 5, f"{style.star * 3}-{style.star * 2}-"
    value = pl.col("value")
    dashes = value.str.contains("-", literal=True) if style.keep_format else pl.lit(False)
    begin = pl.when(dashes).then(pl.lit(dashed)).otherwise(pl.lit(plain))
    frame = pl.DataFrame([values.alias("value"), _digits(last_four(values)).alias("digits")])
    return frame.select(begin + pl.col("digits")).to_series()


def _digits(tails: pl.Series) -> pl.Series:
    """The four digits of each tail, which mostly is nothing else."""
    usual = (tails.str.len_bytes() == _FOUR).all()
    return tails if usual else tails.str.replace_all(r"\D", "")


def _ipv4(values: pl.Series, style: Style) -> pl.Series:
    star = style.star
    return values.str.extract(r"^(\d+)\.") + f".{star * 3}.{star}.{star * 3}"


def _ipv6(values: pl.Series, style: Style) -> pl.Series:
    kept = values.str.extract(r"^((?:[0-9A-Fa-f]{1,4}:){0,4})")
    _, rest = split_at(values, kept.str.len_bytes())
    return kept + covered(rest, HEX_DIGITS, style.star)


def _ip(values: pl.Series, style: Style) -> pl.Series:
    return _ipv6(values, style).zip_with(
        values.str.contains(":", literal=True), _ipv4(values, style)
    )


def _iban(values: pl.Series, style: Style) -> pl.Series:
    head, tail = before_last_four(values, digits=False)
    return head.str.head(2) + covered(head.str.slice(2), SIGNS, style.star) + tail


def _name(values: pl.Series, style: Style) -> pl.Series:
    r"""``\B\w``: a letter that another stands before. Unusual signs count as letters."""
    joined = values.str.replace_all(r"[^\w\s'\x{2019}.,-]", "_")
    return joined.str.replace_all(r"\B\w", literally(style.star))


_V4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_V6 = r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{0,4}|" + _V4 + ")"
_BITS = r"(?:/\d{1,3})?"
LONGER = "longer than `count`"
"""Stands for a shape that depends on the style."""

MASKS: Mapping[str, Mask] = MappingProxyType(
    {
        "email": Mask(
            promise="the first character and the domain",
            shape=r"^[^@]{2,}@[^@]+$",
            kept=r"^[^@]*$|^[^@]@[^@]+$",
            apply=_email,
            idempotent=True,
        ),
        "phone": Mask(
            promise="the last four digits and the punctuation",
            shape=r"^[\s()+./#-]*(?:\d[\s()+./#-]*){5,}$",
            loose_shape=r"^",
            kept=r"^\D*(?:\d\D*){0,4}$",
            apply=_number,
        ),
        "ssn": Mask(
            promise="the last four of nine digits",
            shape=r"^\D*(?:\d\D*){9}$",
            apply=_ssn,
            same_length=False,
        ),
        "card": Mask(
            promise="the last four of 13 to 19 digits and the punctuation",
            shape=r"^[\s.-]*(?:\d[\s.-]*){13,19}$",
            loose_shape=r"^\D*(?:\d\D*){13,19}$",
            apply=_number,
        ),
        "ip": Mask(
            promise="the first number of an IPv4 address, the first four groups of an IPv6 address",
            shape=f"^(?:{_V4}|{_V6}){_BITS}$",
            apply=_ip,
            same_length=False,
        ),
        "ipv4": Mask(
            promise="the first number", shape=f"^{_V4}{_BITS}$", apply=_ipv4, same_length=False
        ),
        "ipv6": Mask(promise="the first four groups", shape=f"^{_V6}{_BITS}$", apply=_ipv6),
        "iban": Mask(
            promise="the country and the last four characters",
            shape=r"^[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}$",
            apply=_iban,
        ),
        "name": Mask(
            promise="the first letter of every word and ' . , -",
            shape=r"^",
            apply=_name,
            idempotent=True,
        ),
        "keep_first": Mask(
            promise="the first `count` characters of longer values",
            shape=LONGER,
            apply=lambda values, style: first_and_stars(values, style.star, style.count),
            idempotent=True,
        ),
        "keep_last": Mask(
            promise="the last `count` characters of longer values",
            shape=LONGER,
            apply=lambda values, style: stars_and_last(values, style.star, style.count),
            idempotent=True,
        ),
        "all": Mask(
            promise="the number of characters",
            shape=r"^",
            apply=lambda values, style: hidden(values, style.star),
            idempotent=True,
        ),
    }
)
