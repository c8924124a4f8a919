SELECT i.index_id, c.name,
       (SELECT COUNT(*) FROM sys.index_columns m WHERE m.object_id = i.object_id
        AND m.index_id = i.index_id AND m.key_ordinal > 0) AS width
FROM sys.indexes i
JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = $1 AND k.key_ordinal > 0
  AND i.is_unique = 1 AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND i.has_filter = 0
  AND NOT EXISTS (SELECT 1 FROM sys.index_columns n
      JOIN sys.columns x ON x.object_id = n.object_id AND x.column_id = n.column_id
      WHERE n.object_id = i.object_id AND n.index_id = i.index_id AND n.key_ordinal > 0
        AND x.is_nullable = 1)
ORDER BY i.is_primary_key DESC, width, i.index_id, k.key_ordinal;
