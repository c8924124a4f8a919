"""Numbered migrations of the control schema, in T-SQL."""
