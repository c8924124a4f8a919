"""The flow of one table, and what a run of it comes to."""
