"""Writers of one table in any order, in memory, without a lock: the fence alone keeps the laws."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cdc_daemon.errors import DatabaseUnavailable, LostRace
from cdc_daemon.extract.landing import LandingArea
from cdc_daemon.scd2.invariants import violations
from tests.contract.engines.base import WIDE, Row, Specs, version_frame
from tests.contract.engines.memory import MemoryEngine
from tests.laws.bench import as_of
from tests.laws.histories import LAWS, contents
from tests.laws.model import Model
from tests.laws.writers import Writer

STEPS = [timedelta(microseconds=1), timedelta(seconds=1), timedelta(0), timedelta(seconds=-20)]
SECOND = timedelta(seconds=1)
A, B, B2 = ("a", "", "x", 1, None), ("b", "", "x", 1, None), ("b", "", "y", 1, None)
PLACES = st.integers(0, 2)
MOST_CALLS = 8
"""What a whole batch takes."""


@dataclass(slots=True)
class Seen:
    """What a writer saw on its way, by the test's own book."""

    promotes_at_start: int
    rows: tuple[Row, ...] = ()
    promotes_at_read: int = -1
    promotes_at_prepare: int = -1
    begun: int = -1
    """How many batches had begun when its own did."""
    read_at: Any = None


class World:
    """A table in memory, its writers, and the book that the test keeps of them."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.landings = LandingArea(self.folder.name)
        self.engine = MemoryEngine()
        self.spec = Specs().fresh()
        self.run(self.engine.create(self.spec, WIDE))
        self.rows: tuple[Row, ...] = ()
        self.model = Model(len(WIDE.key))
        self.promotes = self.begun = 0
        self.captured: list[tuple[Any, tuple[Row, ...]]] = []
        self.writers: dict[Writer, Seen] = {}

    def close(self) -> None:
        for writer in self.writers:
            self.run(writer.killed())
        self.landings.close()
        self.folder.cleanup()
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def put(self, rows: tuple[Row, ...]) -> None:
        self.rows = rows
        self.run(self.engine.put(self.spec, rows))

    def start(self) -> Writer:
        async def started() -> Writer:
            target = self.engine.target
            writer = Writer(
                self.spec, self.engine.source, target, self.engine.batches, self.landings
            )
            await writer.arrive()
            return writer

        writer = self.run(started())
        self.writers[writer] = Seen(self.promotes)
        return writer

    def step(self, writer: Writer) -> None:
        """One call of one writer, entered in the book."""
        seen, call = self.writers[writer], writer.gate.at
        match call:
            case "read":
                seen.rows, seen.promotes_at_read = self.rows, self.promotes
            case "now":
                seen.read_at = self.engine.target.clock
            case "prepare":
                seen.promotes_at_prepare = self.promotes
            case "begin":
                self.begun += 1
                seen.begun = self.begun
        self.run(writer.step())
        if writer.ended:
            self._ended(writer, seen)

    def _ended(self, writer: Writer, seen: Seen) -> None:
        del self.writers[writer]
        overtaken = self.promotes > seen.promotes_at_prepare or self.begun > seen.begun
        error = writer.task.exception()
        if error is not None:
            assert isinstance(error, LostRace), error
            assert overtaken or self.promotes > seen.promotes_at_start
            return
        assert not overtaken, "a writer that was overtaken must lose the race (law 2)"
        assert self.promotes == seen.promotes_at_read, "an earlier read overwrote a later one"
        promoted = writer.task.result()
        assert self.model.promote(seen.rows, seen.read_at) == promoted.instant
        self.promotes += 1
        self.captured.append((promoted.instant, seen.rows))

    def check(self) -> None:
        """Bronze is what the book says, whoever is on the way (laws 3, 4 and 7)."""
        versions = self.run(self.engine.versions(self.spec, WIDE))
        spans = [(s.key, s.row, s.operation, s.begins, s.ends) for s in self.model.in_order()]
        assert [(v.key, v.row, v.operation, v.valid_from, v.valid_to) for v in versions] == spans
        assert violations(version_frame(versions, WIDE), WIDE.key).total == 0
        for instant, rows in self.captured:
            assert as_of(versions, instant) == sorted(rows, key=repr)


class Interleavings(RuleBasedStateMachine):
    """Any order of steps, failures and kills; the source changes and the clock steps meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.places: dict[int, Writer] = {}

    def teardown(self) -> None:
        self.world.close()

    def at_work(self, place: int) -> Writer:
        """The writer at this place; a new one where the last has ended."""
        if place not in self.places or self.places[place].ended:
            self.places[place] = self.world.start()
        return self.places[place]

    @rule(rows=contents)
    def the_source_changes(self, rows: tuple[Row, ...]) -> None:
        self.world.put(rows)

    @rule(step=st.sampled_from(STEPS))
    def time_goes_by(self, step: timedelta) -> None:
        last = self.world.model.last
        target = self.world.engine.target
        target.clock += step
        if last is not None:  # skew is another test's: there it stops the table
            target.clock = max(target.clock, last - timedelta(minutes=4))

    @rule(place=PLACES, calls=st.integers(1, MOST_CALLS))
    def a_writer_goes_on(self, place: int, calls: int) -> None:
        writer = self.at_work(place)
        for _ in range(calls):
            if not writer.ended:
                self.world.step(writer)

    @rule(rows=contents, place=PLACES)
    def a_writer_goes_to_its_end(self, rows: tuple[Row, ...], place: int) -> None:
        self.world.put(rows)
        writer = self.at_work(place)
        while not writer.ended:
            self.world.step(writer)

    @rule(place=PLACES)
    def a_database_goes_away(self, place: int) -> None:
        writer = self.at_work(place)
        self.world.writers.pop(writer)
        self.world.run(writer.step(DatabaseUnavailable("it is down")))
        assert isinstance(writer.task.exception(), DatabaseUnavailable)

    @rule(place=PLACES)
    def a_writer_is_killed(self, place: int) -> None:
        writer = self.at_work(place)
        self.world.writers.pop(writer)
        self.world.run(writer.killed())

    @invariant()
    def the_laws_hold(self) -> None:
        self.world.check()


TestInterleavings = Interleavings.TestCase
TestInterleavings.__doc__ = Interleavings.__doc__
TestInterleavings.settings = settings(
    LAWS,
    max_examples=20,
    stateful_step_count=30,
    # every step is a real one, so that shrinking a failure would take minutes
    phases=[Phase.explicit, Phase.generate],
)


@pytest.mark.parametrize("later", [[A, B2], [A]], ids=["updated", "deleted"])
def test_an_earlier_read_never_overwrites_a_later_one(later: list[Row]) -> None:
    """A snapshot that is older than a batch in place loses, though its fence was read after it."""
    world = World()
    try:
        world.put((A, B))
        world.run(world.start().finish())
        world.engine.target.clock += SECOND
        slow = world.start()
        world.run(slow.until("prepare"))  # it has its snapshot and its instant
        world.put(tuple(later))
        world.engine.target.clock += SECOND
        world.run(world.start().finish())
        with suppress(LostRace):
            world.run(slow.finish())
        versions = world.run(world.engine.versions(world.spec, WIDE))
        assert [v.row for v in versions if v.valid_to is None] == later
    finally:
        world.writers.clear()
        world.close()
