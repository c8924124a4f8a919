"""The fields a log line may carry: an allow-list of names, each with the shape it must have.

Law 9: what is not named here, or does not have its shape, is not logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cdc_daemon.observability import shapes
from cdc_daemon.observability.shapes import Loggable, Shape

_LONGEST_NAME: Final = 64
_SQL_TYPE: Final = shapes.matching(
    r"[A-Za-z][A-Za-z0-9_ ]{0,60}(?:\(\w{1,5}(?:, ?-?\d{1,5})?\))?[A-Za-z \[\]]{0,40}"
)
_DIGEST: Final = shapes.matching(r"[0-9a-f]{8,128}")
_CLASS: Final = shapes.matching(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_OPERATION: Final = shapes.matching("[IURD]")
_WINDOW: Final = shapes.matching(r"all|\d{4}-\d\d-\d\d")
"""Windows named by a range of keys would show values."""
_LOCATION: Final = shapes.matching(r"[\w./<>-]{1,160}:\d{1,7}")
_HOST: Final = shapes.matching(r"[A-Za-z0-9_.:\[\]-]{1,253}")

_BY_SHAPE: Final[tuple[tuple[Shape, str], ...]] = (
    (shapes.run, "run_id"),
    (shapes.table, "table bronze stage target view"),
    (
        shapes.words,
        """action command direction driver engine format guard mode outcome phase
        policy reason retry service signal state status strategy""",
    ),
    (shapes.several_words, "guards"),
    (_OPERATION, "operation"),
    (_WINDOW, "window"),
    (shapes.name, "column connection database index lane rule schema source worker"),
    (shapes.names, "added changed columns key key_columns lanes names removed tables"),
    (_SQL_TYPE, "logical_type source_type sql_type target_type type"),
    (_DIGEST, "config_digest digest key_digest"),
    (_CLASS, "category error_kind kind step"),
    (_LOCATION, "location"),
    (_HOST, "host"),
    (shapes.path, "config file landing_dir path"),
    (shapes.code, "code sqlstate"),
    (shapes.sentence, "error message remedy summary"),
    (
        shapes.flag,
        """accepted complete due enabled first_load force forced held dry_run paused ready
        resumed snapshot successful""",
    ),
    (
        shapes.count,
        """actual attempt attempts batch_id batches bytes changes chunks closed config_version count
        deleted epoch exit_code expected extracted extra files filtered generation hash_version
        inserted issues line limit migration missing opened pid port quarantined queue_size
        queued reopened retries rewritten rows running sessions statements total unchanged
        updated version waiting windows workers""",
    ),
    (shapes.number, "elapsed lag percent rows_per_second seconds share ratio"),
    (
        shapes.instant,
        """due_at finished_at first_date instant last_instant next_due_at read_at since started_at
        until valid_from window_from window_to""",
    ),
)
_ALLOWED: Final[Mapping[str, Shape]] = MappingProxyType(
    {name: shape for shape, names in _BY_SHAPE for name in names.split()}
)
_SUFFIXES: Final[tuple[tuple[str, Shape], ...]] = (
    ("_seconds", shapes.number),
    ("_share", shapes.number),
    ("_rows", shapes.count),
    ("_count", shapes.count),
    ("_bytes", shapes.count),
    ("_mb", shapes.number),
)
"""Whatever comes before: these name quantities the daemon measures."""


def admit(name: str, value: object) -> Loggable:
    """`value` as it may be logged under `name`, else a placeholder that names only its type."""
    shape = _shape_of(name)
    if shape is None:
        return placeholder(name, value)
    if value is None:
        return None
    fitting = shape(value)
    return placeholder(name, value) if fitting is None else fitting


def placeholder(name: str, value: object) -> str:
    """What stands in a log line for a value that must not."""
    return f"<redacted:{shown_name(name)}-{shown_name(type(value).__name__)}>"


def shown_name(name: object) -> str:
    """`name` where it is an identifier of reasonable length, else ``field``."""
    text = shapes.plain(name)
    if text is None or not text.isascii() or not text.isidentifier():
        return "field"
    return text if len(text) <= _LONGEST_NAME else "field"


def _shape_of(name: str) -> Shape | None:
    if name in _ALLOWED:
        return _ALLOWED[name]
    return next((shape for suffix, shape in _SUFFIXES if name.endswith(suffix)), None)
