"""Which peers there are, and how one is made ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from tests.benchmarks.measured import Bench
from tests.benchmarks.peers import with_dbt, with_dlt
from tests.benchmarks.peers.peer import Peer
from tests.support.databases import Database

Make = Callable[[Bench, Database, Path, Path], Peer]
"""From a target database, the folder of environments, and a folder of its own."""

PEERS: Mapping[str, Make] = MappingProxyType(
    {
        "dlt": partial(with_dlt.make, adbc=False),
        "dlt-adbc": partial(with_dlt.make, adbc=True),
        "dbt": with_dbt.make,
    }
)
PACKAGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dlt": with_dlt.packages(adbc=False),
        "dlt-adbc": with_dlt.packages(adbc=True),
        "dbt": with_dbt.PACKAGES,
    }
)
