"""Copies tables into a warehouse and keeps every version of every row."""

__version__ = "0.1.0"
