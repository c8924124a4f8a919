SELECT o.object_id,
       (SELECT COUNT(*) FROM sys.security_predicates f
        JOIN sys.security_policies p ON p.object_id = f.object_id
        WHERE f.target_object_id = o.object_id AND f.predicate_type = 0 AND p.is_enabled = 1)
FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE s.name = $1 AND o.name = $2 AND o.type IN ('U', 'V');
