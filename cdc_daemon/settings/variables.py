"""One variable, as pydantic-settings reads it.

A module of its own, which ``environment`` imports where there is a variable to read: nobody else
pays for pydantic-settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from cdc_daemon.settings.models import Document


class Variables(Document, BaseSettings):
    """The sections of the file, as environment variables name them."""

    model_config = SettingsConfigDict(env_prefix="CDC__", env_nested_delimiter="__")


class _OneVariable(EnvSettingsSource):
    """A single variable at a time, so that each keeps its name."""

    def __init__(self, name: str, value: str) -> None:
        self._variable = {name.lower(): value}
        super().__init__(Variables)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return self._variable


def read(name: str, value: str) -> dict[str, Any]:
    """What the variable sets, by section; empty where its name means none.

    Raises:
        ValueError, RecursionError: it is neither plain text nor JSON that fits there.
    """
    return _OneVariable(name, value)()
