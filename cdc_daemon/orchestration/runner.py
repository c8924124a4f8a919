"""One job under its lock, turned into an outcome and put on record.

Raises nothing but cancellation: a bad table stops itself, not its neighbours (law 8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cdc_daemon.errors import CdcError, GuardTripped, LockLost
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.guard import Guard, widened
from cdc_daemon.model.run import Job, RunOutcome, Status
from cdc_daemon.model.table import TableId
from cdc_daemon.orchestration.admission import Admission, need
from cdc_daemon.orchestration.held import remedy_of_hold
from cdc_daemon.orchestration.pipeline import Pipeline
from cdc_daemon.orchestration.record import Recorder, RunRecord
from cdc_daemon.ports.control import HeldLock, Locks, States
from cdc_daemon.ports.telemetry import Progress, Telemetry
from cdc_daemon.ports.work import accounted

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRunner:
    """Runs jobs; one pipeline a source."""

    pipelines: Mapping[str, Pipeline]
    locks: Locks
    states: States
    recorder: Recorder
    progress: Progress
    telemetry: Telemetry
    batches: asyncio.Semaphore
    """One place for each session the target has for us."""
    admission: Admission

    async def run(self, job: Job) -> RunOutcome:
        """Everything that can happen to a job, as a value."""
        async with self.batches:
            return await self._run(job)

    async def _run(self, job: Job) -> RunOutcome:
        table = job.table.id
        replay = job.replay is not None
        record = RunRecord(table, self.progress, self.telemetry, replay)
        with self.telemetry.bound(run_id=self.recorder.run_id, table=str(table)):
            self.progress.started(table)
            with accounted(record.work):
                outcome, error = await self._attempt(job, record)
            await self.recorder.ended(outcome, record)
            self.telemetry.outcome(outcome, error)
            self.progress.finished(table, outcome.status.value, summary(outcome))
        return outcome

    async def _attempt(
        self, job: Job, record: RunRecord
    ) -> tuple[RunOutcome, BaseException | None]:
        try:
            state = await self.states.state(job.table.id)
            refused = refusal(job, state)
            if refused is not None:
                return record.skipped(*refused), None
            async with self.admission.reserve(need(state)):
                return await self._locked(job, record), None
        except asyncio.CancelledError as error:
            outcome = record.cancelled()
            await asyncio.shield(self.recorder.ended(outcome, record))
            self.telemetry.outcome(outcome, error)
            raise
        except CdcError as error:
            return record.failed(error, _guards(error)), error
        except Exception as error:  # noqa: BLE001 - the boundary: a bug in one table is its own
            return record.broken(error), error

    async def _locked(self, job: Job, record: RunRecord) -> RunOutcome:
        async with self.locks.hold(job.table.id) as lock:
            if job.seen_epoch is not None:
                epoch = (await self.states.state(job.table.id)).epoch
                if epoch != job.seen_epoch:
                    return record.skipped("done by another process", "None.", False)
            pipeline = self.pipelines[job.table.id.source]
            promoted = await while_held(lock, job.table.id, pipeline.run(job, record))
            await self._sweep(pipeline, job)
        return record.succeeded(promoted)

    async def _sweep(self, pipeline: Pipeline, job: Job) -> None:
        try:
            await pipeline.target.sweep(job.table)
        except CdcError as error:  # the batch is history; the next one sweeps again
            self.telemetry.unrecorded(error)


def refusal(job: Job, state: TableState) -> tuple[str, str, bool] | None:
    """Why the job does not run now: reason, remedy, and whether the table is held."""
    accepted = widened(job.accepted)
    if state.held is not None and not (state.held_guards and state.held_guards <= accepted):
        return (
            f"held: {state.held}",
            remedy_of_hold(job.table.id, state.held_guards),
            True,
        )
    if state.paused and not job.force:
        return "paused", f"`cdc-daemon resume {job.table.id}` lets it run again.", False
    return None


async def while_held(lock: HeldLock, table: TableId, work: Coroutine[Any, Any, T]) -> T:
    """The work's result; its loss of the lock cancels the work (law 2).

    Raises:
        LockLost: the lock's connection went before the work was done.
    """
    running, lost = asyncio.ensure_future(work), asyncio.ensure_future(lock.lost())
    try:
        await asyncio.wait({running, lost}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
        running.cancel()
        await asyncio.wait({running})
        if not running.cancelled() and running.exception() is None:
            return running.result()  # it was done before the cancellation reached it
        raise LockLost(f"{table}: the connection that held the lock is gone")
    finally:
        lost.cancel()
        running.cancel()
        await asyncio.wait({running, lost})
        for ended in (running, lost):
            if not ended.cancelled():
                ended.exception()  # told by whoever cancelled us; asyncio need not log it


def _guards(error: CdcError) -> tuple[Guard, ...]:
    return tuple(Guard(name) for name in error.guards) if isinstance(error, GuardTripped) else ()


def summary(outcome: RunOutcome) -> str:
    """One sentence for a person: counts, or what went wrong."""
    if outcome.counts is None or outcome.error is not None:
        return outcome.error or ""
    n = outcome.counts
    seldom = (("rewritten", n.rewritten), ("quarantined", n.quarantined), ("filtered", n.filtered))
    return (
        f"{n.extracted:,} rows: {n.inserted:,} inserted, {n.updated:,} updated, "
        f"{n.reopened:,} reopened, {n.deleted:,} deleted"
    ) + "".join(f", {rows:,} {word}" for word, rows in seldom if rows)


def exit_worthy(outcome: RunOutcome) -> bool:
    """Whether ``once`` ends with a failure because of this table."""
    return outcome.status is Status.FAILED or (outcome.status is Status.SKIPPED and outcome.held)
