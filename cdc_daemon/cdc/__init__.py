"""What changed? Canonical form, row hash, comparison, guards.

Pure, and the heart of law 5: the same source gives no new version, whatever version of the
daemon, of a driver or of a library reads it.
"""
