"""What does history become? Version columns, the instant of a batch, invariants.

Pure. Law 3: at most one open version per key, intervals half-open, never empty, no overlap.
"""
