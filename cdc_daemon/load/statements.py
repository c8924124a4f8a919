"""The statements of promote that every engine writes alike."""

from __future__ import annotations

from dataclasses import dataclass

from cdc_daemon.model.table import QualifiedName, TableSpec
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.schema.table import SourceTable

OPENS = "('I', 'U', 'R')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """Promote's statements for one table."""

    dialect: TargetDialect
    spec: TableSpec
    table: SourceTable
    control_schema: str
    load: QualifiedName
    """Where the changes were loaded to."""

    def _control(self, name: str) -> str:
        return self.dialect.qualified(QualifiedName(self.control_schema, name))

    def _columns(self) -> str:
        return ", ".join(self.dialect.quote(c.target_name) for c in self.table.columns)

    @property
    def _load(self) -> str:
        return self.dialect.qualified(self.load)

    def _loaded(self) -> str:
        return ", ".join(self.dialect.loaded_value(c) for c in self.table.columns)

    def fence(self) -> str:
        """Parameters: source, schema, name, the epoch expected. No row: the race is lost."""
        return (
            f"UPDATE {self._control('table_state')} SET epoch = epoch + 1 "
            "WHERE source = $1 AND schema_name = $2 AND table_name = $3 AND epoch = $4"
        )

    def epoch(self) -> str:
        """Parameters: source, schema, name."""
        return (
            f"SELECT epoch FROM {self._control('table_state')} "
            "WHERE source = $1 AND schema_name = $2 AND table_name = $3"
        )

    def stage_deleted(self) -> str:
        """The last known values of what is about to close. Parameters: batch, instant."""
        q = self.dialect.quote
        columns = ", ".join(f"b.{q(c.target_name)}" for c in self.table.columns)
        return (
            f"INSERT INTO {self.dialect.qualified(self.spec.stage)} "
            f"({self._columns()}, {q('_operation')}, {q('_batch_id')}, {q('_changed_at')}) "
            f"SELECT {columns}, 'D', $1, $2 "
            f"FROM {self.dialect.qualified(self.spec.bronze)} b JOIN {self._load} l "
            f"ON {self.dialect.same_key(self.table)} "
            f"WHERE b.{q('_valid_to')} IS NULL AND b.{q('_row_hash')} = l.{q('_closes')} "
            f"AND l.{q('_operation')} = 'D'"
        )

    def close_versions(self) -> str:
        """Parameters: instant, batch; with ``close_rows``, also which loaded rows."""
        return self.dialect.close_versions(self.load, self.spec, self.table)

    def rewrite_versions(self) -> str:
        """Parameters: hash version; with ``close_rows``, also which loaded rows."""
        return self.dialect.rewrite_versions(self.load, self.spec, self.table)

    def stage_rewritten(self) -> str:
        """To readers of the feed it is an update. Parameters: batch, instant."""
        q = self.dialect.quote
        return (
            f"INSERT INTO {self.dialect.qualified(self.spec.stage)} "
            f"({self._columns()}, {q('_operation')}, {q('_batch_id')}, {q('_changed_at')}) "
            f"SELECT {self._loaded()}, 'U', $1, $2 "
            f"FROM {self._load} l WHERE l.{q('_operation')} = 'W'"
        )

    def open_versions(self) -> str:
        """Parameters: instant, hash version, batch."""
        q = self.dialect.quote
        version = ("_valid_from", "_is_current", "_operation", "_row_hash", "_hash_version")
        derived = self.dialect.derived(self.table)
        names = ", ".join((*map(q, (*version, "_batch_id")), *(name for name, _ in derived)))
        values = "".join(f", {value}" for _, value in derived)
        return (
            f"INSERT INTO {self.dialect.qualified(self.spec.bronze)} ({self._columns()}, {names}) "
            f"SELECT {self._loaded()}, $1, {self.dialect.true}, l.{q('_operation')}, "
            f"l.{q('_row_hash')}, $2, $3{values} "
            f"FROM {self._load} l WHERE l.{q('_operation')} IN {OPENS}"
        )

    def stage_opened(self) -> str:
        """Parameters: batch, instant."""
        q = self.dialect.quote
        return (
            f"INSERT INTO {self.dialect.qualified(self.spec.stage)} "
            f"({self._columns()}, {q('_operation')}, {q('_batch_id')}, {q('_changed_at')}) "
            f"SELECT {self._loaded()}, l.{q('_operation')}, $1, $2 "
            f"FROM {self._load} l WHERE l.{q('_operation')} IN {OPENS}"
        )

    def advance(self) -> str:
        """Parameters: source, schema, name, instant, batch, growth, instant read, rules.

        Growth is versions opened less closed.

        It also says what the schedule goes on from: another process that waits for the lock must
        find the table done.
        """
        return (
            f"UPDATE {self._control('table_state')} SET last_instant = $4, last_batch_id = $5, "
            f"open_versions = open_versions + $6, last_success_at = {self.dialect.now}, "
            "accepted_guards = NULL, held_reason = NULL, held_guards = NULL, held_at = NULL, "
            f"failures = 0, last_started_at = $7, last_ended_at = {self.dialect.now}, "
            f"last_retry = NULL, rules = $8, changed_at = {self.dialect.now} "
            "WHERE source = $1 AND schema_name = $2 AND table_name = $3"
        )

    def advance_by_replay(self) -> str:
        """Parameters: source, schema, name, instant, batch, opened less closed."""
        return (
            f"UPDATE {self._control('table_state')} SET last_instant = $4, last_batch_id = $5, "
            f"open_versions = open_versions + $6, changed_at = {self.dialect.now} "
            "WHERE source = $1 AND schema_name = $2 AND table_name = $3"
        )

    def forget_window(self) -> str:
        """Parameters: source, schema, name, window."""
        return (
            f"DELETE FROM {self._control('window_state')} "
            "WHERE source = $1 AND schema_name = $2 AND table_name = $3 AND window_name = $4"
        )

    def checkpoint(self) -> str:
        """Parameters: source, schema, name, window, batch, instant read, rows."""
        return (
            f"INSERT INTO {self._control('window_state')} "
            "(source, schema_name, table_name, window_name, batch_id, read_at, row_count) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7)"
        )

    def batch(self) -> str:
        """Parameters: batch, instant, and the nine counts."""
        return (
            f"UPDATE {self._control('batch')} SET status = 'promoted', instant = $2, "
            "extracted = $3, inserted = $4, updated = $5, reopened = $6, deleted = $7, "
            "unchanged = $8, rewritten = $9, quarantined = $10, filtered = $11, "
            f"finished_at = {self.dialect.now} "
            "WHERE batch_id = $1 AND status = 'running'"
        )
