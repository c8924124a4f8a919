"""The use of one database's sessions: tasks that wait are counted and timed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from cdc_daemon.errors import CdcError, DatabaseUnavailable
from cdc_daemon.ports.statistics import PoolObserver, PoolStats


class Waits:
    """The waits for sessions of one connection, by kind of session."""

    def __init__(self, connection: str, observer: PoolObserver | None) -> None:
        self._connection = connection
        self._observer = observer
        self._waiting: Counter[str] = Counter()

    def stats(self, role: str, kind: str, *, limit: int, opened: int, idle: int = 0) -> PoolStats:
        """Sessions of a kind, with the tasks that wait for one."""
        return PoolStats(
            connection=self._connection,
            role=role,
            kind=kind,
            limit=limit,
            open=opened,
            idle=idle,
            waiting=self._waiting[kind],
        )

    @contextmanager
    def waiting(self, kind: str) -> Iterator[None]:
        """The block waits for a session; a wait that is cancelled is neither had nor failed."""
        began = time.monotonic()
        self._waiting[kind] += 1
        try:
            yield
        except CdcError as error:
            if self._observer is not None:
                self._observer.failed(error.kind)
            raise
        else:
            if self._observer is not None:
                self._observer.acquired(time.monotonic() - began)
        finally:
            self._waiting[kind] -= 1

    def exhausted(self, seconds: float) -> DatabaseUnavailable:
        """What a wait of so long ends with where no session came free."""
        return DatabaseUnavailable(
            f"connection {self._connection}: no free session within {seconds:g} s",
            remedy="Raise `pool.max` of the connection, or lower the workers of the lanes.",
        )
