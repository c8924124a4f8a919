"""Laws 3, 4 and 5 over random histories, on every engine."""

from __future__ import annotations

from dataclasses import replace

from cdc_daemon.scd2.invariants import violations
from tests.contract.engines.base import WIDE, Version, version_frame
from tests.laws.bench import BEGIN, Bench, as_of, replayed
from tests.laws.histories import FORWARD, Moment, histories
from tests.laws.model import MICROSECOND, Model, Skewed


def test_time_travel(bench: Bench) -> None:
    """Law 4: as of every batch, from its instant until the next one's, bronze is what it captured."""

    def law(history: list[Moment]) -> None:
        life = bench.live(history)
        for n, batch in enumerate(life.captured):
            rows = sorted(batch.rows, key=repr)
            assert as_of(life.versions, batch.promoted.instant) == rows
            if n + 1 < len(life.captured):
                until = life.captured[n + 1].promoted.instant - MICROSECOND
                assert as_of(life.versions, until) == rows
        assert len(life.captured) + life.refused == len(history)

    bench.for_all(histories(), law)


def test_versions_never_overlap(bench: Bench) -> None:
    """Law 3: one open version a key, no overlap, no empty interval, after every batch."""

    def law(history: list[Moment]) -> None:
        for batch in bench.live(history).captured:
            assert violations(version_frame(batch.after, WIDE), WIDE.key).total == 0

    bench.for_all(histories(), law)


def test_running_again_changes_nothing(bench: Bench) -> None:
    """Law 5: the same source, read once more, gives no new version."""

    def law(history: list[Moment]) -> None:
        life = bench.live(again for moment in history for again in (moment, replace(moment)))
        by_rows = [life.captured[n : n + 2] for n in range(0, len(life.captured), 2)]
        for once, twice in by_rows:
            assert twice.after == once.after
            assert (twice.promoted.counts.opened, twice.promoted.counts.closed) == (0, 0)
            assert twice.promoted.counts.unchanged == len(once.rows)

    bench.for_all(histories(FORWARD, batches=3), law)


def test_history_only_grows(bench: Bench) -> None:
    """Law 1: a batch closes open versions and adds new ones; what is closed is never touched."""

    def law(history: list[Moment]) -> None:
        before: list[Version] = []
        for batch in bench.live(history).captured:
            closed = [v for v in before if v.valid_to is not None]
            assert [v for v in batch.after if v in closed] == closed
            kept = {(v.key, v.valid_from, v.row) for v in batch.after}
            assert {(v.key, v.valid_from, v.row) for v in before} <= kept
            before = batch.after

    bench.for_all(histories(), law)


def test_the_change_feed_replays_to_the_open_rows(bench: Bench) -> None:
    """Whoever took the first load and applies the feed batch by batch has what bronze has."""

    def law(history: list[Moment]) -> None:
        life = bench.live(history)
        loads = [batch for batch in life.captured if batch.rows]
        for batch in loads[:1]:
            for later in life.captured[life.captured.index(batch) :]:
                number = later.promoted.batch.number
                fed = [f for f in life.feed if f.batch <= number]
                assert replayed(batch.rows, fed) == as_of(life.versions, later.promoted.instant)

    bench.for_all(histories(), law)


def test_history_is_what_the_model_says(bench: Bench) -> None:
    """Every version, operation, instant and fed row is that of the oracle, clock steps included."""

    def law(history: list[Moment]) -> None:
        model, clock, refused = Model(len(WIDE.key)), BEGIN, 0
        life = bench.live(history)
        for moment in history:
            clock += moment.step
            try:
                model.promote(moment.rows, clock)
            except Skewed:
                refused += 1
        assert refused == life.refused
        assert [_span(v) for v in life.versions] == [
            (s.key, s.row, s.operation, s.begins, s.ends, s.closed_by) for s in model.in_order()
        ]
        assert [(f.row, f.operation, f.changed_at) for f in life.feed] == model.feed

    bench.for_all(histories(), law)


def test_memory_and_databases_make_one_history(memory_bench: Bench, other_bench: Bench) -> None:
    """The same batches give the same versions, to the hash and the microsecond, on any engines."""

    def law(history: list[Moment]) -> None:
        ours, theirs = memory_bench.live(history), other_bench.live(history)
        assert _numbered(ours.versions) == _numbered(theirs.versions)
        assert [replace(f, batch=0) for f in ours.feed] == [
            replace(f, batch=0) for f in theirs.feed
        ]
        assert [b.promoted.counts for b in ours.captured] == [
            b.promoted.counts for b in theirs.captured
        ]

    other_bench.for_all(histories(), law)


def _span(version: Version):
    return (
        version.key,
        version.row,
        version.operation,
        version.valid_from,
        version.valid_to,
        version.closed_by,
    )


def _numbered(versions: list[Version]) -> list[Version]:
    """Batches by their order: numbers differ from server to server."""
    numbers = sorted({n for v in versions for n in (v.batch, v.closed_batch) if n is not None})
    order = {number: n for n, number in enumerate(numbers)}
    return [
        replace(v, batch=order[v.batch], closed_batch=order.get(v.closed_batch)) for v in versions
    ]
