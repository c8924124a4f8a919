"""Rules of transformation: sections whose other keys are the options of what they use.

Law 9: keys and salts become references as they are read, whatever the rule, so that nothing that
holds a rule shows them; an option whose name is none is cut, as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import (
    Field,
    PlainValidator,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from cdc_daemon.model.secret import SecretKind, SecretRef
from cdc_daemon.model.table import RuleSpec
from cdc_daemon.settings.node import Loc
from cdc_daemon.settings.section import Section
from cdc_daemon.settings.values import Flag, Name, parse_secret, refusal

if TYPE_CHECKING:
    from cdc_daemon.transformation.plugins import Plugins

OPTIONS: Final = "[options]"
"""Where the options of a rule are gathered; no part of the paths that issues show."""
SECRETS = frozenset({"key", "salt"})
"""Options that are secrets, of every transformer and at every depth."""

_OPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SELECTION = ("use", "column", "pattern", "types", "case_sensitive", "tables")


@cache
def installed_plugins() -> Plugins:
    """Of this process: what is installed meanwhile takes a restart."""
    from cdc_daemon.transformation.plugins import load_plugins  # noqa: PLC0415 - few need it

    return load_plugins()


def parse_options(written: object) -> Mapping[str, Any]:
    """Options, unchangeable, with references in place of secrets.

    Raises:
        ValidationError: with everything that is wrong; no value is shown.
    """
    wrong: list[tuple[Loc, PydanticCustomError]] = []
    frozen = _frozen(written, (), wrong)
    if wrong:
        raise _as_error(wrong)
    return frozen  # type: ignore[no-any-return]


def _frozen(written: Any, loc: Loc, wrong: list[tuple[Loc, PydanticCustomError]]) -> Any:  # noqa: ANN401 - whatever the document holds
    if isinstance(written, list | tuple):
        return tuple(_frozen(each, (*loc, n), wrong) for n, each in enumerate(written))
    if not isinstance(written, Mapping):
        return written
    found: dict[str, Any] = {}
    for name, each in written.items():
        at = (*loc, str(name))
        if not _OPTION.fullmatch(str(name)):
            wrong.append((at, refusal("is not an option", "put a space after its colon")))
        elif name in SECRETS:
            try:
                found[name] = parse_secret(each)
            except PydanticCustomError as error:
                wrong.append((at, error))
        else:
            found[name] = _frozen(each, at, wrong)
    return MappingProxyType(found)


def _as_error(wrong: list[tuple[Loc, PydanticCustomError]]) -> ValidationError:
    """Several at once, each at its own place."""
    details = [InitErrorDetails(type=error, loc=loc, input=None) for loc, error in wrong]
    return ValidationError.from_exception_data("rule", details, hide_input=True)


def _not_its_own(_: object) -> None:
    raise refusal("is for the rules of `transformations`", "remove it: the rule is the table's own")


class Rule(Section):
    """Which columns, and what becomes of them."""

    use: Name
    column: Name | None = None
    pattern: Name | None = None
    types: tuple[Name, ...] | None = Field(default=None, min_length=1)
    case_sensitive: Flag = False
    options: Annotated[Mapping[str, Any], PlainValidator(parse_options)] = Field(
        default=MappingProxyType({}), alias=OPTIONS
    )
    _warnings: tuple[str, ...] = PrivateAttr(default=())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What its transformer says of itself."""
        return self._warnings

    @property
    def plain_secrets(self) -> tuple[Loc, ...]:
        """Where secrets stand in plain text."""
        return tuple(_plain(self.options, ()))

    def spec(self, origin: str, *, shared: bool) -> RuleSpec:
        """The model's form of it."""
        return RuleSpec(
            use=self.use,
            origin=origin,
            options=self.options,
            column=self.column,
            pattern=self.pattern,
            types=frozenset(self.types or ()),
            case_sensitive=self.case_sensitive,
            shared=shared,
        )

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, written: Any) -> Any:  # noqa: ANN401 - whatever the document holds
        if not isinstance(written, Mapping):
            return written
        own = {name: value for name, value in written.items() if name in _SELECTION}
        rest = {name: value for name, value in written.items() if name not in _SELECTION}
        return {**own, OPTIONS: rest}

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        from cdc_daemon.settings.buildable import judged  # noqa: PLC0415 - few need it

        found = judged(self.spec("", shared=False), installed_plugins)
        if found.wrong:
            raise _as_error([(one.loc, refusal(one.message, one.remedy)) for one in found.wrong])
        self._warnings = found.warnings
        return self


class OwnRule(Rule):
    """A rule of one table."""

    tables: Annotated[None, PlainValidator(_not_its_own)] = None


class SharedRule(Rule):
    """A rule of the tables whose ``source.schema.name`` fits one of ``tables``; else of all."""

    tables: tuple[Name, ...] | None = Field(default=None, min_length=1)


class Transformations(Section):
    """Rules for many tables; they come before a table's own."""

    rules: tuple[SharedRule, ...] = ()


def _plain(options: object, loc: Loc) -> Iterator[Loc]:
    if isinstance(options, SecretRef):
        if options.kind is SecretKind.PLAIN:
            yield loc
    elif isinstance(options, Mapping):
        for name, each in options.items():
            yield from _plain(each, (*loc, name))
    elif isinstance(options, tuple):
        for n, each in enumerate(options):
            yield from _plain(each, (*loc, n))
