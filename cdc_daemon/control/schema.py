"""Brings the control schema to this version's, in one transaction; refuses a newer one."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from cdc_daemon.errors import Conflict, ControlSchemaError
from cdc_daemon.model.config import TargetSpec
from cdc_daemon.model.table import QualifiedName
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.sql import SqlDatabase, SqlSession


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; ``statements`` are ready to run."""

    version: int
    name: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSchema:
    """The control schema of one target."""

    database: SqlDatabase
    dialect: TargetDialect
    target: TargetSpec

    def migrations(self) -> tuple[Migration, ...]:
        """All that this version knows, in order."""
        folder = resources.files("cdc_daemon.control.migrations") / self.dialect.name
        files = {f.name: f for f in folder.iterdir() if f.name.endswith(".sql")}
        return tuple(
            self._migration(n, files[n].read_text(encoding="utf-8")) for n in sorted(files)
        )

    def _migration(self, file: str, text: str) -> Migration:
        number, name = file.removesuffix(".sql").split("_", 1)
        quote = self.dialect.quote
        sql = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
        for placeholder, schema in (
            ("{control}", self.target.control_schema),
            ("{bronze}", self.target.bronze_schema),
            ("{stage}", self.target.stage_schema),
        ):
            sql = sql.replace(placeholder, quote(schema))
        statements = tuple(s.strip() for s in sql.split(";\n") if s.strip())
        return Migration(int(number), name, tuple(s.removesuffix(";") for s in statements))

    async def pending(self) -> tuple[Migration, ...]:
        """What is still to be applied. Writes nothing.

        Raises:
            ControlSchemaError: the schema is newer than this version.
        """
        async with self.database.session() as session:
            return self._after(await self._version(session))

    async def apply(self) -> tuple[Migration, ...]:
        """Apply what is pending, all or nothing; several daemons may start at once."""
        if not await self.pending():
            return ()
        async with self.database.transaction() as session:
            ((alone,),) = await session.fetch(self.dialect.migration_lock)
            if not alone:
                raise Conflict(f"{self.target.control_schema}: another process migrates it")
            target = self.target
            for schema in (target.control_schema, target.bronze_schema, target.stage_schema):
                await session.execute(self.dialect.create_schema(schema))
            await session.execute(self.dialect.create_migrations(self._name))
            pending = self._after(await self._version(session))
            for migration in pending:
                for statement in migration.statements:
                    await session.execute(statement)
                await session.execute(
                    f"INSERT INTO {self._table} (version, name, applied_at) "
                    f"VALUES ($1, $2, {self.dialect.now})",
                    migration.version,
                    migration.name,
                )
        return pending

    async def require_current(self) -> None:
        """Refuse to run on a schema that is not this version's.

        Raises:
            ControlSchemaError: migrations are pending, or it is newer.
        """
        if pending := await self.pending():
            raise ControlSchemaError(
                f"control schema {self.target.control_schema}: {len(pending)} migration(s) pending"
            )

    @property
    def _table(self) -> str:
        return self.dialect.qualified(self._name)

    @property
    def _name(self) -> QualifiedName:
        return QualifiedName(self.target.control_schema, "schema_migration")

    async def _version(self, session: SqlSession) -> int:
        found = await session.fetch(
            "SELECT 1 FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = $1 AND TABLE_NAME = $2",
            self.target.control_schema,
            "schema_migration",
        )
        if not found:
            return 0
        rows = await session.fetch(f"SELECT coalesce(max(version), 0) FROM {self._table}")
        return int(rows[0][0])

    def _after(self, version: int) -> tuple[Migration, ...]:
        known = self.migrations()
        newest = known[-1].version
        if version > newest:
            raise ControlSchemaError(
                f"control schema {self.target.control_schema} is of version {version}; "
                f"this daemon knows up to {newest}",
                remedy="Run the version of cdc-daemon that made it, or a later one.",
            )
        return tuple(m for m in known if m.version > version)
