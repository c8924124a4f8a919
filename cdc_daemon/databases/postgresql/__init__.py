"""PostgreSQL as a source and as a target.

asyncpg for the catalog, the control tables and binary COPY; ADBC for rows out, as Arrow.
"""
