"""One folder an engine: dialect and types (pure text), sessions, bulk, locks, errors.

Drivers appear only here. Engines do not know each other.
"""
