"""Tells the story on the terminal: short plain text, and tables.

Law: where the output is no terminal it is plain text, without colours and without cut columns.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cdc_daemon.cli.demo_shop.play import Act, Verdict
from cdc_daemon.cli.demo_shop.queries import FEED, HISTORY, NOW, Answer
from cdc_daemon.cli.demo_shop.story import SOURCE, TABLES, WAREHOUSE
from cdc_daemon.model.change import Counts
from cdc_daemon.model.event import WHOLE_RUN

_COUNTED: Final = ("inserted", "updated", "deleted", "reopened", "unchanged")


class Teller:
    """Says each part of the story."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self) -> None:
        """What the reader is about to see."""
        self._heading("cdc-daemon demo")
        self._say(
            "A small shop keeps its data in PostgreSQL. cdc-daemon copies four of its tables",
            "into a warehouse and keeps every version of every row. From the shop it needs",
            "SELECT and nothing else: no triggers, no log, no columns of its own.",
        )

    def act(self, act: Act) -> None:
        """What happened in the shop, and what the batches made of it."""
        self._heading(f"Batch {act.number}: {act.chapter.title}")
        for event in act.chapter.events:
            self._say(f"- {event}")
        shown = _table(("table", *_COUNTED, "seconds", "_batch_id"), numbers=range(1, 8))
        for name, outcome in act.outcomes.items():
            counts = outcome.counts or Counts()
            cells = (f"{getattr(counts, each):,}" for each in _COUNTED)
            shown.add_row(
                name,
                *(Text(cell, style="dim" if cell == "0" else "") for cell in cells),
                f"{outcome.seconds.get(WHOLE_RUN, 0.0):.2f}",
                str(outcome.batch_id),
            )
        self._show(shown)

    def failed(self, act: Act) -> None:
        """Why the story ends early."""
        for outcome in act.failures:
            self._say(f"{outcome.table} {outcome.status.value}: {outcome.error}", style="red")
            self._say(f"remedy: {outcome.remedy}")

    def history(self, answer: Answer) -> None:
        """Every version of three customers."""
        self._heading("Every version is kept: three customers")
        self._say(
            "A version holds from _valid_from until just before _valid_to (UTC); NULL: it is",
            "the one that holds now. _operation says why it opened: I new, U updated,",
            "R reopened after a delete; _closed_by what ended it: U an update, D a delete.",
        )
        self._query(HISTORY)
        self._answer(
            ("name", "city", "email", "_valid_from", "_valid_to", "_operation", "_closed_by"),
            answer,
        )

    def time_travel(self, asked: str, answers: Sequence[tuple[str, Answer]]) -> None:
        """The same question as of several moments."""
        self._heading("Time travel: the same question, as of then and now")
        self._query(asked)
        self._console.print()
        self._say("For now there is a view that looks like the shop's own table:")
        self._query(NOW)
        rows = [(when, *row) for when, answer in answers for row in answer]
        self._answer(("as of", "id", "name", "city", "email"), rows)

    def feed(self, answer: Answer) -> None:
        """What a downstream job reads."""
        self._heading("The change feed: what a downstream job reads next")
        self._say(
            "Stage holds what changed, batch by batch; deletes with the last known values.",
            "A job that remembers the last _batch_id it saw reads on from there. The first",
            "load, and batches that change nothing, leave no rows here.",
        )
        self._query(FEED)
        self._answer(("_batch_id", "_operation", "id", "name", "city", "email"), answer)

    def proof(self, acts: Sequence[Act], verdicts: Sequence[Verdict]) -> bool:
        """Whether all that was shown holds; says so."""
        self._heading("The proof")
        self._say(
            "Before each batch the demo noted what the shop held. Now it compares bronze,",
            "as of each batch, with those notes, value by value. Rows that are equal:",
        )
        shown = _table(
            ("table", *(f"as of batch {act.number}" for act in acts)), numbers=range(1, 9)
        )
        for table in TABLES:
            shown.add_row(table.name, *(_verdict(v) for v in verdicts if v.table == table.name))
        self._show(shown)
        self._console.print()
        wrong = [f"bronze, {v.table} as of batch {v.act}" for v in verdicts if v.differences]
        wrong += [
            f"counts, {name} in batch {act.number}" for act in acts for name in act.miscounted
        ]
        for each in wrong:
            self._say(f"Does not hold: {each}", style="bold red")
        if not wrong:
            self._say(
                "Everything is equal, and the counts of all batches agree with the notes.",
                style="bold green",
            )
        return not wrong

    def keep(self, dsn: Callable[[str], str], config: Path) -> None:
        """How to reach what was made, for as long as the server runs."""
        self._heading("Yours until Ctrl-C")
        file = shlex.quote(str(config))
        self._say(
            "From another terminal:",
            "",
            *(f"  psql {shlex.quote(dsn(name))}" for name in (WAREHOUSE, SOURCE)),
            f"  cdc-daemon status --config {file}",
            f"  cdc-daemon once --config {file}",
            "",
            "Change a row in the shop, run `once`, and ask bronze.shop_customers about it.",
        )

    def _heading(self, text: str) -> None:
        self._console.print(f"\n{text}", style="bold cyan", soft_wrap=True)

    def _say(self, *lines: str, style: str = "") -> None:
        for line in lines:
            self._console.print(line, style=style, soft_wrap=True)

    def _query(self, sql: str) -> None:
        self._console.print()
        self._say(*(f"    {line}" for line in sql.splitlines()), style="dim")

    def _show(self, shown: Table) -> None:
        self._console.print()
        self._console.print(shown)

    def _answer(self, titles: Sequence[str], rows: Answer) -> None:
        """Rows as a table; a gap where the first column changes."""
        shown = _table(titles)
        last: object = None
        for row in rows:
            if last is not None and row[0] != last:
                shown.add_section()
            last = row[0]
            shown.add_row(*(_cell(value) for value in row))
        self._show(shown)


def _table(titles: Iterable[str], numbers: Iterable[int] = ()) -> Table:
    shown = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        header_style="bold",
    )
    right = frozenset(numbers)
    for position, title in enumerate(titles):
        shown.add_column(title, justify="right" if position in right else "left", overflow="fold")
    return shown


def _cell(value: object) -> Text:
    if value is None:
        return Text("NULL", style="dim")
    if isinstance(value, datetime):
        return Text(value.strftime("%H:%M:%S.%f")[:-3])
    return Text(str(value))


def _verdict(verdict: Verdict) -> Text:
    if verdict.differences:
        return Text(f"{verdict.differences:,} differ", style="bold red")
    return Text(f"{verdict.rows:,}", style="green")
