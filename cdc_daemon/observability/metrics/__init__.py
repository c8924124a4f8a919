"""Metrics: what is exposed, on a registry that is handed in.

Law 9 and bounded cardinality live here: label values are names from the configuration and words
of the code; a table that is not configured has no series.
Neighbours: `daemon.http` serves them, `ports.statistics` is what they are read from.
"""
