SELECT o.name FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id WHERE s.name = $1 AND o.type = 'U' AND LEFT(o.name, 6) = N'_load_';
