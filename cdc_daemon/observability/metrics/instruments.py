"""prometheus-client's objects, made from declarations.

With thousands of tables there are tens of thousands of series. Counters are plain numbers here,
and samples are made one by one as they are rendered: objects that pile up during a scrape bring
on full garbage collections, which stop the event loop for longer than 50 ms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import cast

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from cdc_daemon.observability.metrics.declaration import Declaration

Row = tuple[tuple[str, ...], float]
"""Label values, and the value."""


def family(declared: Declaration, rows: Iterable[Row] = ()) -> Metric:
    """A metric whose samples are made from ``rows``, once, as it is rendered."""
    made = Metric(declared.family, declared.help, declared.kind.value, declared.unit)
    samples = (
        Sample(declared.name, dict(zip(declared.labels, labels, strict=True)), value)
        for labels, value in rows
    )
    made.samples = cast("list[Sample]", samples)  # nothing but iterated over
    return made


def single(declared: Declaration, value: float) -> Metric:
    """A metric with one sample, without labels."""
    return family(declared, (((), value),))


class Tally(Collector):
    """A counter: written on the event loop, collected in any thread."""

    def __init__(self, declared: Declaration, registry: CollectorRegistry) -> None:
        self._declared = declared
        self._values: dict[tuple[str, ...], float] = {} if declared.labels else {(): 0.0}
        registry.register(self)

    def add(self, *labels: str, by: float = 1) -> None:
        """Count; a series begins with its first count, be it of nothing."""
        self._values[labels] = self._values.get(labels, 0.0) + by

    def keep_only(self, kept: Collection[str]) -> None:
        """Forget the series whose first label is none of ``kept``."""
        self._values = {key: value for key, value in self._values.items() if key[0] in kept}

    def describe(self) -> Iterator[Metric]:
        """The name, so that the registry refuses a second of the same."""
        yield family(self._declared)

    def collect(self) -> Iterator[Metric]:
        """All series."""
        yield family(self._declared, self._values.copy().items())


def histogram(declared: Declaration, registry: CollectorRegistry) -> Histogram:
    """A histogram on the registry."""
    return Histogram(
        declared.name,
        declared.help,
        declared.labels,
        unit=declared.unit,
        buckets=declared.buckets,
        registry=registry,
    )


def prune(metric: Histogram, label: str, kept: Collection[str]) -> None:
    """Remove the series whose ``label`` is none of ``kept``."""
    found = {sample.labels[label] for each in metric.collect() for sample in each.samples}
    for value in found - set(kept):
        metric.remove_by_labels({label: value})
