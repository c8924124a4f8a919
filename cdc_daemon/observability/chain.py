"""Walks exceptions, their causes, groups and tracebacks without running any of their code.

Law 9: only class names, codes and places in our own source are read from a foreign exception.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from inspect import getattr_static
from types import TracebackType
from typing import Any, Final, TypeGuard

from cdc_daemon.errors import CdcError
from cdc_daemon.observability import shapes

_PACKAGE: Final = "cdc_daemon"
_MOST_FRAMES: Final = 20
_MOST_STEPS: Final = 64
_CLASS: Final = shapes.matching(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SQLSTATE: Final = shapes.matching(r"[0-9A-Z]{5}")


def is_ours(error: BaseException) -> TypeGuard[CdcError]:
    """Whether the error is of a class of this package, whose messages hold no row values.

    A plug-in's subclass of ours is foreign: nobody here wrote its message.
    """
    kind = type(error)
    return issubclass(kind, CdcError) and _in_package(vars(kind).get("__module__"))


def kind_of(error: BaseException) -> str:
    """The name of the error's class."""
    told = _CLASS(type(error).__name__)
    return told if type(told) is str else "Exception"


def sqlstate_of(error: BaseException) -> str:
    """The SQLSTATE a foreign error carries as plain data, or nothing."""
    told = _SQLSTATE(getattr_static(error, "sqlstate", None))
    return told if type(told) is str else ""


def arguments_of(error: BaseException) -> tuple[object, ...]:
    """What the error was made of."""
    told = _attribute(BaseException, "args", error)
    return told if type(told) is tuple else ()


def members_of(error: BaseException) -> tuple[BaseException, ...]:
    """The errors of a group; nothing of one that is no group."""
    if not issubclass(type(error), BaseExceptionGroup):
        return ()
    return tuple(_attribute(BaseExceptionGroup, "exceptions", error))


def leaves_of(error: BaseException) -> tuple[BaseException, ...]:
    """The errors in a group and the groups within it, at most 64; of a single error, itself."""
    found: list[BaseException] = []
    waiting = [error]
    for _ in range(_MOST_STEPS):
        if not waiting:
            break
        one = waiting.pop()
        inner = members_of(one)
        if not inner:
            found.append(one)
        waiting += reversed(inner)
    return tuple(found) or (error,)


def cause_of(error: BaseException) -> tuple[str, BaseException] | None:
    """What Python would print the error after, and by which relation."""
    cause = _attribute(BaseException, "__cause__", error)
    if cause is not None:
        return "cause", cause
    context = _attribute(BaseException, "__context__", error)
    if context is None or _attribute(BaseException, "__suppress_context__", error):
        return None
    return "context", context


def origins_of(error: BaseException) -> Iterator[BaseException]:
    """Every error this one was raised from or during, hidden by ``from None`` or not."""
    seen = {id(error)}
    waiting = [error]
    for _ in range(_MOST_STEPS):
        if not waiting:
            return
        one = waiting.pop()
        before = [_attribute(BaseException, name, one) for name in ("__cause__", "__context__")]
        for each in (*before, *members_of(one)):
            if each is not None and id(each) not in seen:
                seen.add(id(each))
                waiting.append(each)
                yield each


def frames_of(error: BaseException) -> tuple[str, ...]:
    """``file:line function`` of our own package, outermost first, the innermost 20."""
    frames: deque[str] = deque(maxlen=_MOST_FRAMES)
    step: TracebackType | None = _attribute(BaseException, "__traceback__", error)
    while step is not None:
        module = step.tb_frame.f_globals.get("__name__")
        if _in_package(module):
            file = f"{module.replace('.', '/')}.py"
            frames.append(f"{file}:{step.tb_lineno} {step.tb_frame.f_code.co_qualname}")
        step = step.tb_next
    return tuple(frames)


def _in_package(module: object) -> TypeGuard[str]:
    name = module if type(module) is str else ""
    return name == _PACKAGE or name.startswith(f"{_PACKAGE}.")


def _attribute(owner: type, name: str, error: BaseException) -> Any:  # noqa: ANN401 - C slots
    """The slot of the base class itself: a subclass may have put a property before it."""
    return vars(owner)[name].__get__(error)
