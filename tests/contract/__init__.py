"""One suite a port: what holds for the in-memory adapters holds for every engine."""
