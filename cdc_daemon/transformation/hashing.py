"""Hashes that stand for values, so that joins survive where the values must not.

The hash is a keyed one: HMAC over the canonical form of the value (``cdc.canonical``), so that
equal values of any engine and width give equal hashes, in every column and table under one key.
Without the key nobody can try values out. A plain salted hash, as the first document of this
system has it, is accepted and warned about.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Literal, get_args

import polars as pl
import polars_hash as plh

from cdc_daemon.cdc.canonical import canonical_form
from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import Boolean, LogicalType, Text
from cdc_daemon.transformation.forms import text_form
from cdc_daemon.transformation.site import Site
from cdc_daemon.transformation.suggest import one_of
from cdc_daemon.transformation.transformer import Transformer

Algorithm = Literal["sha256", "sha384", "sha512", "blake2b", "blake2s"]
KEY_BYTES = 16
SALT_CHARACTERS = 8
SAFE_DIGITS = 32
"""Hex digits of 128 bits: below, different values may get the same hash."""

_BLOCK = 64  # bytes that SHA-256 works on at a time
_CHECK = b"cdc-daemon: which key is it?"


@dataclass(frozen=True, slots=True, kw_only=True)
class HashingTransformer(Transformer):
    """Replaces values by hex digits of their hash under ``key``; NULL stays NULL.

    Raises:
        ConfigError: on an unknown algorithm; a key under 16 bytes or a salt under 8 characters;
            both or neither of them; fewer than 32 hex digits of a keyed hash, unless
            ``allow_short``.
    """

    algorithm: str = "sha256"
    key: bytes | None = field(default=None, repr=False)
    key_version: str = ""
    salt: str | None = field(default=None, repr=False)
    truncate: int | None = None
    """Hex digits to keep, from the left."""
    allow_short: bool = False
    prefix_version: bool = False
    """Whether the result begins with the key's version and ``:``."""

    def __post_init__(self) -> None:
        one_of(self.algorithm, get_args(Algorithm), "hash algorithm")
        issues = []
        if (self.key is None) == (self.salt is None):
            issues.append("a hash needs either a `key` or, for compatibility only, a `salt`")
        if self.key is not None and len(self.key) < KEY_BYTES:
            issues.append(f"the key of a hash has at least {KEY_BYTES} bytes")
        if self.salt is not None and len(self.salt) < SALT_CHARACTERS:
            issues.append(f"a salt has at least {SALT_CHARACTERS} characters")
        if self.prefix_version and not self.key_version:
            issues.append("`prefix_version` needs a `key_version`")
        short = self.key is not None and not self.allow_short
        least = SAFE_DIGITS if short else 1
        if self.truncate is not None and self.truncate < least:
            issues.append(f"a hash keeps at least {least} hex digits (`allow_short` permits less)")
        if issues:
            raise ConfigError(issues)

    @property
    def warns(self) -> str | None:
        """A salted hash protects little."""
        if self.salt is None:
            return None
        return "a salted hash can be guessed by trying values out: use a keyed one (`key`)"

    def describe(self) -> str:
        """Algorithm, length, key version, and 32 bits that tell one key from another."""
        secret = self.salt.encode() if self.key is None and self.salt else self.key or b""
        check = hmac.digest(secret, _CHECK, "sha256").hex()[:8]
        which = f"salt ({check})" if self.key is None else f"key {self.key_version} ({check})"
        cut = "" if self.truncate is None else f" truncate={self.truncate}"
        prefix = " prefix_version" if self.prefix_version else ""
        return f"hash {self.algorithm} {which.replace('key  ', 'key ')}{cut}{prefix}"

    def output(self, column: Column) -> LogicalType:
        """Text, of no stated length: it outlives another choice of length."""
        del column
        return Text()

    def expression(self, value: pl.Expr, site: Site) -> pl.Expr:
        """The hex digits."""
        if self.key is None:
            digits = self._each(self._salted_form(value, site.column))
        else:
            form = canonical_form(value, site.column, key=True)
            digits = (
                self._each(form) if self.algorithm != "sha256" else _hmac_sha256(form, self.key)
            )
        if self.truncate is not None:
            digits = digits.str.head(self.truncate)
        return pl.lit(f"{self.key_version}:") + digits if self.prefix_version else digits

    def _salted_form(self, value: pl.Expr, column: Column) -> pl.Expr:
        text = text_form(value, column)
        return text.str.to_titlecase() if isinstance(column.type, Boolean) else text

    def _each(self, form: pl.Expr) -> pl.Expr:
        """One call of the library for every distinct value."""

        def hashed(values: pl.Series) -> pl.Series:
            distinct = values.drop_nulls().unique()
            digits = [self._digits(text) for text in distinct.to_list()]
            table = pl.Series(digits, dtype=pl.String)
            return values.replace_strict(distinct, table, default=None, return_dtype=pl.String)

        return form.map_batches(hashed, return_dtype=pl.String, is_elementwise=True)

    def _digits(self, text: str) -> str:
        if self.key is not None:
            return hmac.digest(self.key, text.encode(), self.algorithm).hex()
        return hashlib.new(self.algorithm, f"{self.salt}{text}".encode()).hexdigest()


def _hmac_sha256(form: pl.Expr, key: bytes) -> pl.Expr:
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return _hmac_from_parts(form, key)
    return plh.CryptographicHashingNameSpace(form).hmac_sha256(key=text)


def _hmac_from_parts(form: pl.Expr, key: bytes) -> pl.Expr:
    """RFC 2104, for keys that are no text: what ``hmac_sha256`` takes is text only."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner, outer = (pl.lit(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    first = plh.CryptographicHashingNameSpace(inner + form.cast(pl.Binary)).sha2_256()
    return plh.CryptographicHashingNameSpace(outer + first.str.decode("hex")).sha2_256()
