"""Conditions as configuration writes them.

=======================================  ====================================================
``{column: country, equals: DE}``        the value, by the column's type
``{column: country, in: [DE, AT]}``      one of the values
``{column: email, matches: '@corp'}``    a part of the text that the regular expression describes
``{column: ended, is_null: true}``       or ``false``
``{column: age, less: 18}``              ``less``, ``at_most``, ``more``, ``at_least``
``{all: [...]}``, ``{any: [...]}``       conditions, and whether every one or one has to hold
``{not: {...}}``                         the condition does not hold
=======================================  ====================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal as Number

from cdc_daemon.errors import ConfigError
from cdc_daemon.transformation.comparisons import ORDERS, Compare, Order, Scalar
from cdc_daemon.transformation.conditions import All, AnyOf, Condition, IsNull, Matches, Not
from cdc_daemon.transformation.suggest import one_of

_TESTS = ("equals", "in", "matches", "is_null", *ORDERS)
_GROUPS = ("all", "any", "not")


def condition(written: object) -> Condition:
    """The condition that ``written`` describes.

    Raises:
        ConfigError: it describes none; the text says where it goes wrong.
    """
    if isinstance(written, Condition):
        return written
    if not isinstance(written, Mapping) or not written:
        raise ConfigError(["a condition is a mapping, like {column: NAME, equals: VALUE}"])
    if "column" in written:
        return _test(written)
    if len(written) != 1:
        raise ConfigError([f"a condition has a `column`, or is one of {', '.join(_GROUPS)}"])
    ((group, parts),) = written.items()
    one_of(str(group), _GROUPS, "part of a condition")
    if group == "not":
        return Not(condition(parts))
    if isinstance(parts, str) or not isinstance(parts, Sequence) or not parts:
        raise ConfigError([f"`{group}` of a condition is a list of conditions"])
    inner = tuple(condition(part) for part in parts)
    return All(inner) if group == "all" else AnyOf(inner)


def _test(written: Mapping[object, object]) -> Condition:
    column = str(written["column"])
    tests = {str(name): given for name, given in written.items() if name != "column"}
    if len(tests) != 1:
        raise ConfigError(
            [f"the condition on column '{column}' has one of {', '.join(_TESTS)}, and only one"]
        )
    ((test, given),) = tests.items()
    one_of(test, _TESTS, "test of a condition")
    match test, given:
        case "is_null", bool():
            return IsNull(column) if given else Not(IsNull(column))
        case "matches", str():
            return Matches(column, given)
        case "in", list() | tuple() if given:
            return Compare(column, tuple(_scalar(column, one) for one in given))
        case "equals", _:
            return Compare(column, (_scalar(column, given),))
        case _ if test in ORDERS:
            return Order(column, test, _scalar(column, given))
        case _:
            raise ConfigError([f"`{test}` of the condition on column '{column}' has no such value"])


def _scalar(column: str, given: object) -> Scalar:
    if isinstance(given, str | bool | int | float | Number | date):
        return given
    raise ConfigError(
        [f"the condition on column '{column}' compares with a text, a number, a boolean or a date"]
    )
