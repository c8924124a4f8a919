"""Numbered migrations of the control schema, one folder of SQL files an engine."""
