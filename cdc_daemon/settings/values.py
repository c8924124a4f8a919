"""The kinds of single values a configuration holds.

Law 6: a value is what was written or it is refused; true is not 1, a number is not a name. A
secret's text is never part of a refusal (law 9).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from cdc_daemon.model.secret import SecretKind, SecretRef

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_LONGEST = timedelta(days=366)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONNECTION = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def refusal(message: str, remedy: str) -> PydanticCustomError:
    """What a validator raises: ``message`` follows the name of the key, and shows no value."""
    return PydanticCustomError("refused", "{message}", {"message": message, "remedy": remedy})


def _no_truth_value(value: Any) -> Any:  # noqa: ANN401 - whatever the document holds
    if isinstance(value, bool):
        raise refusal("must be a number, not true or false", "write digits")
    return value


def _truth_value(value: Any) -> Any:  # noqa: ANN401 - whatever the document holds
    if isinstance(value, bool):
        return value
    words = {"true": True, "false": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise refusal("must be true or false", "write true or false")


def _name(value: str) -> str:
    if not value or _CONTROL.search(value):
        raise refusal("must be a name without control characters", "write the name as it is")
    return value


def _connection_name(value: str) -> str:
    if not _CONNECTION.fullmatch(value):
        raise refusal(
            "the name of a connection is a letter, then letters, digits and underscores",
            "rename it: it becomes part of table names and variables",
        )
    return value


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise refusal("names a column twice", "keep one of them")
    return values


def _upper(value: Any) -> Any:  # noqa: ANN401 - whatever the document holds
    return value.upper() if isinstance(value, str) else value


def parse_duration(value: object) -> timedelta:
    """``30s``, ``15m``, ``1h`` or ``1d`` as a length of time, at most 366 days.

    Raises:
        PydanticCustomError: the value is no such text.
    """
    return _length(value, least=1)


def parse_delay(value: object) -> timedelta:
    """The same, or ``0s``."""
    return _length(value, least=0)


def _length(value: object, *, least: int) -> timedelta:
    remedy = "write a whole number and a unit: 30s, 15m, 1h, 1d"
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refusal("must be a length of time with its unit", remedy)
    length = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if not timedelta(seconds=least) <= length <= _LONGEST:
        raise refusal(f"must lie between {least}s and 366d", remedy)
    return length


def parse_secret(value: object) -> SecretRef | None:
    """A reference to a secret, or the plain secret; None for none.

    Raises:
        PydanticCustomError: the value is no reference this version knows; without the value.
    """
    remedy = "write {env: NAME} or {file: /path}"
    if value is None:
        return None
    if isinstance(value, str):
        if not value:
            raise refusal("is empty", f"{remedy}, or leave it out where none is needed")
        return SecretRef(SecretKind.PLAIN, value)
    if not isinstance(value, Mapping):
        raise refusal("must be text or a reference", f"{remedy}, or put plain text in quotes")
    kinds = {"env", "file", "vault"}
    if len(value) != 1 or not kinds.issuperset(value):
        raise refusal("must hold exactly one of env, file", remedy)
    ((kind, locator),) = value.items()
    if kind == "vault":
        raise refusal("vault references are not supported in this version", remedy)
    if kind == "env" and not (isinstance(locator, str) and _VARIABLE.fullmatch(locator)):
        raise refusal("env must be the name of a variable", "write {env: NAME}, not the secret")
    if kind == "file" and not (isinstance(locator, str) and PurePath(locator).is_absolute()):
        raise refusal("file must be an absolute path", "write {file: /path}")
    return SecretRef(SecretKind(kind), locator)


Whole = Annotated[int, BeforeValidator(_no_truth_value)]
Positive = Annotated[Whole, Field(ge=1, le=1_000_000_000)]
Kept = Annotated[Whole, Field(ge=1, le=36_500)]
"""Days; a hundred years at most, which every clock can go back."""
Port = Annotated[Whole, Field(ge=1, le=65_535)]
PortOrFree = Annotated[Whole, Field(ge=0, le=65_535)]
Flag = Annotated[bool, BeforeValidator(_truth_value)]
Share = Annotated[float, BeforeValidator(_no_truth_value), Field(ge=0, le=1)]
"""A share of 1."""
Ratio = Annotated[float, BeforeValidator(_no_truth_value), Field(gt=0, le=1_000_000)]
"""One number by another; it may be more than 1."""
Seconds = Annotated[float, BeforeValidator(_no_truth_value), Field(gt=0, le=366 * 86_400)]
Name = Annotated[str, AfterValidator(_name)]
"""Of a table, column, schema, database, user, host or file; case counts."""
ConnectionName = Annotated[str, AfterValidator(_connection_name)]
Columns = Annotated[tuple[Name, ...], AfterValidator(_distinct)]
UpperWord = BeforeValidator(_upper)
Duration = Annotated[timedelta, PlainValidator(parse_duration)]
Delay = Annotated[timedelta, PlainValidator(parse_delay)]
"""A length of time that may be none."""
Priority = Annotated[Whole, Field(ge=-1_000, le=1_000)]
RuleChange = Literal["ask", "version", "rewrite"]
"""As ``model.table.RuleChange`` has them."""
Secret = Annotated[SecretRef | None, PlainValidator(parse_secret)]
