"""What the catalog says of a history: its columns, and the index that keeps law 3."""

from __future__ import annotations

# types as `column_type` spells them; names of `byte_columns` are those that end in digits
COLUMNS_OF = """
SELECT c.name, CASE t.name
    WHEN 'nvarchar' THEN CASE c.max_length WHEN -1 THEN 'nvarchar(max)'
        ELSE CONCAT('nvarchar(', c.max_length / 2, ')') END
    WHEN 'varbinary' THEN CASE c.max_length WHEN -1 THEN 'varbinary(max)'
        ELSE CONCAT('varbinary(', c.max_length, ')') END
    WHEN 'decimal' THEN CONCAT('decimal(', c.precision, ',', c.scale, ')')
    WHEN 'time' THEN CONCAT('time(', c.scale, ')')
    WHEN 'datetime2' THEN CONCAT('datetime2(', c.scale, ')')
    WHEN 'datetimeoffset' THEN CONCAT('datetimeoffset(', c.scale, ')')
    WHEN 'float' THEN 'float(53)'
    ELSE t.name END
FROM sys.columns c
JOIN sys.objects o ON o.object_id = c.object_id
JOIN sys.schemas s ON s.schema_id = o.schema_id
JOIN sys.types t ON t.user_type_id = c.user_type_id
WHERE s.name = $1 AND o.name = $2 AND o.type IN ('U', 'V')
  AND NOT (LEFT(c.name, 11) = N'_key_bytes_' AND SUBSTRING(c.name, 12, 128) NOT LIKE N'%[^0-9]%')
ORDER BY c.column_id
"""

_OPEN = "([_valid_to] IS NULL)"
"""How SQL Server writes the filter of law 3's index."""

# one without a filter keeps law 3, too, and more than that
OPEN_KEYS = f"""
SELECT i.index_id, c.name
FROM sys.indexes i
JOIN sys.objects o ON o.object_id = i.object_id
JOIN sys.schemas s ON s.schema_id = o.schema_id
JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE s.name = $1 AND o.name = $2 AND o.type = 'U' AND k.key_ordinal > 0
  AND i.is_unique = 1 AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND i.ignore_dup_key = 0
  AND (i.filter_definition = N'{_OPEN}' OR i.has_filter = 0)
ORDER BY i.index_id, k.key_ordinal
"""
