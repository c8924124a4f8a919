"""Connections and target, checked against each other and against what this version can do.

Law: an engine this version lacks is refused by name, not left to fail at the first batch. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from cdc_daemon.model.config import (
    SHARED_POOL,
    ConnectionSpec,
    PoolLimits,
    SqlServerSpec,
    TargetSpec,
    TlsSpec,
    is_microsoft,
)
from cdc_daemon.model.secret import SecretKind
from cdc_daemon.settings.issues import Issue, did_you_mean
from cdc_daemon.settings.models import Connection, Target
from cdc_daemon.settings.names import IDENTIFIER_BYTES, byte_length
from cdc_daemon.settings.parts import Parts

_SUPPORTED = ("postgresql", "sqlserver")
_PORTS: Mapping[str, int] = MappingProxyType(
    {"postgresql": 5432, "sqlserver": 1433, "oracle": 1521}
)


def connection_spec(name: str, connection: Connection) -> ConnectionSpec:
    """The model's form of a connection, its port filled in."""
    return ConnectionSpec(
        name=name,
        engine=connection.engine,
        host=connection.host,
        port=connection.port or _PORTS[connection.engine],
        database=connection.database,
        user=connection.user,
        password=connection.password,
        pool=PoolLimits(**connection.pool.model_dump()),
        tls=TlsSpec(**connection.tls.model_dump()),
        connect_timeout_seconds=connection.connect_timeout_seconds,
        lock_timeout_seconds=connection.lock_timeout_seconds,
        max_concurrent_reads=connection.max_concurrent_reads,
        sqlserver=SqlServerSpec(**connection.sqlserver.model_dump())
        if connection.sqlserver
        else SqlServerSpec(),
    )


def target_spec(target: Target) -> TargetSpec:
    """The model's form of the target."""
    return TargetSpec(**target.model_dump())


def connection_remedy(name: str, known: Sequence[str]) -> str:
    """What to do about a connection that is not there."""
    return did_you_mean(name, known) if known else "declare it under `connections:`"


def connection_issues(parts: Parts) -> Iterator[Issue]:
    """What is wrong between the keys of each connection."""
    if not parts.connection_names() and not parts.is_broken("connections"):
        yield parts.issue(
            ("connections",), "no connection is declared", "declare the source and the warehouse"
        )
    by_folded: dict[str, str] = {}
    for name, connection in parts.document.connections.items():
        loc = ("connections", name)
        twin = by_folded.setdefault(name.casefold(), name)
        if twin != name:
            first = parts.origin(("connections", twin))
            message = f"differs from the connection '{twin}' ({first}) in case only"
            yield parts.issue(loc, message, "rename one of them")
        if connection.engine not in _SUPPORTED:
            both = " and ".join(_SUPPORTED)
            yield parts.issue(
                (*loc, "engine"),
                f"{connection.engine} is not supported in this version",
                f"this version reads and writes {both}",
            )
        yield from _engine_issues(parts, loc, connection)
        if connection.pool.min > connection.pool.max:
            message = f"min ({connection.pool.min}) is more than max ({connection.pool.max})"
            yield parts.issue((*loc, "pool"), message, "lower min or raise max")
    yield from _shared_issues(parts)


def _shared_issues(parts: Parts) -> Iterator[Issue]:
    """A connection in both roles has sessions for both."""
    target = parts.document.target
    connection = parts.document.connections.get(target.connection) if target else None
    if target is None or connection is None or connection.pool.max >= SHARED_POOL:
        return
    if any(entry.table.source == target.connection for entry in parts.tables):
        yield parts.issue(
            ("connections", target.connection, "pool", "max"),
            f"is {connection.pool.max}, too few for a source that is the target, too",
            f"raise it to {SHARED_POOL} at least",
        )


def _engine_issues(parts: Parts, loc: tuple[str, str], connection: Connection) -> Iterator[Issue]:
    """What only one engine has, asked of another."""
    if connection.sqlserver is not None and connection.engine != "sqlserver":
        message = f"is for SQL Server, and the engine is {connection.engine}"
        yield parts.issue((*loc, "sqlserver"), message, "remove it, or correct the engine")
    if connection.engine == "sqlserver" and connection.tls.mode == "verify-ca":
        yield parts.issue(
            (*loc, "tls", "mode"),
            "verify-ca is not to be had from SQL Server's driver: it checks the host name, too",
            "write verify-full, or require to check nothing",
        )
    if connection.engine == "sqlserver" and connection.tls.ca_file is not None:
        yield parts.issue(
            (*loc, "tls", "ca_file"),
            "SQL Server's drivers take the system's trusted authorities only",
            "add the file to them, or name it in the environment variable SSL_CERT_FILE",
        )
    driver = connection.sqlserver.driver if connection.sqlserver else None
    if connection.tls.mode == "verify-full" and not is_microsoft(driver):
        yield parts.issue(
            (*loc, "tls", "mode"),
            "verify-full is not to be had of another driver than Microsoft's",
            "leave sqlserver.driver out, or write require",
        )
    if connection.sqlserver and connection.sqlserver.instance and connection.port:
        message = "the port is what the instance's name is asked for"
        yield parts.issue((*loc, "port"), message, "remove the port or sqlserver.instance")


def connection_warnings(parts: Parts) -> Iterator[Issue]:
    """What works, but should not stay as it is."""
    grace = parts.document.runtime.grace_seconds
    for name, connection in parts.document.connections.items():
        loc = ("connections", name)
        if connection.password is not None and connection.password.kind is SecretKind.PLAIN:
            yield parts.issue(
                (*loc, "password"),
                "the password stands here in plain text",
                "write {env: NAME} or {file: /path}",
            )
        pool = connection.pool
        sessions = pool.max - pool.max // 2
        if (connection.max_concurrent_reads or 0) > sessions:
            yield parts.issue(
                (*loc, "max_concurrent_reads"),
                f"is more than the {sessions} sessions that pool.max ({pool.max}) has for reading",
                "raise pool.max, or lower it",
            )
        for key in ("connect_timeout_seconds", "lock_timeout_seconds"):
            if getattr(connection, key) >= grace:
                yield parts.issue(
                    (*loc, key),
                    f"is not below runtime.grace_seconds ({grace:g}): a shutdown may have to force",
                    "lower it",
                )


def target_issues(parts: Parts) -> Iterator[Issue]:
    """What is wrong with the target, alone and with its connection."""
    target = parts.document.target
    if target is None:
        if not parts.is_broken("target"):
            message = "no target is named"
            yield parts.issue(("target",), message, "write `target: {connection: NAME}`")
        return
    known = parts.connection_names()
    if target.connection not in known and not parts.is_broken("connections"):
        yield parts.issue(
            ("target", "connection"),
            f"there is no connection '{target.connection}'",
            connection_remedy(target.connection, known),
        )
    seen: dict[str, str] = {}
    for key in ("bronze_schema", "stage_schema", "control_schema"):
        schema: str = getattr(target, key)
        if byte_length(schema) > IDENTIFIER_BYTES:
            message = f"is longer than {IDENTIFIER_BYTES} bytes, PostgreSQL's limit for names"
            yield parts.issue(("target", key), message, "choose a shorter name")
        other = seen.setdefault(schema.casefold(), key)
        if other != key:
            message = f"is the same schema as {other}"
            yield parts.issue(("target", key), message, "use a schema of its own for each")
