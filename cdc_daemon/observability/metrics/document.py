"""``config/METRICS.md``, made from the declarations.

``python -m cdc_daemon.observability.metrics.document > config/METRICS.md`` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from cdc_daemon.observability.metrics.declaration import Declaration
from cdc_daemon.observability.metrics.declared import DECLARED

_HEAD = """\
# Metrics

Exposed at `/metrics`, in the Prometheus text format or, where it is asked for, as OpenMetrics.
Made from the declarations in `cdc_daemon/observability/metrics/declared.py`; do not edit.

* Times are seconds, sizes bytes, instants seconds since 1970 by the clock named.
* `table` is `source.schema.name`. It is on counters and gauges only, and a table that leaves the
  configuration takes its series with it; so does a source or a connection.
* No label carries a value of a row.
"""
_TAIL = """\
## Of the process and the interpreter

From prometheus-client: `process_cpu_seconds_total`, `process_resident_memory_bytes`,
`process_virtual_memory_bytes`, `process_start_time_seconds`, `process_open_fds`,
`process_max_fds` and `python_info`.
"""


def document() -> str:
    """The whole page."""
    return "\n".join((_HEAD, *_sections(), _TAIL))


def _sections() -> Iterator[str]:
    for heading, group in DECLARED:
        yield f"## {heading}\n"
        yield "| metric | type | labels | meaning |"
        yield "|---|---|---|---|"
        yield from map(_row, group)
        yield ""
        for each in group:
            if each.buckets:
                yield f"Buckets of `{each.name}`: {', '.join(f'{b:g}' for b in each.buckets)}.\n"


def _row(each: Declaration) -> str:
    labels = ", ".join(f"`{label}`" for label in each.labels)
    return f"| `{each.name}` | {each.kind.value} | {labels} | {each.help} |"


if __name__ == "__main__":
    sys.stdout.write(document())
