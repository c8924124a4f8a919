"""Which fields are shown, and that no value makes a log call fail."""

import io
import json
import logging
import re
from datetime import datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
import structlog

from cdc_daemon.errors import Retry
from cdc_daemon.model.config import LoggingSpec
from cdc_daemon.model.table import QualifiedName
from cdc_daemon.observability.logging import configure_logging
from cdc_daemon.observability.shapes import Vouched


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def to(stream, **spec):
    return configure_logging(LoggingSpec(**spec), stream=stream, is_terminal=False)


def own_log():
    return structlog.get_logger("cdc_daemon.test")


def test_fields_are_shown_by_name_and_shape():
    """Numbers, words, instants, tables, columns, types, digests, codes, durations and runs pass."""
    stream = io.StringIO()
    berlin = timezone(timedelta(hours=2))
    fields = {
        "rows": 3,
        "share": 0.25,
        "first_load": True,
        "retry": Retry.BACKOFF,
        "read_at": datetime(2024, 5, 1, 2, 0, 0, 5, tzinfo=berlin),
        "table": "core.dbo.ACCT",
        "bronze": QualifiedName("bronze", "core_acct"),
        "columns": ("A", "Order Date"),
        "sql_type": "numeric(38, 10)",
        "key_digest": "0123456789abcdef",
        "code": "23505",
        "extract_seconds": timedelta(milliseconds=1500),
        "run_id": UUID(int=1),
        "summary": Vouched("all is well"),
        "landing_dir": Path("/var/landing"),
        "attempt": None,
        "lag": float("inf"),
    }
    with to(stream):
        own_log().info("told", **fields)

    (line,) = lines(stream)
    assert {name: line[name] for name in fields} == {
        **fields,
        "retry": "backoff",
        "read_at": "2024-05-01T00:00:00.000005+00:00",
        "bronze": "bronze.core_acct",
        "columns": ["A", "Order Date"],
        "extract_seconds": 1.5,
        "run_id": str(UUID(int=1)),
        "summary": "all is well",
        "landing_dir": "/var/landing",
        "lag": "inf",
    }


class Broken:
    """Refuses everything."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        raise RuntimeError

    __str__ = __bool__ = __len__ = __iter__ = __eq__ = __repr__
    __hash__ = None


class BrokenText(str):
    """A text that cannot be shown."""

    __slots__ = ()

    def __str__(self):
        raise RuntimeError

    __repr__ = __format__ = __len__ = __str__


class Odd(Enum):
    """Has members that are no words."""

    NOTHING = None
    PAIR = (1, 2)


class BrokenError(ValueError):
    """Cannot be told, and hides its origin behind properties that fail."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__

    @property
    def sqlstate(self):
        raise RuntimeError

    @property
    def __cause__(self):
        raise RuntimeError

    @property
    def args(self):
        raise RuntimeError


ENDLESS = []
ENDLESS.append(ENDLESS)
BROKEN = [
    Broken(),
    BrokenText("x"),
    Odd.NOTHING,
    Odd.PAIR,
    BrokenError("x"),
    10**5000,
    -(2**63) - 1,
    float("nan"),
    "\ud800",
    "\x00\x1b[31m",
    b"\xff",
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    datetime(2024, 1, 1),  # noqa: DTZ001 - naive on purpose
    ENDLESS,
    [Broken()],
    (None,),
    SimpleNamespace(a=Broken()),
    type("é" * 300, (), {})(),
]


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("number", range(len(BROKEN)))
@pytest.mark.parametrize("name", ["rows", "status", "columns", "read_at", "run_id", "error", "x"])
def test_no_value_makes_a_log_call_fail(form, number, name, capsys):
    """A value that cannot be shown costs its field, neither the line nor the caller."""
    stream = io.StringIO()
    value = BROKEN[number]
    with to(stream, format=form):
        own_log().info("told", **{name: value}, batches=1)
        own_log().info(value)
        own_log().error("failed", exc_info=value)
        logging.getLogger("library").warning(value, [value])
        logging.getLogger("library").warning("%s", [value], exc_info=BrokenError(value))

    assert stream.getvalue().count("batches") == 1
    if form == "json":
        assert len(lines(stream)) == 5
    assert capsys.readouterr().err == ""


def test_control_characters_reach_no_terminal():
    """A text cannot colour, move or clear what an operator sees, nor begin a line of its own."""
    stream = io.StringIO()
    with to(stream, format="console"):
        own_log().info("told", summary=Vouched("a\x1b[2J\r\x9b\u202eb"), column="c")

    assert not re.search("[\x1b\r\x9b\u202e]", stream.getvalue())
    assert stream.getvalue().count("\n") == 1
