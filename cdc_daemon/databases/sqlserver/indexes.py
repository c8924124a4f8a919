"""Which indexes of bronze may be put out of use while a batch loads.

A secondary index is not dropped but disabled, and then rebuilt: SQL Server keeps the whole of its
definition meanwhile (included columns, filter, fill factor, compression, partitions, names), which
no statement written from the catalog would give back with certainty. Both are part of promote's
transaction, so that whatever ends a batch early leaves every index as it was (law 7). Law 3: no
unique index is among them, nor one of a constraint. Columnstores and full-text, XML and spatial
indexes are not among them either.
"""

from __future__ import annotations

SECONDARY_INDEXES = """
SELECT i.name, N'ALTER INDEX ' + QUOTENAME(i.name) + N' ON ' + QUOTENAME(s.name) + N'.'
       + QUOTENAME(o.name) + N' REBUILD'
FROM sys.indexes i
JOIN sys.objects o ON o.object_id = i.object_id
JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE s.name = $1 AND o.name = $2 AND o.type = 'U' AND i.type = 2
  AND i.is_unique = 0 AND i.is_primary_key = 0 AND i.is_unique_constraint = 0
  AND i.is_disabled = 0 AND i.is_hypothetical = 0
  AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + N'.' + QUOTENAME(o.name), 'OBJECT', 'ALTER') = 1
ORDER BY i.index_id
"""
