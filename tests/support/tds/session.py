"""A session: its options, its transaction, and what its functions answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.tds.answer import Answer
from tests.support.tds.backend import Backend
from tests.support.tds.errors import DOOMS, Refused, SqlError
from tests.support.tds.facts import LEVELS, OPTIONS, PROPERTIES, VERSION
from tests.support.tds.protocol import SERVER_NAME, EnvChangeType
from tests.support.tds.template import Value, identifier


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is connected to what."""

    number: int
    user: str
    application: str
    host: str
    database: str
    snapshot_allowed: bool


@dataclass(slots=True)
class Session:
    """The state of one connection; ``backend`` carries its transaction."""

    identity: Identity
    backend: Backend
    options: dict[str, bool] = field(default_factory=lambda: dict(OPTIONS))
    lock_timeout: int = -1
    level: str = "READ COMMITTED"
    transactions: int = 0
    row_count: int = 0
    error: int = 0
    _descriptor: int = 0
    _savepoints: list[str] = field(default_factory=list)
    _timeout_in_transaction: bool = False

    def reset(self, answer: Answer) -> None:
        """A fresh session on the same connection, as a pool asks for."""
        if self.transactions:
            self.rollback(answer)
        self.backend.run("DISCARD ALL")
        self.backend.prepare_session()
        self.options = dict(OPTIONS)
        self.lock_timeout, self.level, self.row_count = -1, "READ COMMITTED", 0

    # -- transactions

    def begin(self, answer: Answer) -> None:
        """BEGIN TRANSACTION; only the outermost begins one."""
        if self.transactions == 0:
            self.backend.run(f"BEGIN ISOLATION LEVEL {LEVELS[self.level]}")
            self._descriptor += 1
            answer.transaction(EnvChangeType.BEGIN_TRAN, self._mark())
        self.transactions += 1

    def commit(self, answer: Answer) -> None:
        """COMMIT; only the outermost commits.

        Raises:
            SqlError: 3902 without a transaction; what PostgreSQL finds at the commit.
        """
        if self.transactions == 0:
            raise SqlError(3902, "The COMMIT TRANSACTION request has no BEGIN TRANSACTION.")
        if self.transactions == 1:
            try:
                self.backend.run("COMMIT")
            except SqlError:
                self.backend.run("ROLLBACK")
                self._ended(answer, EnvChangeType.ROLLBACK_TRAN)
                raise
            self._ended(answer, EnvChangeType.COMMIT_TRAN)
        else:
            self.transactions -= 1

    def rollback(self, answer: Answer, savepoint: str | None = None) -> None:
        """ROLLBACK, of everything or to a savepoint.

        Raises:
            SqlError: 3903 without a transaction, 6401 without that savepoint.
        """
        if self.transactions == 0:
            raise SqlError(3903, "The ROLLBACK TRANSACTION request has no BEGIN TRANSACTION.")
        if savepoint is not None and savepoint in self._savepoints:
            self.backend.run(f"ROLLBACK TO SAVEPOINT {identifier(savepoint)}")
            return
        self.backend.run("ROLLBACK")
        self._ended(answer, EnvChangeType.ROLLBACK_TRAN)

    def save(self, name: str) -> None:
        """SAVE TRANSACTION.

        Raises:
            SqlError: 628 without a transaction.
        """
        if self.transactions == 0:
            raise SqlError(628, "Cannot issue SAVE TRANSACTION when there is no transaction.")
        self.backend.run(f"SAVEPOINT {identifier(name)}")
        self._savepoints.append(name)

    def failed(self, answer: Answer, number: int) -> None:
        """An error: XACT_ABORT, or an error that dooms, rolls everything back."""
        self.error = number
        if self.transactions and (self.options["XACT_ABORT"] or number in DOOMS):
            self.backend.run("ROLLBACK")
            self._ended(answer, EnvChangeType.ROLLBACK_TRAN)

    def guarded(self) -> bool:
        """Whether a failing statement must undo only itself: a savepoint stands before it."""
        return self.transactions > 0 and not self.options["XACT_ABORT"]

    def _ended(self, answer: Answer, kind: EnvChangeType) -> None:
        self.transactions = 0
        self._savepoints.clear()
        answer.transaction(kind, self._mark())
        if self._timeout_in_transaction:  # PostgreSQL undoes SET with the transaction
            self._timeout_in_transaction = False
            self.set_lock_timeout(self.lock_timeout)

    def _mark(self) -> bytes:
        return self._descriptor.to_bytes(8, "little")

    # -- settings

    def set_lock_timeout(self, milliseconds: int) -> None:
        """SET LOCK_TIMEOUT: -1 waits for ever, 0 not at all (PostgreSQL: a millisecond)."""
        self.lock_timeout = milliseconds
        limit = 0 if milliseconds < 0 else max(milliseconds, 1)
        self.backend.run(f"SET lock_timeout = {limit}")
        self._timeout_in_transaction = self.transactions > 0

    def set_level(self, level: str) -> None:
        """SET TRANSACTION ISOLATION LEVEL, for transactions to come.

        Raises:
            Refused: there is no such level.
            SqlError: 3951, a change to SNAPSHOT within a transaction.
        """
        if level not in LEVELS:
            raise Refused(f"the isolation level {level}")
        if level == "SNAPSHOT" and self.transactions and self.level != level:
            raise SqlError(3951, "The transaction did not begin under snapshot isolation.")
        self.level = level

    def check_snapshot(self) -> None:
        """Raises 3952 where SNAPSHOT is asked for and the database does not allow it."""
        if self.level == "SNAPSHOT" and not self.identity.snapshot_allowed:
            raise SqlError(3952, "Snapshot isolation is not allowed in this database.")

    # -- what it answers

    def variable(self, name: str) -> Value:
        """A global variable or a function of the session.

        Raises:
            SqlError: 137, there is none of that name.
        """
        name, _, asked = name.removeprefix("@@").partition(":")
        numbers = {
            "trancount": self.transactions,
            "spid": self.identity.number,
            "rowcount": self.row_count,
            "error": self.error,
            "lock_timeout": self.lock_timeout,
            "options": 0,
            "microsoftversion": 0x10001027,
        }
        if name in numbers:
            return Value("int", numbers[name])
        texts = {
            "version": VERSION,
            "servername": SERVER_NAME,
            "language": "us_english",
            "app_name": self.identity.application,
            "host_name": self.identity.host,
            "user_name": "dbo",
            "current_user": "dbo",
        }
        texts |= dict.fromkeys(
            ("suser_sname", "suser_name", "original_login", "system_user"), self.identity.user
        )
        if name in texts:
            return Value("nvarchar", texts[name])
        return self._property(name, asked)

    def _property(self, name: str, asked: str) -> Value:
        if name == "sessionproperty":
            known = self.options.get(asked.upper())
            return Value("int", None if known is None else int(known))
        if name == "serverproperty":
            if asked not in PROPERTIES:
                raise Refused(f"SERVERPROPERTY('{asked}')")
            found = PROPERTIES[asked]
            return Value("int" if isinstance(found, int) else "nvarchar", found)
        if name in {"identity", "scope_identity"}:
            last = self.backend.last_identity()
            return Value("decimal", last)
        if name == "connectionproperty" and asked == "net_transport":
            return Value("nvarchar", "TCP")
        raise SqlError(137, f'Must declare the scalar variable "@@{name}".')
