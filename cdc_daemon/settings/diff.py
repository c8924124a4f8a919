"""What a reload changes, and what it must not change. Pure.

Law 8: a bad configuration stops nothing that runs. A setting that cannot change while the daemon
runs refuses the reload as a whole, since half of a configuration is one that nobody wrote:

* ``http.host``, ``http.port``: the socket is bound once; probes and scrapes look for it there.
* the target: its connection's name, engine, host, port and database, and its three schemas. The
  locks, epochs and states that make one writer of many (law 2) live there; batches at work would
  promote into one place while new ones are fenced in another.
* ``lanes``: workers are tasks and queues are bounded when the lanes are built.
* ``runtime.memory_budget_mb``: batches at work hold shares of it; a container's limit, which it
  follows, does not change without a restart either.
* ``runtime.landing_dir``: rows of batches at work lie there, and housekeeping sweeps that folder.

All else takes effect at once, for batches that begin from then on: tables, sources, passwords,
users, TLS and pools (of the target, too: sessions are renewed, the database stays),
``max_concurrent_reads``, ``target.stage_retention_days``, ``target.rebuild_indexes_above``,
``control``, ``runtime.grace_seconds``, ``runtime.backoff``, and ``logging``, which is set up anew
as a whole. Rules of transformation are part of the tables they are for. A setting that is not known
here is taken for one that needs a restart.

The digest does not tell whether a reload changes anything: it leaves plain passwords out (law 9),
which are compared here. That the *content* of a secret changed, behind the same variable or
file, neither of them sees: sessions opened from then on use it, and rules of transformation from
the next reload on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cdc_daemon.model.config import ConfigSnapshot, ConnectionSpec
from cdc_daemon.model.table import TableId

_APART = frozenset({"version", "digest", "warnings", "connections", "tables"})
_PLACE = ("engine", "host", "port", "database")
"""What makes the target's connection another database."""

_HOT = (
    "target.stage_retention_days",
    "target.rebuild_indexes_above",
    "control",
    "runtime.grace_seconds",
    "runtime.backoff",
    "logging",
)
_WHY: Mapping[str, str] = MappingProxyType(
    {
        "target": "histories, locks and checkpoints of running batches are there",
        "lanes": "workers and queues are set up at start",
        "runtime.memory_budget_mb": "running batches hold shares of it",
        "runtime.landing_dir": "rows of running batches lie there",
        "http": "the port is opened at start",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDiff:
    """From one snapshot to the next; all in order of names."""

    tables_added: tuple[TableId, ...] = ()
    tables_removed: tuple[TableId, ...] = ()
    tables_changed: tuple[TableId, ...] = ()
    connections_added: tuple[str, ...] = ()
    connections_removed: tuple[str, ...] = ()
    connections_changed: tuple[str, ...] = ()
    """Their pools must be renewed."""
    limits_changed: tuple[str, ...] = ()
    """Connections of whose settings only ``max_concurrent_reads`` changed: their pools stay."""
    settings_changed: tuple[str, ...] = ()
    """Other settings that take effect at once, as ``logging.level``."""
    restart_needed: tuple[str, ...] = ()
    """Why the reload is refused, a sentence for each setting that cannot change."""

    @property
    def nothing(self) -> bool:
        """Whether both say the same."""
        return self == ConfigDiff()


def difference(old: ConfigSnapshot, new: ConfigSnapshot) -> ConfigDiff:
    """What ``new`` changes; versions, digests and warnings do not count."""
    before = {table.id: table for table in old.tables}
    after = {table.id: table for table in new.tables}
    common = sorted(old.connections.keys() & new.connections.keys())
    renewed = tuple(name for name in common if _pooled(old, name) != _pooled(new, name))
    settings = tuple(_changed_settings(old, new))
    cold = (*_moved_target(old, new), *filter(needs_restart, settings))
    return ConfigDiff(
        tables_added=tuple(sorted(after.keys() - before.keys())),
        tables_removed=tuple(sorted(before.keys() - after.keys())),
        tables_changed=tuple(
            sorted(table for table in before.keys() & after.keys() if before[table] != after[table])
        ),
        connections_added=tuple(sorted(new.connections.keys() - old.connections.keys())),
        connections_removed=tuple(sorted(old.connections.keys() - new.connections.keys())),
        connections_changed=renewed,
        limits_changed=tuple(
            name
            for name in common
            if name not in renewed and old.connections[name] != new.connections[name]
        ),
        settings_changed=tuple(path for path in settings if not needs_restart(path)),
        restart_needed=tuple(_sentence(path) for path in cold),
    )


def _pooled(config: ConfigSnapshot, name: str) -> tuple[ConnectionSpec, bool]:
    """All that shapes a connection's pools: the target's are halved where it is read, too."""
    spec = dataclasses.replace(config.connections[name], max_concurrent_reads=None)
    is_target = name == config.target.connection
    return spec, is_target and any(table.id.source == name for table in config.tables)


def _moved_target(old: ConfigSnapshot, new: ConfigSnapshot) -> Iterator[str]:
    name = new.target.connection
    before, after = old.connections.get(old.target.connection), new.connections.get(name)
    if name != old.target.connection or before is None or after is None:
        return  # the name says it
    for key in _PLACE:
        if getattr(before, key) != getattr(after, key):
            yield f"connections.{name}.{key}"


def _changed_settings(old: ConfigSnapshot, new: ConfigSnapshot) -> Iterator[str]:
    before, after = dict(settings_of(old)), dict(settings_of(new))
    absent = object()
    for path in sorted(before.keys() | after.keys()):
        if before.get(path, absent) != after.get(path, absent):
            yield path


def settings_of(config: ConfigSnapshot) -> Iterator[tuple[str, object]]:
    """Every single setting but tables and connections, by its path."""
    for field in dataclasses.fields(config):
        if field.name not in _APART:
            yield from _leaves(field.name, getattr(config, field.name))


def needs_restart(path: str) -> bool:
    """Whether the setting at ``path`` cannot change while the daemon runs."""
    return not any(_is_below(path, each) for each in _HOT)


def _leaves(path: str, value: object) -> Iterator[tuple[str, object]]:
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for key in value:
            yield from _leaves(f"{path}.{key}", value[key])
    else:
        yield path, value


def _is_below(path: str, section: str) -> bool:
    return path == section or path.startswith(f"{section}.")


def _sentence(path: str) -> str:
    """No value is shown: a host may hold what it should not (law 9)."""
    target = "target" if path.startswith("connections.") else path
    why = next((words for each, words in _WHY.items() if _is_below(target, each)), None)
    return f"{path} cannot change while the daemon runs{f' ({why})' if why else ''}"
