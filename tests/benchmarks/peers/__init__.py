"""Other programs that keep history of a table, each run as its documentation advises.

Law: pinned versions, an environment of its own, telemetry off, whole processes.
"""
