"""A TDS server over PostgreSQL, to test SQL Server adapters through Microsoft's real drivers.

It proves drivers, protocol, types, the bulk path and the shape of our T-SQL. PostgreSQL decides
what a statement results in, so it is no proof of SQL Server's locking, collations (comparisons
here tell case and trailing spaces apart, SQL Server's do not), isolation or plans. Whatever it
does not understand it refuses with error 50000 and the name of it; it drops nothing in silence.

    with TdsServer(dsn, user="sa", password="...") as server:
        pyodbc.connect(f"DRIVER=...;SERVER=tcp:127.0.0.1,{server.port};...")

``server`` starts and stops; ``protocol`` (alone in importing pysqlbridge) and ``connection`` speak
TDS; ``lexer``, ``script``, ``prepare``, ``dialect``, ``translate``, ``dml``, ``ddl`` turn T-SQL into
PostgreSQL's SQL without touching a database; ``session`` and ``interpreter`` run it on ``backend``.
"""
