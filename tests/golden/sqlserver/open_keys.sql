SELECT i.index_id, c.name
FROM sys.indexes i
JOIN sys.objects o ON o.object_id = i.object_id
JOIN sys.schemas s ON s.schema_id = o.schema_id
JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE s.name = $1 AND o.name = $2 AND o.type = 'U' AND k.key_ordinal > 0
  AND i.is_unique = 1 AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND i.ignore_dup_key = 0
  AND (i.filter_definition = N'([_valid_to] IS NULL)' OR i.has_filter = 0)
ORDER BY i.index_id, k.key_ordinal;
