"""A table whose rules of transformation change from batch to batch, and rows for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from cdc_daemon.cdc.row_hash import key_digest
from cdc_daemon.memory.source import MemoryTable
from cdc_daemon.model.run import Job, Promoted
from cdc_daemon.model.table import RuleChange, RuleSpec
from cdc_daemon.scd2.invariants import violations
from cdc_daemon.transformation.configured import built
from tests.contract.engines.base import Row, version_frame
from tests.contract.engines.flow import Flow, Silent
from tests.factories import make_frame
from tests.laws.bench import replayed

SECOND = timedelta(seconds=1)
KEY = "a key of at least sixteen bytes"
A = ("a", "1", "ann@example.com", 1, Decimal("1.50"))
B = ("b", "2", "bob@example.com", 2, Decimal("2.50"))
C = ("c", "3", "12", 3, None)
D = ("d", "4", None, None, None)
MASKED_A = ("a", "1", "a**@example.com", 1, Decimal("1.50"))
MASKED_B = ("b", "2", "b**@example.com", 2, Decimal("2.50"))


def rule(use: str, column: str | None = None, **options: Any) -> RuleSpec:
    return RuleSpec(use=use, origin=f"the rule of {column}", column=column, options=options)


MASK = rule("mask", "v", kind="email")


def hashed(column: str, key: str = KEY) -> RuleSpec:
    return rule("hash", column, key=key, truncate=32)


def refusing(unmatched: str = "reject") -> RuleSpec:
    """A mask that rejects what is no address of an e-mail."""
    return rule("mask", "v", kind="email", unmatched=unmatched)


@dataclass(slots=True)
class Ruled:
    """A table whose rules a test changes from batch to batch."""

    flow: Flow

    def has(self, *rules: RuleSpec, choice: RuleChange = RuleChange.ASK, **guards: float) -> None:
        """From now on."""
        made, issues = built(rules, lambda _: KEY)
        assert not issues
        spec = self.flow.spec
        limits = replace(spec.guards, **guards)
        self.flow.spec = replace(spec, rules=rules, on_rule_change=choice, guards=limits)
        self.flow.pipeline = replace(self.flow.pipeline, rules={spec.id: made})

    async def run(self, rows: Sequence[Row], **job: Any) -> Promoted:
        """A batch, by all the steps of a run."""
        flow = self.flow
        flow.target.clock += SECOND
        frame = make_frame(flow.table.columns, rows)
        flow.source.tables[flow.spec.id] = MemoryTable(flow.table, frame)
        return await flow.pipeline.run(Job(table=flow.spec, **job), Silent())

    async def open_rows(self) -> list[Row]:
        return await self.flow.open_rows()

    async def quarantined(self) -> list[tuple[int | None, str | None, str]]:
        found = await self.flow.pipeline.quarantine.open(self.flow.spec.id)
        return [(r.key, r.column, r.reason) for r in (one.rejection for one in found)]

    def digest(self, row: Row) -> int:
        """Of its key as it is."""
        frame = make_frame(self.flow.table.columns, [row])
        return int(key_digest(frame, self.flow.table.key_columns).item())

    async def replayed(self, first: Sequence[Row]) -> list[Row]:
        return replayed(first, await self.flow.feed())

    async def lawful(self) -> None:
        """Law 3."""
        versions = version_frame(await self.flow.versions(), self.flow.shape)
        assert violations(versions, self.flow.shape.key).total == 0
