SELECT x.relname::text, array_remove(ARRAY[
        left(d.text, length(d.text) - length(d.predicate))
            || ' TABLESPACE ' || quote_ident(s.spcname) || d.predicate,
        'COMMENT ON INDEX ' || format('%I.%I', n.nspname, x.relname) || ' IS '
            || quote_literal(obj_description(x.oid, 'pg_class'))
    ], NULL)
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_database b ON b.datname = current_database()
JOIN pg_catalog.pg_tablespace s ON s.oid = coalesce(nullif(x.reltablespace, 0), b.dattablespace)
CROSS JOIN LATERAL (SELECT pg_get_indexdef(x.oid) AS text,
    coalesce(' WHERE ' || pg_get_expr(i.indpred, i.indrelid), '') AS predicate) d
WHERE n.nspname = $1 AND c.relname = $2
  AND NOT (i.indisunique OR i.indisexclusion OR i.indisclustered)
  AND i.indisvalid AND i.indisready AND i.indislive
  AND x.relkind = 'i' AND NOT x.relispartition
  AND right(d.text, length(d.predicate)) = d.predicate
  AND pg_has_role(c.relowner, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE')
  AND (s.oid = b.dattablespace OR has_tablespace_privilege(s.oid, 'CREATE'))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = x.oid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend p
    WHERE (p.refclassid, p.refobjid) = ('pg_class'::regclass, x.oid)
       OR (p.classid, p.objid) = ('pg_class'::regclass, x.oid) AND p.deptype IN ('e', 'x'))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = x.oid AND a.attstattarget >= 0)
ORDER BY x.oid;
