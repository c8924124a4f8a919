"""How the drivers reach a SQL Server: the same place, settings and patience. Text only.

Law 9: what is returned here has the password in it, but for ``issues``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from cdc_daemon.errors import ConfigError
from cdc_daemon.model.config import ConnectionSpec, SqlServerSpec, is_microsoft

APPLICATION = "cdc-daemon"
"""By which the server's own views know our ODBC sessions; the Arrow driver gives its own name."""

COMMON: Mapping[str, str] = MappingProxyType(
    {
        # a peer that is gone is noticed within minutes
        "KeepAlive": "30",
        "KeepAliveInterval": "10",
        # a session that the driver makes anew in silence has lost its lock (law 2)
        "ConnectRetryCount": "0",
    }
)
"""For both of Microsoft's drivers."""

_TLS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {  # Encrypt, TrustServerCertificate
        "disable": ("no", "yes"),
        "allow": ("optional", "yes"),
        "prefer": ("optional", "yes"),
        "require": ("yes", "yes"),
        "verify-full": ("yes", "no"),
    }
)
_FREETDS_TLS: Mapping[str, str] = MappingProxyType(
    {"disable": "off", "allow": "request", "prefer": "request", "require": "require"}
)
_INTENTS = ("ReadWrite", "ReadOnly")


def issues(spec: ConnectionSpec) -> Iterator[str]:
    """What of the settings cannot be kept, each with what to do instead."""
    mode, given = spec.tls.mode, spec.sqlserver
    microsoft = is_microsoft(given.driver)
    if mode == "verify-ca":
        yield (
            "tls.mode: verify-ca is not to be had of SQL Server's drivers; take verify-full, "
            "with the name that stands in the server's certificate as `host:`"
        )
    if mode == "verify-full" and not microsoft:
        yield (
            f"tls.mode: {mode} is not to be had of the driver {given.driver}; "
            "leave `driver:` out, or take `require`"
        )
    for name in ("failover_partner", "multi_subnet_failover"):
        if getattr(given, name) and not microsoft:  # it knows no such keyword
            yield (
                f"sqlserver.{name} is not to be had of the driver {given.driver}; "
                "leave `driver:` out, or do without it"
            )
    if spec.tls.ca_file is not None:  # the driver would pass over it in silence
        yield (
            "tls.ca_file: SQL Server's drivers take the system's trusted authorities only; add "
            "the file to them, or name it in the environment variable SSL_CERT_FILE"
        )
    if given.application_intent not in _INTENTS:
        yield f"sqlserver.application_intent: one of {', '.join(_INTENTS)}"
    if given.bulk not in {"copy", "rows"}:
        yield "sqlserver.bulk: one of copy, rows"


def check(spec: ConnectionSpec) -> None:
    """Refuse what cannot be kept.

    Raises:
        ConfigError: with every one of ``issues``.
    """
    if found := [f"connections.{spec.name}: {issue}" for issue in issues(spec)]:
        raise ConfigError(found)


def odbc(
    spec: ConnectionSpec, password: str | None, driver: str, application: str = APPLICATION
) -> str:
    """For pyodbc, through ``driver``: a path, or a name of the driver manager's."""
    given = spec.sqlserver
    if not is_microsoft(given.driver):
        keywords = {"Driver": driver, **_freetds(spec, given, password), "APP": application}
        return _text_for_freetds(keywords)
    keywords = {
        "Driver": driver,
        **_reached(spec, _server(spec, spec.host, given.instance), password),
        **_encrypted(spec),
        **COMMON,
        **_routed(given),
        "APP": application,
        "LongAsMax": "yes",  # long values are nvarchar(max), which compares; ntext does not
    }
    if given.failover_partner is not None:
        keywords["Failover_Partner"] = given.failover_partner
    return _text(keywords)


def native(spec: ConnectionSpec, password: str | None) -> tuple[str, ...]:
    """For mssql-python, which takes no partner: the servers, in the order to be tried."""
    given = spec.sqlserver
    servers = [_server(spec, spec.host, given.instance)]
    if given.failover_partner is not None:
        servers.append(given.failover_partner)
    return tuple(
        _text(
            {
                **_reached(spec, server, password),
                **_encrypted(spec),
                **COMMON,
                **_routed(given),
            }
        )
        for server in servers
    )


def _server(spec: ConnectionSpec, host: str, instance: str | None) -> str:
    # an instance's port is told by the server's browser service
    return f"{host}\\{instance}" if instance else f"{host},{spec.port}"


def _reached(spec: ConnectionSpec, server: str, password: str | None) -> dict[str, str]:
    keywords = {"Server": server, "Database": spec.database, "UID": spec.user}
    if password:
        keywords["PWD"] = password
    return keywords


def _encrypted(spec: ConnectionSpec) -> dict[str, str]:
    encrypt, trust = _TLS[spec.tls.mode]
    return {"Encrypt": encrypt, "TrustServerCertificate": trust}


def _routed(given: SqlServerSpec) -> dict[str, str]:
    failover = "yes" if given.multi_subnet_failover else "no"
    return {"ApplicationIntent": given.application_intent, "MultiSubnetFailover": failover}


def _freetds(spec: ConnectionSpec, given: SqlServerSpec, password: str | None) -> dict[str, str]:
    place = (
        {"Server": f"{spec.host}\\{given.instance}"}
        if given.instance
        else {"Server": spec.host, "Port": str(spec.port)}
    )
    keywords = {
        **_reached(spec, "", password),
        **place,
        "TDS_Version": "7.4",
        "ClientCharset": "UTF-8",
        "Encryption": _FREETDS_TLS[spec.tls.mode],
    }
    if given.application_intent != "ReadWrite":
        keywords["ApplicationIntent"] = given.application_intent
    return keywords


def _text_for_freetds(keywords: Mapping[str, str]) -> str:
    """As FreeTDS of any version reads it: before 1.4.26 it knows no doubled brace, nor the end of
    the string as the end of a value (its ``src/odbc/connectparams.c``).
    """
    return "".join(f"{name}={_quoted_if_need_be(value)};" for name, value in keywords.items())


def _quoted_if_need_be(value: str) -> str:
    return _quoted(value) if ";" in value or value.startswith("{") else value


def _text(keywords: Mapping[str, str]) -> str:
    return ";".join(f"{name}={_quoted(value)}" for name, value in keywords.items())


def _quoted(value: str) -> str:
    # in braces a value may hold anything, a closing brace doubled
    return f"{{{value.replace('}', '}}')}}}"
