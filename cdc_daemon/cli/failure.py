"""What a person is told of an error: what happened, and what to do.

Law 9: errors of ours speak for themselves; of any other, only its class and its place.
"""

from __future__ import annotations

from cdc_daemon.cli.usage import UsageError
from cdc_daemon.errors import CdcError
from cdc_daemon.observability.redaction import safe_error
from cdc_daemon.observability.scrubbing import printable


def lines(error: BaseException) -> tuple[str, ...]:
    """``error:`` lines, one a problem, then ``remedy:``."""
    told = safe_error(error)
    if isinstance(error, UsageError):  # quotes the command line, which is the reader's own
        problems, remedy = str(error).splitlines(), error.remedy
    elif isinstance(error, CdcError):
        problems, remedy = told.message.splitlines() or [told.kind], told.remedy
    else:
        problems = [f"unexpected {told.message}"]
        remedy = f"{told.remedy} `logging.level: DEBUG` and `logging.file` keep more of it."
    return (*(f"error: {printable(one)}" for one in problems), f"remedy: {printable(remedy)}")
