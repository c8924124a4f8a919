"""What the tests of the TDS test server share; nothing of it is loaded where drivers are missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from tests.support.databases import Database

if TYPE_CHECKING:
    from tests.support.tds.server import TdsServer
    from tests.support.tds_clients import Site


@pytest.fixture(scope="module")
def place(postgres: EmbeddedPostgres) -> Iterator[tuple[TdsServer, Database]]:
    """A TDS server over an empty database, for all tests of a module."""
    from tests.support.tds_clients import served_database  # noqa: PLC0415 - needs drivers

    with served_database(postgres) as place:
        yield place


@pytest.fixture
def site(place: tuple[TdsServer, Database]) -> Iterator[Site]:
    """The server with one empty table; connections are closed at the end."""
    from tests.support.tds_clients import a_site  # noqa: PLC0415 - needs drivers

    with a_site(*place) as site:
        yield site
