"""Which configuration a command means, and what is in it.

Imports neither the application nor a driver, for the commands that do without.
"""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.settings.load import load

DEFAULT_CONFIG = "config/cdc-daemon.yaml"


def config_path(args: Namespace) -> Path:
    """The main file: ``--config``, else ``CDC_CONFIG``, else the default."""
    return Path(args.config or os.environ.get("CDC_CONFIG") or DEFAULT_CONFIG)


def configuration(args: Namespace) -> ConfigSnapshot:
    """The configuration in force for this command.

    Raises:
        ConfigError: with every issue.
    """
    return load(config_path(args), os.environ)
