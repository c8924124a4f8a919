"""Every kind of transformer that configuration can name, with its options, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from cdc_daemon.errors import ConfigError
from cdc_daemon.transformation.conditional import ConditionalTransformer
from cdc_daemon.transformation.conversion import TYPES, TypeConversionTransformer
from cdc_daemon.transformation.generalising import GeneraliseTransformer
from cdc_daemon.transformation.hashing import HashingTransformer
from cdc_daemon.transformation.masking import PIIMaskingTransformer
from cdc_daemon.transformation.masks import MASKS
from cdc_daemon.transformation.options import Kind, Option, checked
from cdc_daemon.transformation.phrases import condition
from cdc_daemon.transformation.plugins import NO_PLUGINS, Plugins, transformer_named
from cdc_daemon.transformation.replacing import (
    ConstantTransformer,
    NullTransformer,
    TruncateTransformer,
)
from cdc_daemon.transformation.structure import Drop, Rename, RowFilter
from cdc_daemon.transformation.suggest import unknown
from cdc_daemon.transformation.transformer import Transformer

Built = Transformer | Drop | Rename | RowFilter
Options = Mapping[str, Any]

_HASH = (
    Option("algorithm", "text", "sha256 (the default), sha384, sha512, blake2b or blake2s"),
    Option("key", "key", "the secret of a keyed hash (HMAC), of at least 16 bytes"),
    Option("key_version", "text", "which key it is, for people and for `prefix_version`"),
    Option("salt", "text", "a plain salted hash instead of a keyed one; warned about"),
    Option("truncate", "integer", "hex digits to keep, at least 32"),
    Option("allow_short", "boolean", "permits fewer: different values may become equal"),
    Option("prefix_version", "boolean", "the result begins with the key's version and `:`"),
)
_MASK = (
    Option("kind", "text", f"one of {', '.join(MASKS)}", required=True),
    Option("unmatched", "text", "what becomes of other values: mask (the default), reject, keep"),
    Option("mask_char", "text", "one character instead of *"),
    Option("preserve_format", "boolean", "false: of numbers only digits and stars are left"),
    Option("email_preserve_domain", "boolean", "false: the domain is covered, too"),
    Option("count", "integer", "characters that keep_first and keep_last leave; 4"),
)
_CONVERT = (
    Option("to", "text", f"one of {', '.join(TYPES)}", required=True),
    Option("on_failure", "text", "quarantine (the default), null or fail"),
    Option("bits", "integer", "of an integer (16, 32, 64) or a float (32, 64); 64"),
    Option("precision", "integer", "digits of a decimal, with `scale`"),
    Option("scale", "integer", "digits behind the point of a decimal"),
    Option("zoned", "boolean", "a timestamp is an instant"),
)
_WHEN = (
    Option("when", "condition", "a condition on the row as it was read", required=True),
    Option("then", "transformer", "what is done where it holds: {use: NAME, ...}", required=True),
    Option("else", "transformer", "what is done where not; by default nothing"),
)
_FILTER = (
    Option("keep", "condition", "which rows are carried", required=True),
    Option("deletes", "boolean", "other rows count as deleted; by default they are left as is"),
)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Kind("mask", "covers personal data with stars", _MASK),
            Kind("hash", "replaces values by a keyed hash", _HASH),
            Kind("convert", "makes values of another type of them", _CONVERT),
            Kind("when", "does something in some rows only", _WHEN),
            Kind(
                "generalise",
                "dates become the beginning of a period",
                (Option("to", "text", "month, year or decade", required=True),),
            ),
            Kind("null", "every value becomes NULL"),
            Kind(
                "constant",
                "every value becomes the same one",
                (Option("value", "scalar", "the value", required=True),),
            ),
            Kind(
                "truncate",
                "cuts text",
                (Option("length", "integer", "characters to keep", required=True),),
            ),
            Kind("drop", "the column is not carried"),
            Kind(
                "rename",
                "the column has another name in the target",
                (Option("to", "text", "the name", required=True),),
            ),
            Kind("filter", "leaves rows out", _FILTER),
        )
    }
)


def documentation(plugins: Plugins = NO_PLUGINS) -> tuple[Kind, ...]:
    """Every kind there is, for a page or a help text; those of plug-ins have no listed options."""
    found = [Kind(name, plugin.told) for name, plugin in plugins.kinds.items()]
    return (*KINDS.values(), *found)


def build(kind: str, options: Options, plugins: Plugins = NO_PLUGINS) -> Built:
    """The transformer, drop, rename or row filter that configuration describes.

    Raises:
        ConfigError: an unknown kind or option, or a value that it does not take, by name.
    """
    if kind in KINDS:
        return _MAKERS[kind](checked(kind, KINDS[kind].options, options), plugins)
    if kind in plugins.kinds or kind in plugins.issues:
        return transformer_named(kind, options, plugins)
    names = [*KINDS, *plugins.kinds]
    raise ConfigError([unknown(kind, names, "transformer")])


def _hash(options: Options, plugins: Plugins) -> Built:
    del plugins
    key = options.get("key")
    given = {**options, "key": key.encode() if isinstance(key, str) else key}
    return HashingTransformer(**given)


def _convert(options: Options, plugins: Plugins) -> Built:
    del plugins
    given = {"target_type" if name == "to" else name: value for name, value in options.items()}
    return TypeConversionTransformer(**given)


def _when(options: Options, plugins: Plugins) -> Built:
    other = options.get("else")
    return ConditionalTransformer(
        condition(options["when"]),
        _inner(options["then"], plugins),
        None if other is None else _inner(other, plugins),
    )


def _filter(options: Options, plugins: Plugins) -> Built:
    del plugins
    return RowFilter(condition(options["keep"]), deletes=bool(options.get("deletes", False)))


def _inner(written: object, plugins: Plugins) -> Transformer:
    if isinstance(written, Transformer):
        return written
    if not isinstance(written, Mapping) or "use" not in written:
        raise ConfigError(["when: a transformer is a mapping that says which one to `use`"])
    options = {str(name): value for name, value in written.items() if name != "use"}
    built = build(str(written["use"]), options, plugins)
    if not isinstance(built, Transformer):
        raise ConfigError([f"when: '{written['use']}' is not done in some rows only"])
    return built


_MAKERS: Mapping[str, Callable[[Options, Plugins], Built]] = MappingProxyType(
    {
        "mask": lambda options, _: PIIMaskingTransformer(**options),
        "hash": _hash,
        "convert": _convert,
        "when": _when,
        "generalise": lambda options, _: GeneraliseTransformer(**options),
        "null": lambda _, __: NullTransformer(),
        "constant": lambda options, _: ConstantTransformer(**options),
        "truncate": lambda options, _: TruncateTransformer(**options),
        "drop": lambda _, __: Drop(),
        "rename": lambda options, _: Rename(**options),
        "filter": _filter,
    }
)
