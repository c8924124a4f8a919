"""SQL Server as a source and as a target.

Microsoft's ODBC driver for the catalog, the control tables, promote and locks; mssql-python for
rows, as Arrow, both ways.
"""
