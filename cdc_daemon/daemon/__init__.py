"""The process that lives for months: services outside, work inside, one way to stop."""
