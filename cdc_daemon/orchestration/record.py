"""What a run leaves behind: seconds of its steps, its outcome, its rows in the control tables."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from types import MappingProxyType

from cdc_daemon.errors import CdcError, Retry
from cdc_daemon.model.event import WHOLE_RUN, Detail, Event
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Batch, Promoted, RunOutcome, Status
from cdc_daemon.model.table import TableId
from cdc_daemon.ports.control import EventLog, States
from cdc_daemon.ports.telemetry import Progress, Telemetry

RECORD_SECONDS = 10.0
"""How long the end of a run may take to be put on record, where the target hangs."""


@dataclass(slots=True)
class RunRecord:
    """One run as it goes; implements ``ports.telemetry.RunObserver``."""

    table: TableId
    progress: Progress
    telemetry: Telemetry
    replay: bool = False
    """Whether it is no pass of the table: the schedule knows nothing of it."""
    batch: Batch | None = None
    accepted: tuple[Guard, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    work: dict[str, float] = field(default_factory=dict)
    """Seconds by kind of work (``ports.work``)."""
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, whatever becomes of it."""
        self.progress.step(self.table, name)
        before, start = self.seconds.pop(name, 0.0), time.monotonic()
        try:
            yield
        finally:  # the last step is the last one here, also where it was begun once more
            self.seconds[name] = before + time.monotonic() - start

    def numbered(self, batch: Batch) -> None:
        """The batch has its number."""
        self.batch = batch
        self.telemetry.numbered(batch.number)

    def rows(self, n: int, total: int | None) -> None:
        """Rows extracted so far."""
        self.progress.rows(self.table, n, total)

    def unrecorded(self, error: CdcError) -> None:
        """The quarantine could not be written; the next batch finds the same again."""
        self.telemetry.unrecorded(error)

    def passed(self, guards: tuple[Guard, ...]) -> None:
        """Guards a person accepted."""
        self.accepted = guards

    def succeeded(self, promoted: Promoted) -> RunOutcome:
        """The batch is history."""
        return self._outcome(Status.SUCCEEDED, counts=promoted.counts, guards=self.accepted)

    def skipped(self, reason: str, remedy: str, held: bool) -> RunOutcome:  # noqa: FBT001
        """The table may not run now."""
        return self._outcome(
            Status.SKIPPED, retry=Retry.SKIP, error=reason, remedy=remedy, held=held
        )

    def failed(self, error: CdcError, guards: tuple[Guard, ...]) -> RunOutcome:
        """A deliberate error; some of them hold the table, and some are no failure."""
        return self._outcome(
            Status.SKIPPED if error.retry is Retry.SKIP else Status.FAILED,
            retry=error.retry,
            error_kind=error.kind,
            error=str(error),
            remedy=error.remedy,
            held=error.holds,
            guards=guards,
        )

    def broken(self, error: Exception) -> RunOutcome:
        """A bug; its text may quote values, so that only its class is told (law 9)."""
        return self._outcome(
            Status.FAILED,
            retry=Retry.MANUAL,
            error_kind=type(error).__name__,
            error=f"{self.table}: unexpected {type(error).__name__}",
            remedy="This is a defect of cdc-daemon; the log line of this batch has the stack.",
        )

    def cancelled(self) -> RunOutcome:
        """Stopped before its time; nothing was written."""
        return self._outcome(Status.CANCELLED, retry=Retry.BACKOFF, error="stopped")

    def _outcome(self, status: Status, **known: object) -> RunOutcome:
        self.seconds[WHOLE_RUN] = time.monotonic() - self.began
        return RunOutcome(
            table=self.table,
            status=status,
            batch_id=self.batch.number if self.batch else None,
            read_at=self.batch.read_at if self.batch else None,
            seconds=MappingProxyType(dict(self.seconds)),
            work=MappingProxyType(dict(self.work)),
            **known,  # type: ignore[arg-type] # by keyword, from the methods above
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """Writes ends of runs to the control tables; a failure to do so never fails a run."""

    events: EventLog
    states: States
    telemetry: Telemetry
    run_id: str

    async def ended(self, outcome: RunOutcome, record: RunRecord) -> None:
        """Events of the steps and of the whole, the batch's status, a hold."""
        try:
            async with asyncio.timeout(RECORD_SECONDS):
                await self._state(outcome, record)
                if outcome.batch_id is not None and outcome.status is not Status.SUCCEEDED:
                    await self.events.finish(
                        outcome.batch_id, outcome.status.value, outcome.error_kind
                    )
                for event in self._events(outcome, record):
                    await self.events.record(event)
        except Exception as error:  # noqa: BLE001 - the boundary: law 8, whatever it was
            self.telemetry.unrecorded(error)

    async def _state(self, outcome: RunOutcome, record: RunRecord) -> None:
        if outcome.status is Status.FAILED and outcome.held:
            await self.states.hold(outcome.table, outcome.error or "", frozenset(outcome.guards))
        elif outcome.status is Status.FAILED and not record.replay:
            await self.states.failed(outcome.table)
        if outcome.status in {Status.FAILED, Status.SUCCEEDED} and not record.replay:
            await self.states.ended(outcome.table, outcome.read_at, outcome.retry)

    def _events(self, outcome: RunOutcome, record: RunRecord) -> Iterator[Event]:
        counts = asdict(outcome.counts) if outcome.counts else {}
        detail: dict[str, Detail] = {"work": {k: round(v, 6) for k, v in outcome.work.items()}}
        if outcome.guards:
            detail["guards"] = ",".join(guard.value for guard in outcome.guards)
        for step, seconds in outcome.seconds.items():
            whole = step == WHOLE_RUN
            last = whole or step == list(outcome.seconds)[-2]
            yield Event(
                run_id=self.run_id,
                table=outcome.table,
                kind=step,
                status=outcome.status.value if last else Status.SUCCEEDED.value,
                batch=outcome.batch_id,
                started_at=record.batch.read_at if record.batch else None,
                seconds=seconds,
                error_kind=outcome.error_kind if last else None,
                error=outcome.error if whole else None,
                rows=counts if whole else {},
                detail=detail if whole else {},
            )
