SELECT c.name, COALESCE(b.name, t.name), c.max_length, c.precision, c.scale,
       CASE WHEN b.name IS NULL AND t.is_user_defined = 1 THEN 1 ELSE 0 END,
       CASE WHEN c.generated_always_type <> 0 OR b.name = 'timestamp' OR c.is_computed = 1
                 AND COLUMNPROPERTY(c.object_id, c.name, 'IsDeterministic') = 0
            THEN 0 ELSE 1 END,
       c.is_masked,
       CASE WHEN c.encryption_type IS NULL THEN 0 ELSE 1 END
FROM sys.columns c
JOIN sys.types t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types b ON b.user_type_id = c.system_type_id
WHERE c.object_id = $1
ORDER BY c.column_id;
