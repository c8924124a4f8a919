"""Frozen nouns: what is configured, what a batch is, what it came to.

Nothing here decides or does anything; every other package speaks in these words.
"""
