"""Gets rows in: the statements of promote, and the one transaction that runs them.

Engine-neutral: an engine brings a dialect and sessions.
"""
