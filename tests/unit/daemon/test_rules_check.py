"""Rules of transformation against catalogs, beside the work: told, and nothing else (law 8)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from cdc_daemon.daemon.generations import Generations
from cdc_daemon.daemon.reload import Reloader
from cdc_daemon.daemon.rules import fit, idle, idle_issue
from cdc_daemon.daemon.rules_check import RulesCheck
from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.memory.source import MemorySource, MemoryTable
from cdc_daemon.model.table import RuleSpec
from cdc_daemon.schema.types import Integer, Text
from cdc_daemon.transformation.tables import rules_of_tables
from tests.factories import make_frame, make_table
from tests.support.house import Seen, table
from tests.support.metrics import make_snapshot
from tests.support.virtual_time import settled, until

COLUMNS = {"ID": Integer(64), "NAME": Text(), "EMAIL": Text()}


def rule(use="mask", origin="c.yaml:1", **given):
    options = {"kind": "all"} if use == "mask" else {}
    return RuleSpec(use=use, origin=origin, **{"options": options} | given)


SHARED = rule(pattern="E.*", shared=True)
IDLE = rule(origin="c.yaml:2", pattern="SSN", shared=True)
ABSENT = rule(origin="c.yaml:3", column="EMIAL")
IDLE_SAID = "the rule at c.yaml:2 is for no column of any table"


def rules_of(*specs):
    return rules_of_tables(specs, str).of


class Counted(MemorySource):
    """Counts its sessions; ``go_on`` holds them open."""

    def __init__(self):
        super().__init__()
        self.asked, self.open, self.most = [], 0, 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    @asynccontextmanager
    async def read(self, spec):
        self.asked.append(spec.id.name)
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            await self.go_on.wait()
            async with super().read(spec) as reading:
                yield reading
        finally:
            self.open -= 1


class Site:
    """The service over sources in memory; ``configure`` is what a reload brings."""

    def __init__(self, *specs):
        self.specs = list(specs)
        self.sources = {name: Counted() for name in ("core", "hr")}
        self.broken = None
        self.reloader = Reloader(
            make_snapshot(specs), self._load, lambda _old, _new: (), Seen(), self._reloaded
        )
        self.generations = Generations(self._opened)
        self.check = RulesCheck(self.generations, self.reloader)
        self.has(*specs)

    def has(self, *specs, columns=None):
        """The sources have these tables."""
        shape = make_table(columns or COLUMNS)
        for spec in specs:
            rows = make_frame(shape.columns, [])
            self.sources[spec.id.source].tables[spec.id] = MemoryTable(shape, rows)

    @asynccontextmanager
    async def _opened(self, version):
        if self.broken is not None:
            raise self.broken
        yield _Wired(self.sources, rules_of(*self.reloader.snapshot(version).tables))

    def _load(self, version):
        return make_snapshot(tuple(self.specs), version)

    def _reloaded(self):
        self.check.ask()

    async def reload(self, *specs):
        self.specs = list(specs)
        self.has(*specs)
        self.reloader.ask()
        await self.done()

    async def done(self):
        """Everything was looked at."""
        await settled()
        await until(lambda: not any(source.open for source in self.sources.values()))
        await settled()

    @property
    def asked(self):
        return [name for source in self.sources.values() for name in source.asked]


class _Wired:
    def __init__(self, sources, rules):
        self.sources, self.rules = sources, rules


@asynccontextmanager
async def serving(site):
    """The reloader and the service at work; what they log."""
    with capture_logs() as logs:
        tasks = [asyncio.create_task(one.run()) for one in (site.reloader, site.check)]
        await settled()
        yield logs
        await settled()
        for task in tasks:
            assert not task.done()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def said(logs):
    return [
        (str(log.get("table", "")), log["message"].text)
        for log in logs
        if log["log_level"] == "error"
    ]


def test_a_table_s_rules_are_judged():
    """What does not fit is told, and which shared rules are for some column."""
    spec = table("a", rules=(SHARED, IDLE, ABSENT))
    found = fit(spec, rules_of(spec)[spec.id], make_table(COLUMNS))
    assert found.issues == (
        (
            "the rule at c.yaml:3: unknown column 'EMIAL'; is it 'EMAIL'?"
            " (there are: ID, NAME, EMAIL)"
        ),
    )
    assert found.used == {SHARED}


@pytest.mark.parametrize(
    "given", [{"column": "SSN"}, {"pattern": "SSN"}, {"types": frozenset({"json"})}]
)
def test_a_shared_rule_that_is_for_nothing_is_found(given):
    """By whatever it names columns; one table that has such a column is enough."""
    other = rule(shared=True, **given)
    a, b = table("a", rules=(SHARED, other)), table("b", rules=(other,))
    known = {one.id: fit(one, rules_of(one)[one.id], make_table(COLUMNS)) for one in (a, b)}
    assert [*idle((a, b), known)] == [other]
    assert idle_issue(other) == "the rule at c.yaml:1 is for no column of any table"
    assert [*idle((a, b), {a.id: known[a.id]})] == []  # nobody knows of the other


def test_presets_and_filters_may_be_for_nothing():
    """Presets find what there is; filters are for rows."""
    keep = rule("filter", shared=True, options={"keep": {"column": "ID", "equals": 1}})
    preset = rule("pii", shared=True, options={"key": "a key of sixteen bytes"})
    spec = table("a", rules=(keep, preset))
    known = {spec.id: fit(spec, rules_of(spec)[spec.id], make_table({"ID": Integer(64)}))}
    assert [*idle((spec,), known)] == []


@pytest.mark.asyncio
async def test_every_issue_is_logged_at_start():
    """Tables by name, issues by column and place; a table without rules is not looked at."""
    a, b = table("a", rules=(SHARED, IDLE, ABSENT)), table("b", source="hr", rules=(SHARED, IDLE))
    site = Site(a, b, table("c"))
    async with serving(site) as logs:
        await site.done()
    assert sorted(site.asked) == ["a", "b"]
    assert {log["event"] for log in logs} == {"rules do not fit", "rule for no column"}
    (of_a, of_all) = said(logs)
    assert of_a[0] == "core.public.a"
    assert of_a[1].startswith("the rule at c.yaml:3: unknown column 'EMIAL'")
    assert of_all == ("", IDLE_SAID)


@pytest.mark.asyncio
async def test_a_reload_looks_at_what_is_new_only():
    """New tables, and those whose rules changed; what was told is not told again."""
    a, b = table("a", rules=(SHARED, IDLE)), table("b", rules=(SHARED, IDLE))
    site = Site(a, b)
    async with serving(site) as logs:
        await site.done()
        assert said(logs) == [("", IDLE_SAID)]
        await site.reload(a, table("b", rules=(SHARED, IDLE, ABSENT)), table("c", rules=(IDLE,)))
        assert site.asked == ["a", "b", "b", "c"]
        assert [table for table, _ in said(logs)] == ["", "core.public.b"]
        await site.reload(a, b)
    assert site.asked == ["a", "b", "b", "c", "b"]
    assert len(said(logs)) == 2


@pytest.mark.asyncio
async def test_one_session_of_a_source_at_a_time():
    """Batches keep the others; sources do not wait for each other."""
    specs = [
        table(f"t{n}", source=source, rules=(SHARED,))
        for n in range(5)
        for source in ("core", "hr")
    ]
    site = Site(*specs)
    for source in site.sources.values():
        source.go_on.clear()
    async with serving(site):
        assert [source.open for source in site.sources.values()] == [1, 1]
        for source in site.sources.values():
            source.go_on.set()
        await site.done()
    assert [source.most for source in site.sources.values()] == [1, 1]
    assert len(site.asked) == 10


@pytest.mark.asyncio
async def test_a_reload_ends_the_look_at_the_configuration_before():
    """What is no longer in force is not looked at any further."""
    old = [table(f"t{n}", rules=(SHARED,)) for n in range(3)]
    site = Site(*old)
    site.sources["core"].go_on.clear()
    async with serving(site):
        site.specs = [new := table("new", rules=(SHARED,))]
        site.has(new)
        site.reloader.ask()
        await until(lambda: site.reloader.current.version == 2)
        site.sources["core"].go_on.set()
        await site.done()
    assert site.asked == ["t0", "new"]


@pytest.mark.asyncio
async def test_a_database_that_is_down_is_no_issue():
    """Nothing is told, also not of shared rules, of which nobody knows; the next reload looks."""
    a = table("a", rules=(IDLE, ABSENT))
    site = Site(a)
    site.sources["core"].failure = DatabaseUnavailable("down")
    async with serving(site) as logs:
        await site.done()
        assert logs == []
        site.sources["core"].failure = None
        await site.reload(a)
    assert len(said(logs)) == 2


@pytest.mark.asyncio
async def test_a_table_that_is_not_there_is_no_issue_of_its_rules():
    """Its batch tells; others are looked at."""
    gone, there = table("gone", rules=(ABSENT,)), table("there", rules=(ABSENT,))
    site = Site(gone, there)
    del site.sources["core"].tables[gone.id]
    async with serving(site) as logs:
        await site.done()
    assert [table for table, _ in said(logs)] == ["core.public.there"]


@pytest.mark.asyncio
async def test_a_look_that_fails_stops_nothing():
    """Law 8: whatever a driver fails of, the service goes on, and says what kind it was."""
    site = Site(table("a", rules=(ABSENT,)))
    site.broken = KeyError("hunter2")
    async with serving(site) as logs:
        await site.done()
        site.broken = None
        await site.reload(*site.specs)
    first, second = logs
    assert (first["event"], first["error_kind"]) == ("rules not checked", "KeyError")
    assert "hunter2" not in str(first)
    assert second["event"] == "rules do not fit"
