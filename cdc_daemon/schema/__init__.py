"""What columns exist: logical types, their carriers, names in the target, differences.

Pure. The engines' catalogs are read under ``databases``; here is what they are read *into*.
"""
