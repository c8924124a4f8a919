"""What the daemon tells of itself, as JSON and as a page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from cdc_daemon.daemon.status import DaemonStatus, TableStatus, document
from cdc_daemon.daemon.status_page import MOST_TABLES, page
from cdc_daemon.model.change import Counts
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.run import Status
from cdc_daemon.model.table import TableId
from tests.factories import make_spec
from tests.support.http import make_status, make_table_status, serving
from tests.support.metrics import LANES, NOW, make_outcome, make_specs

NASTY = "<script>alert('x')</script>\"&"
VOID = {"meta", "link", "br"}


class Elements(HTMLParser):
    """Elements, attributes and text of a document; complains where tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.asyncio
async def test_status_tells_of_daemon_lanes_and_tables():
    """The document names version, uptime, generation, lanes, and what is known of each table."""
    async with serving() as served:
        served.readiness.why = ("draining",)
        status, text, headers = await served.get("/status")
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    found = json.loads(text)
    assert found["version"] == "1.2.3"
    assert found["uptime_seconds"] == 4_000
    assert found["config"] == {"generation": 2, "digest": "ab" * 32}
    assert (found["ready"], found["not_ready_because"]) == (False, ["draining"])
    assert found["lanes"] == [{"name": "small", "depth": 3, "size": 64, "workers": 4, "busy": 2}]
    well, held, failing = found["tables"]
    assert well["table"] == "core.dbo.T0"
    assert (well["state"], well["lag_seconds"], well["due"]) == ("active", 60, False)
    assert well["due_at"] == (NOW + timedelta(minutes=14)).isoformat()
    assert well["last_batch"]["seconds"]["extract"] == 0.2
    assert well["last_batch"]["inserted"] == 1
    assert (held["held"], held["due_at"], held["lag_seconds"]) == (True, None, None)
    assert held["held_reason"].startswith("core.dbo.T1: guard deletes")
    assert (failing["state"], failing["queued"], failing["due"]) == ("failing", True, True)
    assert failing["last_batch"]["error_kind"] == "DatabaseUnavailable"


@pytest.mark.parametrize(
    ("word", "state", "given"),
    [
        ("active", {}, {}),
        ("queued", {}, {"queued": True}),
        ("failing", {"failures": 1}, {"queued": True}),
        ("paused", {"paused": True, "failures": 1}, {}),
        ("running", {"paused": True}, {"running": True}),
        ("held", {"held": "x", "paused": True}, {"running": True}),
    ],
)
def test_the_first_word_is_what_matters_most(word, state, given):
    """Of several things that hold of a table, the one an operator must know comes first."""
    (spec,) = make_specs(1)
    state = TableState(table=spec.id, **state)
    assert TableStatus(spec=spec, state=state, **given).word == word


@pytest.mark.asyncio
async def test_the_page_needs_nothing_from_elsewhere():
    """No script, no address, no inline style; the policy allows the page's own style sheet only."""
    async with serving() as served:
        status, text, headers = await served.get("/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    found = Elements(text)
    assert not {"script", "img", "iframe", "form", "a"} & set(found.tags)
    names = {name for name, _ in found.attributes}
    assert not {"src", "style", "onclick"} & names
    assert [value for name, value in found.attributes if name == "href"] == ["data:,"]
    assert not re.search(r"https?://|url\(|@import", text)


@pytest.mark.asyncio
async def test_the_page_shows_trouble_first_and_the_remedy():
    """Tables in trouble come first, with the reason and what to do."""
    async with serving() as served:
        _, text, _ = await served.get("/")
    rows = re.findall(r"class=name>(core\.dbo\.T\d)<", text)
    assert rows == ["core.dbo.T1", "core.dbo.T2", "core.dbo.T0"]
    shown = " ".join(Elements(text).texts)
    assert "2 in trouble" in shown
    assert "cdc-daemon release core.dbo.T1" in shown
    assert "Check that the database is up." in shown
    assert "small" in shown


def test_rows_in_quarantine_are_told_with_where_to_look():
    """Of the tables that have some, by what the last run of this process left out."""
    bad, good = make_specs(2)
    tables = tuple(
        make_table_status(spec=spec, last=make_outcome(spec, counts=Counts(quarantined=rows)))
        for spec, rows in ((bad, 1_234), (good, 0))
    )
    status = make_status(tables=tables)
    shown = " ".join(Elements(page(status, ())).texts)
    assert "1,234 in quarantine: cdc-daemon quarantine show core.dbo.T0" in shown
    assert shown.count("in quarantine") == 1
    told = [table["last_batch"]["quarantined"] for table in document(status, ())["tables"]]
    assert told == [1_234, 0]


def test_the_page_escapes_everything():
    """Names, reasons and errors cannot become markup."""
    spec = make_spec(id=TableId(NASTY, NASTY, NASTY), lane=NASTY)
    state = TableState(table=spec.id, held=NASTY, failures=1)
    failed = {"error_kind": NASTY, "error": NASTY, "remedy": NASTY}
    tables = (
        make_table_status(spec=spec, state=state),
        make_table_status(
            spec=spec,
            state=TableState(table=spec.id, failures=1),
            last=make_outcome(spec, Status.FAILED, **failed),
        ),
    )
    status = make_status(
        version=NASTY,
        config_digest="<b>&",
        tables=tables,
        lanes=(replace(LANES[0], name=NASTY),),
    )
    text = page(status, (NASTY,))
    found = Elements(text)
    assert not {"script", "b"} & set(found.tags)
    assert "<script" not in text
    assert "".join(found.texts).count(NASTY) >= 8


def test_the_page_stays_small():
    """Of very many tables a part is shown, those in trouble among it, and the rest is counted."""
    specs = make_specs(2_000)
    last = TableState(table=specs[-1].id, held="guard")
    tables = (
        *(make_table_status(spec=spec) for spec in specs[:-1]),
        make_table_status(spec=specs[-1], state=last),
    )
    text = page(make_status(tables=tables), ())
    assert text.count('data-title="table"') == MOST_TABLES
    assert "core.dbo.T1999" in text
    assert "and 1,500 more" in text


def test_the_page_of_a_daemon_without_tables():
    """Nothing configured is shown as that."""
    status = DaemonStatus(
        version="1", now=NOW, uptime_seconds=0, config_generation=1, config_digest=""
    )
    assert "Tables: 0" in "".join(Elements(page(status, ())).texts)
