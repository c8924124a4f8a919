"""The loop around ``schedule``: due tables become queued jobs, until told to stop.

Every second it asks the target what changed in ``table_state`` and what time it is there; so an
operator's word, or another replica's batch, is seen within that. It decides anew only when
something happened, or when the next table is due. What takes long about it, the due times of many
tables, is worked out in a thread: the event loop goes on (DESIGN 4).
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Protocol

from cdc_daemon.errors import CdcError, ControlSchemaError, Retry
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import BackoffSpec, ConfigSnapshot
from cdc_daemon.model.run import Job, RunOutcome, Status
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.orchestration.due_times import DueTimes
from cdc_daemon.orchestration.lanes import Lanes
from cdc_daemon.orchestration.schedule import BEGINNING, decide, waiting
from cdc_daemon.ports.control import StateFeed

POLL_SECONDS = 1.0
TARGET_BACKOFF = BackoffSpec(first_seconds=1.0, limit_seconds=30.0)
ELSEWHERE = timedelta(seconds=10)
"""How long a table is left alone after another process was found to work on it."""
MANY = 100
"""States whose due times take milliseconds to work out: 0.03 to 0.1 each, where it is by cron."""


class Snapshots(Protocol):
    """The configuration in force."""

    @property
    def current(self) -> ConfigSnapshot:
        """Changes as a whole."""
        ...


class SchedulerWatch(Protocol):
    """Told what the scheduler sees; for logs, metrics and readiness. Raises nothing."""

    def target_failed(self, error: CdcError) -> None:
        """The target did not answer; nothing is dispatched meanwhile."""
        ...

    def target_answered(self) -> None:
        """It answers (again)."""
        ...


class Scheduler:
    """Dispatches; knows of runs only what the lanes and ``record`` tell."""

    def __init__(
        self, snapshots: Snapshots, lanes: Lanes, feed: StateFeed, watch: SchedulerWatch
    ) -> None:
        self._snapshots = snapshots
        self._lanes = lanes
        self._feed = feed
        self._watch = watch
        self._wake = asyncio.Event()
        self._version = 0
        self._seen = BEGINNING
        self._offset = timedelta(0)
        self.due_times = DueTimes()
        self._failures: dict[TableId, int] = {}
        self.states: dict[TableId, TableState] = {}
        self.not_before: dict[TableId, datetime] = {}

    def wake(self) -> None:
        """Something changed: configuration, an outcome, or a wish to stop."""
        self._wake.set()

    def now(self) -> datetime:
        """The target's clock, as far as it was last heard."""
        return _here() + self._offset

    def record(self, job: Job, outcome: RunOutcome) -> None:
        """What came of a job: what only this process knows of it is kept here."""
        table = job.table.id
        if outcome.status is Status.SUCCEEDED:
            self._failures.pop(table, None)
            # its end may not be on record, where the target went away just then
            self.not_before[table] = self.now() + timedelta(seconds=POLL_SECONDS)
        elif outcome.retry is Retry.SKIP:
            # another process is at it, or has just done it: then its due time tells when next
            wait = ELSEWHERE if outcome.error_kind else timedelta(seconds=POLL_SECONDS)
            self.not_before[table] = self.now() + wait
        else:
            self._failures[table] = failures = self._failures.get(table, 0) + 1
            backoff = self._snapshots.current.runtime.backoff
            self.not_before[table] = self.now() + waiting(failures, backoff)
        self.wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop`` is set."""
        wake_at: datetime | None = BEGINNING
        failures = 0
        while not stop.is_set():
            woken = self._wake.is_set()
            self._wake.clear()
            try:
                news = await self._refresh()
            except ControlSchemaError:
                raise  # made by a later version: nothing here may write to it
            except CdcError as error:
                failures += 1
                wake_at = BEGINNING  # whatever woke us meanwhile is decided once it answers
                self._watch.target_failed(error)
                await self._pause(waiting(failures, TARGET_BACKOFF).total_seconds())
                continue
            failures = 0
            self._watch.target_answered()
            due = wake_at is not None and wake_at <= self.now()
            if woken or news or due:
                wake_at = self._dispatch(await self._prepared(news))
            await self._pause(self._until(wake_at))

    async def _refresh(self) -> int:
        """Ask the target; the number of states that changed."""
        feed = await self._feed.changed(self._seen)
        self._offset = feed.now - _here()
        self._seen = max(self._seen, feed.seen)
        news = {t: s for t, s in feed.states.items() if self.states.get(t) != s}
        for table, state in news.items():
            known = self.states.get(table, TableState(table=table))
            if state.triggered != known.triggered:
                self.not_before.pop(table, None)  # an operator does not wait
                self._failures.pop(table, None)
            elif state.last_ended != known.last_ended and table not in self._failures:
                self.not_before.pop(table, None)  # from now on its due time tells
        self.states.update(news)
        return len(news)

    async def _prepared(self, news: int) -> ConfigSnapshot:
        """The configuration in force, with the due times of all its tables known."""
        while True:
            snapshot = self._snapshots.current
            is_new = snapshot.version != self._version
            if is_new:  # what waits is decided anew (law 8)
                self._lanes.hand_back()
                self._version = snapshot.version
            learned = self.due_times.learned
            asked = snapshot.tables, self.states, snapshot.runtime.backoff
            if not is_new and news <= MANY:
                self.due_times = learned(*asked)
            else:  # nobody else writes what the thread reads
                self.due_times = await asyncio.to_thread(learned, *asked)
            if snapshot.version == self._snapshots.current.version:
                return snapshot

    def _dispatch(self, snapshot: ConfigSnapshot) -> datetime | None:
        decision = decide(
            snapshot.tables,
            self.states,
            self.now(),
            backoff=snapshot.runtime.backoff,
            busy=self._lanes.tables,
            not_before=self.not_before,
            due_of=self.due_times,
        )
        refused = [t for t in decision.ready if not self._lanes.offer(self._job(t, snapshot))]
        if not refused:
            return decision.wake_at
        soon = self.now() + timedelta(seconds=POLL_SECONDS)  # a full lane may have room then
        return min(soon, decision.wake_at or soon)

    def _job(self, table: TableSpec, snapshot: ConfigSnapshot) -> Job:
        return Job(
            table=table,
            config_version=snapshot.version,
            seen_epoch=self.states.get(table.id, TableState(table=table.id)).epoch,
            max_reads=snapshot.connections[table.id.source].max_concurrent_reads,
        )

    def _until(self, wake_at: datetime | None) -> float:
        if wake_at is None:
            return POLL_SECONDS
        return max(0.0, min(POLL_SECONDS, (wake_at - self.now()).total_seconds()))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass


def _here() -> datetime:
    """This machine's clock that never steps: only its difference to the target's counts."""
    return BEGINNING + timedelta(seconds=asyncio.get_running_loop().time())
