"""Connection strings of SQL Server's drivers: complete, escaped, and honest about TLS."""

from __future__ import annotations

import pytest

from cdc_daemon.databases.sqlserver.address import check, issues, native, odbc
from cdc_daemon.errors import ConfigError
from cdc_daemon.model.config import ConnectionSpec, SqlServerSpec, TlsSpec, is_microsoft

DRIVER = "/lib/libmsodbcsql-18.so"


def spec(
    mode: str = "prefer", ca_file: str | None = None, user: str = "reader", **own: object
) -> ConnectionSpec:
    return ConnectionSpec(
        name="core",
        engine="sqlserver",
        host="db1",
        port=1433,
        database="sales;x",
        user=user,
        tls=TlsSpec(mode=mode, ca_file=ca_file),
        sqlserver=SqlServerSpec(**own),
    )


def parsed(string: str) -> dict[str, str]:
    """A connection string as ODBC reads it: ``}}`` within braces is one brace."""
    found, at = {}, 0
    while at < len(string):
        equals = string.index("={", at)
        end = equals + 2
        value = ""
        while True:
            brace = string.index("}", end)
            value += string[end:brace]
            if string[brace : brace + 2] != "}}":
                break
            value, end = value + "}", brace + 2
        found[string[at:equals]] = value
        at = brace + 2
    return found


def plainly_parsed(string: str) -> dict[str, str]:
    """As FreeTDS 1.3 reads it: a value ends at ``;``, one in braces at ``};``; nothing is doubled."""
    found = {}
    while string:
        name, _, rest = string.partition("=")
        value, _, string = rest[1:].partition("};") if rest[0] == "{" else rest.partition(";")
        found[name] = value
    return found


@pytest.mark.parametrize("password", ["plain", "p;w=d", "{x}", "}", "}};PWD={other}", "a b'\"$1"])
def test_any_value_is_one_value(password: str) -> None:
    """Law 9 and safety: no password or name can end its value and begin a keyword."""
    for string in (odbc(spec(), password, DRIVER), *native(spec(), password)):
        keywords = parsed(string)
        assert keywords["PWD"] == password
        assert keywords["Database"] == "sales;x"


@pytest.mark.parametrize(
    ("mode", "encrypt", "trust"),
    [
        ("disable", "no", "yes"),
        ("allow", "optional", "yes"),
        ("prefer", "optional", "yes"),
        ("require", "yes", "yes"),
        ("verify-full", "yes", "no"),
    ],
)
def test_tls_modes(mode: str, encrypt: str, trust: str) -> None:
    """Each mode is what both drivers understand by it, and none is left to their defaults."""
    for string in (odbc(spec(mode), "x", DRIVER), *native(spec(mode), "x")):
        keywords = parsed(string)
        assert (keywords["Encrypt"], keywords["TrustServerCertificate"]) == (encrypt, trust)


def test_a_host_and_port_or_an_instance() -> None:
    """An instance's port is found by name; no port is given with it."""
    assert parsed(odbc(spec(), "x", DRIVER))["Server"] == "db1,1433"
    named = spec(instance="INST")
    assert parsed(odbc(named, "x", DRIVER))["Server"] == "db1\\INST"
    assert parsed(native(named, "x")[0])["Server"] == "db1\\INST"
    assert "Port" not in plainly_parsed(odbc(spec(instance="I", driver="FreeTDS"), "x", "FreeTDS"))


def test_what_only_sql_server_has() -> None:
    """Intent, failover and sub-nets reach both drivers as far as each knows them."""
    given = spec(application_intent="ReadOnly", failover_partner="db2", multi_subnet_failover=True)
    keywords = parsed(odbc(given, "x", DRIVER))
    assert keywords["ApplicationIntent"] == "ReadOnly"
    assert keywords["MultiSubnetFailover"] == "yes"
    assert keywords["Failover_Partner"] == "db2"
    assert [parsed(string)["Server"] for string in native(given, "x")] == ["db1,1433", "db2"]


def test_a_lost_session_is_not_made_anew_in_silence() -> None:
    """Law 2: a lock must not be lost unnoticed."""
    for string in (odbc(spec(), "x", DRIVER), *native(spec(), "x")):
        assert parsed(string)["ConnectRetryCount"] == "0"
        assert int(parsed(string)["KeepAlive"]) <= 60


def test_freetds_has_its_own_keywords() -> None:
    """Another driver than Microsoft's is spoken to as FreeTDS is."""
    keywords = plainly_parsed(odbc(spec("require", driver="FreeTDS"), "x", "FreeTDS"))
    assert keywords["Driver"] == "FreeTDS"
    assert (keywords["Server"], keywords["Port"]) == ("db1", "1433")
    assert (keywords["TDS_Version"], keywords["Encryption"]) == ("7.4", "require")
    assert "Encrypt" not in keywords


@pytest.mark.parametrize("password", ["plain", "p;w=d", "{x;y", "a}b", "a}", "a b'\"$1"])
def test_freetds_of_any_version_reads_a_password(password: str) -> None:
    """Safety: it knows no doubled brace before 1.4.26, nor the end of the string as one of a value.

    A ``}`` together with a ``;`` is written for the newer ones: no writing suits both.
    """
    string = odbc(spec(driver="FreeTDS"), password, "FreeTDS")
    keywords = plainly_parsed(string)
    assert (keywords["PWD"], keywords["Database"]) == (password, "sales;x")
    assert keywords["APP"] == "cdc-daemon"
    assert "PWD={a}};b};" in odbc(spec(driver="FreeTDS"), "a};b", "FreeTDS")


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        (None, True),
        ("ODBC Driver 17 for SQL Server", True),
        ("/lib/x/libmsodbcsql-18.6.so.2.1", True),
        ("FreeTDS", False),
        ("/usr/lib/libtdsodbc.so", False),
    ],
)
def test_whose_driver_it_is(driver: str | None, expected: object) -> None:
    """Microsoft's driver is known by name and by path."""
    assert is_microsoft(driver) is expected


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (spec("verify-ca"), "tls.mode"),
        (spec("verify-full", ca_file="ca.pem"), "tls.ca_file"),
        (spec("verify-full", driver="FreeTDS"), "tls.mode"),
        (spec(failover_partner="db2", driver="FreeTDS"), "failover_partner"),
        (spec(multi_subnet_failover=True, driver="FreeTDS"), "multi_subnet_failover"),
        (spec(application_intent="Read"), "application_intent"),
        (spec(bulk="fast"), "bulk"),
    ],
)
def test_what_cannot_be_kept_is_refused(given: ConnectionSpec, named: str) -> None:
    """A setting the drivers would pass over is an error that says what to do instead."""
    (issue,) = issues(given)
    assert issue.startswith(("tls.", "sqlserver."))
    assert named in issue
    with pytest.raises(ConfigError, match=r"connections\.core: "):
        check(given)


def test_usual_settings_are_kept() -> None:
    """What can be kept is no issue."""
    for mode in ("disable", "prefer", "require", "verify-full"):
        check(spec(mode))
