"""A folder with a valid configuration, and what loading a changed one says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cdc_daemon.errors import ConfigError
from cdc_daemon.settings.load import load

CONNECTIONS = """\
connections:
  core: {engine: postgresql, host: db1, database: core, user: reader, password: {env: CORE_PASSWORD}}
  warehouse: {engine: postgresql, host: wh, database: wh, user: cdc, password: {env: WH_PASSWORD}}
"""
TARGET = "target: {connection: warehouse}\n"
TABLES = "tables:\n  - {source: core, schema: public, name: Account}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for the files of one configuration."""
    return tmp_path / "config"


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    """Writes a file below the folder and gives its path."""

    def _write(text: str | bytes, name: str = "cdc-daemon.yaml") -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return _write


@pytest.fixture
def load_text(write):
    """Loads a text as the main file."""

    def _load(text: str | bytes, environ: dict[str, str] | None = None, **more: int):
        return load(write(text), environ or {}, **more)

    return _load


@pytest.fixture
def issues_of(load_text, folder: Path):
    """The issues of a text, its folder left out; fails where there are none."""

    def _issues(text: str | bytes, environ: dict[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_text(text, environ)
        return [issue.replace(f"{folder}/", "") for issue in caught.value.issues]

    return _issues


@pytest.fixture
def valid() -> str:
    """A small valid configuration: connections on lines 1-3, target 4, tables from 5."""
    return CONNECTIONS + TARGET + TABLES


@pytest.fixture
def head() -> str:
    """Its first four lines: connections and target."""
    return CONNECTIONS + TARGET
