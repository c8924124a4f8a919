"""How both drivers reach a database: the same place, settings and patience. Text only.

Law 9: what is returned here has the password in it.
"""

from __future__ import annotations

import socket
import ssl
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

from cdc_daemon.model.config import ConnectionSpec

SETTINGS = {
    # what is carried as text must read back as the same value on the other side
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    # a policy that hides rows is an error, not a mass delete
    "row_security": "off",
    # a long read is not idle, and is cancelled rather than timed out
    "idle_in_transaction_session_timeout": "0",
    "statement_timeout": "0",
}

APPLICATION = "cdc-daemon"
"""By which the server's own views know our sessions."""

KEEPALIVE = MappingProxyType(
    {  # a peer that is gone is noticed within a minute
        socket.TCP_KEEPIDLE: 30,
        socket.TCP_KEEPINTVL: 10,
        socket.TCP_KEEPCNT: 3,
        socket.TCP_USER_TIMEOUT: 60_000,
    }
)


def arguments(spec: ConnectionSpec, password: str | None) -> dict[str, Any]:
    """For asyncpg; ``connection_class`` apart."""
    return {
        "host": spec.host,
        "port": spec.port,
        "database": spec.database,
        "user": spec.user,
        "password": password,
        "ssl": _ssl(spec),
        "timeout": spec.connect_timeout_seconds,
        "statement_cache_size": 0,  # poolers in between, and DDL by others, stay harmless
        "server_settings": {"application_name": APPLICATION, **_settings(spec)},
    }


def uri(spec: ConnectionSpec, password: str | None) -> str:
    """For libpq, which the Arrow driver is made of."""
    options = " ".join(
        f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in _settings(spec).items()
    )
    query = {
        "connect_timeout": str(max(2, int(spec.connect_timeout_seconds))),
        "application_name": APPLICATION,
        "sslmode": spec.tls.mode,
        "options": options,
        "keepalives_idle": str(KEEPALIVE[socket.TCP_KEEPIDLE]),
        "keepalives_interval": str(KEEPALIVE[socket.TCP_KEEPINTVL]),
        "keepalives_count": str(KEEPALIVE[socket.TCP_KEEPCNT]),
        "tcp_user_timeout": str(KEEPALIVE[socket.TCP_USER_TIMEOUT]),
    }
    if spec.tls.ca_file:
        query["sslrootcert"] = spec.tls.ca_file
    user = quote(spec.user, safe="") + (f":{quote(password, safe='')}" if password else "")
    host = f"[{spec.host}]" if ":" in spec.host else quote(spec.host, safe="")
    return (
        f"postgresql://{user}@{host}:{spec.port}/{quote(spec.database, safe='')}"
        f"?{urlencode(query, quote_via=quote)}"
    )


def _settings(spec: ConnectionSpec) -> dict[str, str]:
    return {**SETTINGS, "lock_timeout": str(int(spec.lock_timeout_seconds * 1000))}


def _ssl(spec: ConnectionSpec) -> str | ssl.SSLContext:
    if spec.tls.ca_file is None or spec.tls.mode in {"disable", "allow", "prefer", "require"}:
        return spec.tls.mode
    context = ssl.create_default_context(cafile=spec.tls.ca_file)
    context.check_hostname = spec.tls.mode == "verify-full"
    return context
