"""What the flow asks of databases, locks, control tables and screens. Adapters live elsewhere.

One suite a port (``tests/contract``) holds the in-memory adapters and every engine to the same
behaviour.
"""
