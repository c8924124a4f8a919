"""Every error raised on purpose, sorted by what should happen next.

    CdcError                      retry    exit
    ├─ ConfigError                manual   2     every issue at once
    ├─ SecretError                backoff  3
    ├─ DatabaseError                             only ``databases/*/errors.py`` makes these
    │  ├─ DatabaseUnavailable     backoff  3     cannot connect, or the connection was lost
    │  ├─ Conflict                backoff  1     deadlock, serialization, lock timeout, full disk
    │  ├─ AccessDenied            manual   3
    │  └─ StatementFailed         manual   1
    │     └─ RowRefused           manual   1     for a value: the row goes to quarantine
    ├─ DataError                                 what the source holds cannot become history
    │  ├─ NullKey, DuplicateKey   manual   1
    │  ├─ KeyTooLong              manual   1
    │  ├─ Unrepresentable         manual   1
    │  ├─ TooManyChanges          manual   1
    │  ├─ RowRejected             manual   1     a value that a rule does not let pass
    │  └─ GuardTripped            manual   1     a person looks, then ``release``
    ├─ SchemaError
    │  ├─ TableNotFound           manual   1
    │  ├─ RowsWithheld            manual   1
    │  ├─ NoKey                   manual   1
    │  ├─ UnsupportedType         manual   1
    │  ├─ IncompatibleChange      manual   1
    │  ├─ SchemaMoved             backoff  1     the source changed while it was read
    │  ├─ NotBronze               manual   1     the target table is not one of ours
    │  └─ RulesDoNotFit           manual   1     rules of transformation and the table's columns
    ├─ NoHistory                  manual   1     a replay before the first load
    ├─ ClockSkew                  manual   1
    ├─ ControlSchemaError         manual   3     newer than this daemon, or not there
    ├─ LandingFailed              backoff  1     the landing disk is full or not writable
    ├─ ServiceStopped             manual   1     the daemon cannot go on without it
    ├─ TableLocked, LostRace      skip     1     somebody else has the table
    └─ LockLost                   backoff  1

Law 9: a message names tables, columns, types and key digests, never a value of a row, and
never the text of a driver's message (drivers quote keys).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, IntEnum
from typing import ClassVar


class Retry(Enum):
    """What the scheduler does with a table after this error."""

    BACKOFF = "backoff"
    """Transient: try again later, by itself."""
    MANUAL = "manual"
    """A person has to change something first."""
    SKIP = "skip"
    """Not a failure: somebody else has the table."""


class ExitCode(IntEnum):
    """What the process tells its caller (DESIGN 6.1)."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    ENVIRONMENT = 3
    DIFFERENCES = 4


class CdcError(Exception):
    """Base of every deliberate error; ``remedy`` is a sentence for the operator."""

    retry: ClassVar[Retry] = Retry.MANUAL
    exit_code: ClassVar[ExitCode] = ExitCode.FAILURE
    holds: ClassVar[bool] = False
    """Whether the table runs no more until an operator releases it."""
    remedy: str = "Read the message; the log line of this batch has the details."

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        if remedy is not None:
            self.remedy = remedy

    @property
    def kind(self) -> str:
        """The error's name in metrics, events and logs."""
        return type(self).__name__


class ConfigError(CdcError):
    """The configuration cannot be used; carries every issue found, not the first."""

    exit_code = ExitCode.USAGE
    remedy = "Correct the listed lines; `cdc-daemon validate-config` checks without running."

    def __init__(self, issues: Sequence[str]) -> None:
        super().__init__("\n".join(issues))
        self.issues = tuple(issues)


class SecretError(CdcError):
    """A secret reference cannot be resolved."""

    retry = Retry.BACKOFF
    exit_code = ExitCode.ENVIRONMENT
    remedy = "Set the environment variable or file the configuration refers to."


class DatabaseError(CdcError):
    """A database said no; ``code`` is its SQLSTATE or error number."""

    def __init__(self, message: str, *, code: str = "", remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached, or the connection was lost in mid-statement."""

    retry = Retry.BACKOFF
    exit_code = ExitCode.ENVIRONMENT
    remedy = "Check that the database is up and reachable; the table is tried again by itself."


class Conflict(DatabaseError):
    """The database is up but cannot do this now: deadlock, lock timeout, out of space."""

    retry = Retry.BACKOFF
    remedy = "Nothing was written; the table is tried again by itself."


class AccessDenied(DatabaseError):
    """The login or a permission is missing."""

    exit_code = ExitCode.ENVIRONMENT
    remedy = "Check user and password, and the grants that README lists."


class StatementFailed(DatabaseError):
    """The database refused a statement for a reason that trying again will not mend."""

    remedy = "Nothing was written. Look the code up, correct the cause, then `release` the table."


class RowRefused(StatementFailed):
    """The database does not take the value of some row; which one is found by trying."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        remedy: str | None = None,
        column: str | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message, code=code, remedy=remedy)
        self.column = column
        self.reason = reason or f"refused_{code}"


class DataError(CdcError):
    """What the source holds cannot become history."""

    holds = True


class NullKey(DataError):
    """A source row has no value in a key column."""

    remedy = "Correct the rows at the source, or configure a key whose columns are never NULL."


class DuplicateKey(DataError):
    """Two source rows share one key."""

    remedy = "Configure a key that is unique at the source (`key:` of the table)."


class KeyTooLong(DataError):
    """A key does not fit into an index of the target."""

    remedy = "Configure a shorter key, or exclude the table."


class Unrepresentable(DataError):
    """A value cannot be carried exactly."""

    remedy = "Exclude the column (`exclude_columns:`) or correct the value at the source."


class GuardTripped(DataError):
    """The batch looks like an accident: nothing was written, the table is held."""

    remedy = (
        "If the change is wanted, let one batch pass: `cdc-daemon release TABLE`, "
        "or `cdc-daemon once TABLE --accept-guard NAME`."
    )

    def __init__(self, message: str, *, guards: tuple[str, ...], remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.guards = guards


class TooManyChanges(DataError):
    """One batch would change more rows than the table allows after its first load."""

    remedy = "If the change is wanted, raise `max_batch_rows:` of the table and `release` it."


class RowRejected(DataError):
    """A value cannot be transformed, and its rule says that the table is to stop for it."""

    remedy = "Correct the rows at the source, or give the rule another `on_failure:`."


class SchemaError(CdcError):
    """Source and target do not fit together."""

    holds = True


class TableNotFound(SchemaError):
    """The source has no such table, or does not show it to this user."""

    remedy = "Check schema and name (case counts) and the SELECT permission of the user."


class RowsWithheld(SchemaError):
    """Row-level security may keep rows of the table from this login: as if they were deleted."""

    remedy = (
        "Let the login read every row: BYPASSRLS in PostgreSQL; in SQL Server a predicate that lets"
        " it, and then `guards: {allow_row_security: true}`."
    )


class NoKey(SchemaError):
    """The table has no primary key or usable unique index, and none is configured."""

    remedy = "Configure the columns that identify a row: `key: [COLUMN, ...]`."


class UnsupportedType(SchemaError):
    """A column's type can be carried neither exactly nor as exact text."""

    remedy = "Exclude the column (`exclude_columns: [NAME]`), or read a view that casts it."


class IncompatibleChange(SchemaError):
    """The source's columns changed in a way that history cannot absorb by itself."""

    remedy = "Undo the change at the source, or set `target_table:` to begin a new history."


class SchemaMoved(SchemaError):
    """The source's columns changed while its rows were read: the batch is discarded."""

    retry = Retry.BACKOFF
    holds = False
    remedy = "Nothing was written; the next batch reads the table as it is now."


class NotBronze(SchemaError):
    """The target table is there, but it is not a history this daemon could have written."""

    remedy = "Rename or drop the table, or set `target_table:`."


class RulesDoNotFit(SchemaError):
    """Rules of transformation that the table's columns, as they are now, do not allow."""

    remedy = "Nothing was read. Correct the rules, reload, then `release` the table."


class NoHistory(CdcError):
    """There is nothing that rows in quarantine could be added to."""

    remedy = "Run the table once (`cdc-daemon once TABLE`); that reads all its rows anyway."


class ClockSkew(CdcError):
    """The table's last instant lies far ahead of the target's clock."""

    holds = True
    remedy = "Correct the target's clock, then `release` the table."


class ControlSchemaError(CdcError):
    """The control tables are missing or newer than this daemon."""

    exit_code = ExitCode.ENVIRONMENT
    remedy = "Run `cdc-daemon control plan`, then `cdc-daemon control apply`, with this version."


class ServiceStopped(CdcError):
    """A service that must outlive the work has ended; the process drains and fails."""

    remedy = "The log says why the service ended; the process is to be started again."


class LandingFailed(CdcError):
    """The landing files cannot be written."""

    retry = Retry.BACKOFF
    remedy = "Free disk space or set `runtime.landing_dir` to a writable folder."


class TableLocked(CdcError):
    """Another process works on the table."""

    retry = Retry.SKIP
    remedy = "Nothing to do: the other process does the work."


class LostRace(CdcError):
    """Somebody else promoted the table first; this batch was rolled back."""

    retry = Retry.SKIP
    remedy = "Nothing to do: the other batch is in place."


class LockLost(CdcError):
    """The connection that held the table's lock is gone; the batch was stopped."""

    retry = Retry.BACKOFF
    remedy = "Nothing was written; the table is tried again by itself."
