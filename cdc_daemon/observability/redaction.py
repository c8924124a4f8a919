"""Turns a log call into what may be logged, and an exception into what may be told of it.

Law 9: no row value and no secret reaches a log. Fields pass an allow-list; of an exception only
its class, our own words, its code and our own frames are kept: drivers quote keys in messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

from cdc_daemon.errors import CdcError, DatabaseError, Retry
from cdc_daemon.observability import chain, shapes
from cdc_daemon.observability.fields import admit, placeholder, shown_name
from cdc_daemon.observability.scrubbing import Secrets, scrub
from cdc_daemon.observability.shapes import Loggable

FaultFields: TypeAlias = dict[str, str | int | list[str]]
Redacted: TypeAlias = dict[str, Loggable | list[FaultFields]]

WITHHELD: Final = "<message of foreign library withheld>"
_BORROWED: Final = "<text of a foreign error withheld>"
_DEFECT: Final = "A defect of the daemon: report it with the log line of this batch."
_MOST_FAULTS: Final = 16
_MOST_NAMED: Final = 5
_QUOTATION: Final = 12
"""From this length on, a foreign sentence within a message of ours is taken for a quotation."""
_NOT_FIELDS: Final = frozenset(
    {"timestamp", "level", "event", "logger", "exception", "exc_info", "stack_info"}
)
_SEVERITY: Final = (Retry.SKIP, Retry.BACKOFF, Retry.MANUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorText:
    """What may be told of an error in events, logs and metrics."""

    kind: str
    message: str
    code: str
    """SQLSTATE or error number of the engine; empty where there is none."""
    remedy: str
    retry: Retry

    @property
    def sentence(self) -> str:
        """The message with the kind before it, unless it begins so."""
        begins = self.message.startswith(self.kind)
        return self.message if begins else f"{self.kind}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One exception of a chain."""

    relation: str
    """To the one it follows from: ``cause``, ``context``, ``member``; empty for the first."""
    depth: int
    error: ErrorText
    frames: tuple[str, ...]
    """``file:line function`` of our own package, outermost first."""


def safe_error(error: BaseException) -> ErrorText:
    """An error of ours in its own words; of any other its class and where it passed our code.

    A group of one stands for that one; a larger group is as severe as its worst member.
    """
    leaves = chain.leaves_of(error)
    if len(leaves) == 1:
        return _single(leaves[0])
    told = [_single(leaf) for leaf in leaves]
    worst = max(told, key=lambda one: _SEVERITY.index(one.retry))
    named = "; ".join(one.sentence for one in told[:_MOST_NAMED])
    return ErrorText(
        kind=chain.kind_of(error),
        message=f"{len(told)} errors: {named}",
        code=worst.code,
        remedy=worst.remedy,
        retry=worst.retry,
    )


def faults(error: BaseException) -> tuple[Fault, ...]:
    """The error, its causes and the members of groups, depth first; at most 16."""
    found: list[Fault] = []
    seen: set[int] = set()
    waiting: list[tuple[str, int, BaseException]] = [("", 0, error)]
    while waiting and len(found) < _MOST_FAULTS:
        relation, depth, one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        frames = chain.frames_of(one)
        found.append(Fault(relation=relation, depth=depth, error=_single(one), frames=frames))
        before = chain.cause_of(one)
        following = [("member", member) for member in chain.members_of(one)]
        following += [] if before is None else [before]
        waiting += [(name, depth + 1, each) for name, each in reversed(following)]
    return tuple(found)


def redact_event(event: Mapping[str, object], secrets: Secrets) -> Redacted:
    """What may be logged of a call: the event's name, its fields, its exception."""
    told = event.get("event")
    name = shapes.words(told) or shapes.sentence(told)
    clean: Redacted = {"event": placeholder("event", told) if name is None else name}
    for field, value in tuple(event.items()):
        if field not in _NOT_FIELDS and not field.startswith("_"):
            clean[shown_name(field)] = _admit(field, value)
    clean = {field: _scrubbed(value, secrets) for field, value in clean.items()}
    error = event.get("exc_info")
    if _is_error(error):
        clean["exception"] = [_fields_of(fault, secrets) for fault in faults(error)]
    return clean


def foreign_message(message: object, arguments: object) -> shapes.Vouched:
    """The static format of a library's record; nothing of one that was formatted before."""
    separate = type(arguments) in (tuple, dict) and bool(arguments)
    text = shapes.plain(message) if separate else None
    return shapes.Vouched(WITHHELD if text is None else text)


def _single(error: BaseException) -> ErrorText:
    if chain.is_ours(error):
        return _own_text(error)
    frames = chain.frames_of(error)
    place = f" at {frames[-1]}" if frames else " outside our code"
    return ErrorText(
        kind=chain.kind_of(error),
        message=chain.kind_of(error) + place,
        code=chain.sqlstate_of(error),
        remedy=_DEFECT,
        retry=Retry.MANUAL,
    )


def _own_text(error: CdcError) -> ErrorText:
    first = (*chain.arguments_of(error), "")[0]
    message = shapes.plain(first) or ""
    for origin in chain.origins_of(error):
        message = _without_quotation(message, origin)
    return ErrorText(
        kind=chain.kind_of(error),
        message=message,
        code=error.code if isinstance(error, DatabaseError) else "",
        remedy=error.remedy,
        retry=error.retry,
    )


def _without_quotation(message: str, origin: BaseException) -> str:
    """Law 9: a message of ours must not quote the foreign error it was raised from."""
    if chain.is_ours(origin):
        return message
    told = ""
    with suppress(Exception):  # a foreign __str__ may do anything
        told = str(origin)
    arguments = [arg for arg in map(shapes.plain, chain.arguments_of(origin)) if arg]
    lines = [part for line in told.splitlines() for part in (line, line.partition(":")[2])]
    quotable = {text.strip() for text in (told, *lines, *arguments)}
    for text in sorted(quotable, key=len, reverse=True):
        if len(text) >= _QUOTATION and " " in text:
            message = message.replace(text, _BORROWED)
    return message


def _admit(name: str, value: object) -> Loggable:
    if name == "error" and _is_error(value):
        return safe_error(value).sentence
    return admit(name, value)


def _fields_of(fault: Fault, secrets: Secrets) -> FaultFields:
    error = fault.error
    fields: FaultFields = {
        "relation": fault.relation,
        "depth": fault.depth,
        "kind": error.kind,
        "message": error.message,
        "code": error.code,
        "frames": list(fault.frames),
    }
    if fault.relation in ("", "member"):  # what led there is no task for an operator
        fields |= {"retry": error.retry.value, "remedy": error.remedy}
    return {name: _scrubbed(value, secrets) for name, value in fields.items() if value != ""}


def _scrubbed(value: Any, secrets: Secrets) -> Any:  # noqa: ANN401 - the type that came in
    if type(value) is str:
        return scrub(value, secrets)
    if type(value) is list:
        return [_scrubbed(item, secrets) for item in value]
    return value


def _is_error(value: object) -> TypeGuard[BaseException]:
    return issubclass(type(value), BaseException)
