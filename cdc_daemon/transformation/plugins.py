"""Transformers that other packages bring along.

A package offers them as entry points of the group ``cdc_daemon.transformers``::

    [project.entry-points."cdc_daemon.transformers"]
    reverse = "my_package:Reverse"

The name is what configuration calls it. The object is a subclass of ``Transformer`` that says
for which version of the interface it was written, and is made with its options as keyword
arguments; it raises ``TypeError``, ``ValueError`` or ``ConfigError`` where they are wrong::

    class Reverse(Transformer):
        interface_version = 1

A plug-in that cannot be loaded stops nothing but the tables whose configuration names it (law 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract

from cdc_daemon.errors import ConfigError
from cdc_daemon.transformation.suggest import unknown
from cdc_daemon.transformation.transformer import INTERFACE_VERSION, Transformer

GROUP = "cdc_daemon.transformers"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A transformer of another package."""

    name: str
    package: str
    """The distribution and its version."""
    transformer: type[Transformer]

    @property
    def told(self) -> str:
        """What it says of itself, and where it is from."""
        lines = (self.transformer.__doc__ or "").strip().splitlines()
        return f"{lines[0] if lines else 'says nothing of itself'} ({self.package})"


@dataclass(frozen=True, slots=True)
class Plugins:
    """Plug-ins by name, and why others cannot be used."""

    kinds: Mapping[str, Plugin] = field(default_factory=dict)
    issues: Mapping[str, str] = field(default_factory=dict)


NO_PLUGINS = Plugins()


def load_plugins(found: Iterable[EntryPoint] | None = None) -> Plugins:
    """All that are installed; what fails is in ``issues``, by name, with package and cause."""
    kinds: dict[str, Plugin] = {}
    issues: dict[str, str] = {}
    for point in entry_points(group=GROUP) if found is None else found:
        package = _package(point)
        try:
            loaded = point.load()
        except Exception as error:  # noqa: BLE001 - the code of other packages
            cause: str | None = f"cannot be loaded: {type(error).__name__}: {error}"
        else:
            cause = _unfit(loaded)
            if point.name in kinds:
                cause = f"has the name of one of {kinds[point.name].package}"
            if cause is None:
                kinds[point.name] = Plugin(point.name, package, loaded)
                continue
        issues[point.name] = f"the transformer '{point.name}' of {package} {cause}"
    return Plugins({name: one for name, one in kinds.items() if name not in issues}, issues)


def transformer_named(
    name: str, options: Mapping[str, object], plugins: Plugins | None = None
) -> Transformer:
    """The plug-in ``name``, made with ``options``.

    Raises:
        ConfigError: there is none, it cannot be loaded, or it does not take the options.
    """
    plugins = load_plugins() if plugins is None else plugins
    if name in plugins.issues:
        raise ConfigError([plugins.issues[name]])
    if name not in plugins.kinds:
        raise ConfigError([unknown(name, plugins.kinds, "plug-in")])
    plugin = plugins.kinds[name]
    try:
        return plugin.transformer(**options)
    except ConfigError as error:
        raise ConfigError([f"{name}: {issue}" for issue in error.issues]) from None
    except Exception as error:
        raise ConfigError(
            [f"{name} ({plugin.package}) does not take its options: {type(error).__name__}"]
        ) from error


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else f"'{point.value}'"


def _unfit(loaded: object) -> str | None:
    """Why it is no plug-in of this version, or None."""
    if not (isinstance(loaded, type) and issubclass(loaded, Transformer)):
        return "is no subclass of cdc_daemon.transformation.Transformer"
    version = getattr(loaded, "interface_version", None)
    if version != INTERFACE_VERSION:
        return f"was written for interface {version}; this daemon has {INTERFACE_VERSION}"
    if isabstract(loaded):
        missing = ", ".join(sorted(getattr(loaded, "__abstractmethods__", ())))
        return f"lacks {missing}"
    return None
