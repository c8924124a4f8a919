SELECT o.object_id FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE s.name = $1 AND o.name = $2 AND o.type IN ('U', 'V');
