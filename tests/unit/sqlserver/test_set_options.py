"""The options of sessions: set in one batch, and checked by name."""

from __future__ import annotations

import pytest

from cdc_daemon.databases.sqlserver.set_options import CHECK, PROPERTIES, refuse_others, setup
from cdc_daemon.errors import StatementFailed
from cdc_daemon.model.config import ConnectionSpec

SPEC = ConnectionSpec(
    name="wh",
    engine="sqlserver",
    host="db",
    port=1433,
    database="wh",
    user="cdc",
    lock_timeout_seconds=2.5,
)
GOOD = tuple(PROPERTIES.values())


def test_what_a_filtered_index_needs() -> None:
    """Law 3: every option an index over open versions needs is set, and asked for."""
    batch = setup(SPEC)
    for name, on in PROPERTIES.items():
        assert f"SET {name} {'ON' if on else 'OFF'};" in batch
        assert f"'{name}'" in CHECK
    assert "SET NUMERIC_ROUNDABORT OFF" in batch
    assert "SET XACT_ABORT ON" in batch
    assert batch.endswith("SET LOCK_TIMEOUT 2500")


def test_a_session_that_keeps_them() -> None:
    """Options that are as they were set are no error."""
    refuse_others("wh", GOOD)


@pytest.mark.parametrize("value", [0, None])
def test_a_session_that_does_not(value: int | None) -> None:
    """The options in question are named; one the server does not know counts as not kept."""
    with pytest.raises(StatementFailed, match=r"connection wh: .* ANSI_NULLS are not"):
        refuse_others("wh", (value, *GOOD[1:]))
