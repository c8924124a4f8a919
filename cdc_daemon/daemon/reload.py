"""The configuration in force: an immutable snapshot, swapped whole on SIGHUP, or not at all."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Sequence
from typing import Protocol

from cdc_daemon.errors import ConfigError
from cdc_daemon.model.config import ConfigSnapshot

Load = Callable[[int], ConfigSnapshot]
RestartNeeded = Callable[[ConfigSnapshot, ConfigSnapshot], Sequence[str]]


class ReloadWatch(Protocol):
    """Told of every reload; for logs and metrics. Raises nothing."""

    def reloaded(self, snapshot: ConfigSnapshot) -> None:
        """A new snapshot is in force."""
        ...

    def refused(self, error: ConfigError) -> None:
        """The old one stays, and why."""
        ...


class Reloader:
    """Loads and validates aside; running jobs keep the snapshot they began with (law 8)."""

    name = "reload"

    def __init__(
        self,
        first: ConfigSnapshot,
        load: Load,
        restart_needed: RestartNeeded,
        watch: ReloadWatch,
        notify: Callable[[], None],
        prepare: Callable[[ConfigSnapshot], None] = lambda _: None,
    ) -> None:
        self.current = first
        self.last_error: ConfigError | None = None
        self._versions = {first.version: first}
        self._load = load
        self._restart_needed = restart_needed
        self._watch = watch
        self._notify = notify
        self._prepare = prepare
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """From a signal handler: several asks before the next look are one."""
        self._asked.set()

    def knows(self, version: int) -> bool:
        """Whether the version's snapshot is still there."""
        return version in self._versions

    def snapshot(self, version: int) -> ConfigSnapshot:
        """A snapshot that was in force."""
        return self._versions[version]

    async def run(self) -> None:
        """Reload whenever asked."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                loaded = await asyncio.to_thread(self._loaded, self.current.version + 1)
                self._refuse_restart(loaded)
                self._prepare(loaded)
            except ConfigError as error:
                self.last_error = error
                self._watch.refused(error)
                continue
            self.current, self.last_error = loaded, None
            self._versions[loaded.version] = loaded
            self._watch.reloaded(loaded)
            self._notify()

    def _loaded(self, version: int) -> ConfigSnapshot:
        """Of thousands of tables, the garbage collector would stop the event loop for 90 ms."""
        gc.disable()
        try:
            return self._load(version)
        finally:
            gc.enable()

    def _refuse_restart(self, loaded: ConfigSnapshot) -> None:
        issues = self._restart_needed(self.current, loaded)
        if issues:
            raise ConfigError(
                [f"{issue}: needs a restart; nothing was reloaded" for issue in issues]
            )

    def forget(self, kept: Sequence[int]) -> None:
        """Drop snapshots that nothing uses any more."""
        for version in [v for v in self._versions if v not in kept and v != self.current.version]:
            del self._versions[version]
