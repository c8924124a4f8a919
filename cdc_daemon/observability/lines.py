"""Makes lines of log calls: one JSON object each, or columns for a person at a console.

Law 9: a record is rendered only if its event came through `redaction`; any other record, of
whatever library, is first stripped down to what may be told of it.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, ProcessorReturnValue, WrappedLogger

from cdc_daemon.observability import shapes
from cdc_daemon.observability.redaction import FaultFields, foreign_message, redact_event
from cdc_daemon.observability.scrubbing import Secrets, scrub

_FIRST: Final = ("run_id", "table", "batch_id")
_LOGGER_NAME: Final = shapes.matching(r"[\w.-]{1,128}")


class CleanEvent(dict[str, Any]):
    """An event that went through `redaction`: the only kind that is rendered."""


class LineFormatter(structlog.stdlib.ProcessorFormatter):
    """Renders clean events as they are, and makes clean ones of all other records."""

    def __init__(self, render: Processor, secrets: Secrets) -> None:
        super().__init__(processors=[self._with_head, render])
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """A line without its end; at a console, exceptions follow on lines of their own."""
        if type(record.msg) is CleanEvent:
            return super().format(record)
        message = foreign_message(record.msg, record.args)
        clean = clean_event({"event": message, "exc_info": record.exc_info}, self._secrets)
        told = {"name": record.name, "created": record.created, "levelname": record.levelname}
        wrapped = {"msg": clean, "_logger": None, "_name": "foreign"}
        return super().format(logging.makeLogRecord({**told, **wrapped}))

    def _with_head(self, _logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        record: logging.LogRecord = event.pop("_record")
        del event["_from_structlog"]
        instant = datetime.fromtimestamp(record.created, UTC)
        name = _LOGGER_NAME(record.name)
        head = {
            "timestamp": instant.isoformat(timespec="microseconds"),
            "level": shapes.words(record.levelname.lower()) or "other",
            "event": event["event"],
            "logger": scrub(name, self._secrets) if type(name) is str else "other",
        }
        return {**head, **{key: event[key] for key in _FIRST if key in event}, **event}


def own_processors(secrets: Secrets) -> list[Processor]:
    """The way of our own calls to the standard library's handlers: clean before they part."""

    def clean(_logger: WrappedLogger, _name: str, event: EventDict) -> CleanEvent:
        return clean_event(event, secrets)

    return [
        structlog.stdlib.filter_by_level,
        clean,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ]


def clean_event(event: EventDict, secrets: Secrets) -> CleanEvent:
    """The call with the context of its task, as far as both may be logged."""
    merged = structlog.contextvars.merge_contextvars(None, "", event)
    return CleanEvent(redact_event({**merged, "exc_info": _error_of(event)}, secrets))


def json_renderer() -> Processor:
    """Everything escaped to ASCII: no stream, shipper or line separator can break a line."""

    def render(_logger: WrappedLogger, _name: str, event: EventDict) -> str:
        return json.dumps(event, allow_nan=False)

    return render


def console_renderer(*, colours: bool) -> Processor:
    """Columns, and exceptions below them; colours are for terminals."""
    columns = structlog.dev.ConsoleRenderer(colors=colours, sort_keys=False)

    def render(logger: WrappedLogger, name: str, event: EventDict) -> ProcessorReturnValue:
        shown = dict(event)
        if "exception" in event:
            shown["exception"] = "\n".join(_paragraph(fault) for fault in event["exception"])
        return columns(logger, name, shown)

    return render


def _paragraph(fault: FaultFields | Mapping[str, Any]) -> str:
    margin = "  " * int(str(fault["depth"]))
    relation = f"{fault['relation']}: " if "relation" in fault else ""
    code = f" [{fault['code']}]" if "code" in fault else ""
    lines = [f"{relation}{fault['kind']}{code}: {fault['message']}"]
    frames = fault["frames"]
    lines += [f"  {frame}" for frame in frames] if isinstance(frames, list) else []
    lines += [f"  {fault['remedy']}"] if "remedy" in fault else []
    return "\n".join(margin + part for line in lines for part in line.splitlines())


def _error_of(event: Mapping[str, object]) -> object:
    """The exception a call speaks of, in any of the forms the standard library accepts."""
    told = event.get("exc_info")
    if type(told) is tuple:
        return told[1] if len(told) > 1 else None
    if told is True or (type(told) is int and told):
        return sys.exc_info()[1]
    return told
