"""In-memory adapters: the executable definition that every engine is held to.

Not mocks: they keep every law, and the contract suites run against them first.
"""
