"""Fixtures of the tests that run the command line as a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.databases import Database
from tests.support.site import Site


@pytest.fixture
def site(source_db: Database, target_db: Database, tmp_path: Path) -> Site:
    """Two empty databases; the configuration is the test's to write."""
    return Site(source_db, target_db, tmp_path)
