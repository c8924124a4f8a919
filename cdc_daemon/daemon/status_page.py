"""The status page: one HTML document, without scripts and without anything from elsewhere.

Everything shown goes through ``escape``; the page needs no more than its own style sheet, and its
content security policy allows no more.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import datetime
from html import escape
from typing import Final

from cdc_daemon.daemon.status import DaemonStatus, TableStatus
from cdc_daemon.observability.durations import duration
from cdc_daemon.orchestration.held import remedy_of_hold
from cdc_daemon.ports.statistics import LaneStats

REFRESH_SECONDS: Final = 10
MOST_TABLES: Final = 500
"""Rows shown; a page that refreshes by itself stays small."""

_STYLE: Final = """
:root{color-scheme:light dark;--line:#8884;--dim:#666;--bad:#c62828;--warn:#b26a00;--good:#2e7d32}
@media(prefers-color-scheme:dark){:root{--dim:#aaa;--bad:#ff7b72;--warn:#e3b341;--good:#56d364}}
*{box-sizing:border-box}
body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:80rem}
h1{font-size:1.3rem;margin:0 0 .25rem}h2{font-size:1.05rem;margin:1.5rem 0 .5rem}
p{margin:.25rem 0}.dim,th{color:var(--dim)}
table{border-collapse:collapse;width:100%}.lanes{max-width:40rem}
th{font-weight:600;text-align:left;font-size:.85rem}
th,td{padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.name{overflow-wrap:anywhere}.why{font-size:.85rem;color:var(--dim);overflow-wrap:anywhere}
.held,.failing,.failed,.bad{color:var(--bad);font-weight:600}
.paused,.skipped,.cancelled{color:var(--warn)}.running,.good{color:var(--good)}
@media(max-width:44rem){
thead{display:none}tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}
td{display:flex;justify-content:space-between;gap:1rem;border:0;padding:.1rem 0;text-align:right}
td::before{content:attr(data-title);color:var(--dim);font-weight:400;text-align:left;flex:none}
td.name{display:block;text-align:left;font-weight:600}td.name::before{content:none}
.why{font-weight:400}td:empty{display:none}
}
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""The page's content security policy."""

_LANE_TITLES = ("lane", "waiting", "queue size", "busy", "workers")
_TABLE_TITLES = ("table", "state", "lane", "lag", "due", "open", "last run", "changes")


def page(status: DaemonStatus, reasons: tuple[str, ...]) -> str:
    """The whole document; ``reasons`` are those for not being ready."""
    return "".join(_parts(status, reasons))


def _parts(status: DaemonStatus, reasons: tuple[str, ...]) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">'
    yield '<link rel="icon" href="data:,">'
    yield f"<title>cdc-daemon</title><style>{_STYLE}</style></head><body>\n"
    yield "<h1>cdc-daemon</h1>"
    yield from _state(status, reasons)
    yield f"<h2>Lanes</h2><table class=lanes>{_head(_LANE_TITLES)}<tbody>"
    yield from map(_lane, status.lanes)
    yield "</tbody></table>\n"
    yield from _tables(status)
    yield "</body></html>\n"


def _state(status: DaemonStatus, reasons: tuple[str, ...]) -> Iterator[str]:
    if reasons:
        yield f'<p class="bad">not ready: {escape("; ".join(reasons))}</p>'
    else:
        yield '<p class="good">ready</p>'
    yield (
        f'<p class="dim">version {escape(status.version)} · '
        f"up {duration(status.uptime_seconds)} · "
        f"configuration {status.config_generation} ({escape(status.config_digest[:12])}) · "
        f"{escape(status.now.isoformat(sep=' ', timespec='seconds'))}</p>\n"
    )


def _lane(lane: LaneStats) -> str:
    numbers = (lane.depth, lane.size, lane.busy, lane.workers)
    cells = (_cell("lane", escape(lane.name), "name"), *map(_number, _LANE_TITLES[1:], numbers))
    return f"<tr>{''.join(cells)}</tr>"


def _tables(status: DaemonStatus) -> Iterator[str]:
    shown = sorted(status.tables, key=lambda table: not table.troubled)[:MOST_TABLES]
    troubled = sum(table.troubled for table in status.tables)
    yield f"<h2>Tables: {len(status.tables):,}"
    yield f', <span class="bad">{troubled:,} in trouble</span></h2>' if troubled else "</h2>"
    yield f"<table>{_head(_TABLE_TITLES)}<tbody>"
    for table in shown:
        yield _table(table, status.now)
    yield "</tbody></table>\n"
    if len(shown) < len(status.tables):
        yield f'<p class="dim">and {len(status.tables) - len(shown):,} more: see /status</p>'


def _table(table: TableStatus, now: datetime) -> str:
    lag = table.lag_seconds(now)
    cells = (
        _cell("table", escape(str(table.spec.id)) + _why(table) + _quarantined(table), "name"),
        _cell("state", table.word, table.word),
        _cell("lane", escape(table.spec.lane)),
        _cell("lag", "never succeeded" if lag is None else duration(lag), "n"),
        _cell("due", _due(table, now), "n"),
        _cell("open", f"{table.state.open_versions:,}", "n"),
        _cell("last run", *_last(table)),
        _cell("changes", _changes(table), "n"),
    )
    return f"<tr>{''.join(cells)}</tr>\n"


def _why(table: TableStatus) -> str:
    """Why the table is in trouble, and what helps."""
    if table.state.held is not None:
        remedy = remedy_of_hold(table.spec.id, table.state.held_guards)
        told = (table.state.held, remedy)
    elif table.state.failures and table.last is not None:
        told = (table.last.error or "", table.last.remedy or "")
    else:
        return ""
    name = f"{table.spec.id}: "
    shown = (text.removeprefix(name) for text in told if text)
    return "".join(f'<div class="why">{escape(text)}</div>' for text in shown)


def _quarantined(table: TableStatus) -> str:
    """What the last run could not carry, and who tells more."""
    counts = table.last.counts if table.last is not None else None
    if counts is None or not counts.quarantined:
        return ""
    told = f"{counts.quarantined:,} in quarantine: cdc-daemon quarantine show {table.spec.id}"
    return f'<div class="why">{escape(told)}</div>'


def _due(table: TableStatus, now: datetime) -> str:
    if table.due_at is None or table.running:
        return ""
    wait = (table.due_at - now).total_seconds()
    return "now" if wait <= 0 else f"in {duration(wait)}"


def _last(table: TableStatus) -> tuple[str, str]:
    if table.last is None:
        return "", ""
    kind = f" ({table.last.error_kind})" if table.last.error_kind else ""
    return escape(table.last.status.value + kind), table.last.status.value


def _changes(table: TableStatus) -> str:
    counts = table.last.counts if table.last is not None else None
    if counts is None:
        return ""
    added = counts.inserted + counts.reopened
    return f"+{added:,} ~{counts.updated:,} -{counts.deleted:,}"


def _head(titles: tuple[str, ...]) -> str:
    numbers = frozenset({*_LANE_TITLES[1:], "lag", "due", "open", "changes"})
    cells = (f"<th{' class=n' if title in numbers else ''}>{title}</th>" for title in titles)
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _number(title: str, number: int) -> str:
    return _cell(title, f"{number:,}", "n")


def _cell(title: str, content: str, kind: str = "") -> str:
    """``content`` is HTML."""
    return f'<td data-title="{title}"{f" class={kind}" if kind else ""}>{content}</td>'
