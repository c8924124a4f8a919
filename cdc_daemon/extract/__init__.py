"""Gets rows out: reads a table, checks its keys, hashes every row, lands all on local disk."""
