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
ORDER BY c.column_id;
