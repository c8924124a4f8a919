-- sys.* as SQL Server shows it, over pg_catalog. Tables that were made without T-SQL appear too.
CREATE TABLE tds.kinds (pg oid, name text, system_type_id int, user_type_id int, max_length int, digits int, scale int, family text);
INSERT INTO tds.kinds
SELECT pg::regtype, name, system_id, coalesce(user_id, system_id), size, digits, scale, family FROM (VALUES
  ('boolean', 'bit', 104, NULL, 1, 1, 0, 'fixed'),
  ('tds.tinyint', 'tinyint', 48, NULL, 1, 3, 0, 'fixed'),
  ('int2', 'smallint', 52, NULL, 2, 5, 0, 'fixed'),
  ('int4', 'int', 56, NULL, 4, 10, 0, 'fixed'),
  ('oid', 'int', 56, NULL, 4, 10, 0, 'fixed'),
  ('int8', 'bigint', 127, NULL, 8, 19, 0, 'fixed'),
  ('float4', 'real', 59, NULL, 4, 24, 0, 'fixed'),
  ('float8', 'float', 62, NULL, 8, 53, 0, 'fixed'),
  ('numeric', 'decimal', 106, NULL, 17, 38, 10, 'decimal'),
  ('tds.money', 'money', 60, NULL, 8, 19, 4, 'fixed'),
  ('tds.smallmoney', 'smallmoney', 122, NULL, 4, 10, 4, 'fixed'),
  ('date', 'date', 40, NULL, 3, 10, 0, 'fixed'),
  ('time', 'time', 41, NULL, 5, 8, 6, 'time'),
  ('tds.time_7', 'time', 41, NULL, 5, 16, 7, 'fixed'),
  ('timestamp', 'datetime2', 42, NULL, 8, 19, 6, 'time'),
  ('tds.datetime2_7', 'datetime2', 42, NULL, 8, 27, 7, 'fixed'),
  ('timestamptz', 'datetimeoffset', 43, NULL, 10, 26, 6, 'time'),
  ('tds.datetimeoffset', 'datetimeoffset', 43, NULL, 10, 26, 7, 'offset'),
  ('tds.datetime', 'datetime', 61, NULL, 8, 23, 3, 'fixed'),
  ('tds.smalldatetime', 'smalldatetime', 58, NULL, 4, 16, 0, 'fixed'),
  ('uuid', 'uniqueidentifier', 36, NULL, 16, 0, 0, 'fixed'),
  ('text', 'nvarchar', 231, NULL, -1, 0, 0, 'utf16'),
  ('name', 'nvarchar', 231, NULL, 256, 0, 0, 'utf16'),
  ('varchar', 'nvarchar', 231, NULL, -1, 0, 0, 'utf16'),
  ('tds.nvarchar', 'nvarchar', 231, NULL, -1, 0, 0, 'utf16'),
  ('bpchar', 'nchar', 239, NULL, 2, 0, 0, 'utf16'),
  ('tds.nchar', 'nchar', 239, NULL, 2, 0, 0, 'utf16'),
  ('tds.varchar', 'varchar', 167, NULL, -1, 0, 0, 'bytes'),
  ('tds."char"', 'char', 175, NULL, 1, 0, 0, 'bytes'),
  ('bytea', 'varbinary', 165, NULL, -1, 0, 0, 'fixed'),
  ('tds.varbinary', 'varbinary', 165, NULL, -1, 0, 0, 'bytes'),
  ('tds.binary', 'binary', 173, NULL, 1, 0, 0, 'bytes'),
  ('tds.rowversion', 'timestamp', 189, NULL, 8, 0, 0, 'fixed'),
  ('tds."text"', 'text', 35, NULL, 16, 0, 0, 'fixed'),
  ('tds.ntext', 'ntext', 99, NULL, 16, 0, 0, 'fixed'),
  ('tds.image', 'image', 34, NULL, 16, 0, 0, 'fixed'),
  ('xml', 'xml', 241, NULL, -1, 0, 0, 'fixed'),
  ('tds.xml', 'xml', 241, NULL, -1, 0, 0, 'fixed'),
  ('json', 'nvarchar', 231, NULL, -1, 0, 0, 'fixed'),
  ('tds.sql_variant', 'sql_variant', 98, NULL, 8016, 0, 0, 'fixed'),
  ('tds.hierarchyid', 'hierarchyid', 240, 128, 892, 0, 0, 'fixed'),
  ('tds.geometry', 'geometry', 240, 129, -1, 0, 0, 'fixed'),
  ('tds.geography', 'geography', 240, 130, -1, 0, 0, 'fixed')
) AS k (pg, name, system_id, user_id, size, digits, scale, family);

CREATE FUNCTION tds.served(schema oid) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'tds', 'sys', 'INFORMATION_SCHEMA')
    AND nspname NOT LIKE 'pg\_temp%' AND nspname NOT LIKE 'pg\_toast%' FROM pg_namespace WHERE oid = schema $$;

-- every column with its type in SQL Server's terms; size in characters or bytes, -1 for max
CREATE VIEW tds.typed_columns AS
SELECT a.attrelid, a.attnum, a.attname, a.attnotnull, a.attidentity, a.attgenerated, a.attcollation,
  k.name AS type_name, k.system_type_id, CASE WHEN t.typtype = 'd' THEN t.oid::int ELSE k.user_type_id END AS user_type_id,
  k.family, s.precision, s.scale,
  CASE k.family
    WHEN 'utf16' THEN CASE WHEN m.mod < 5 THEN k.max_length WHEN m.mod - 4 > 4000 THEN -1 ELSE 2 * (m.mod - 4) END
    WHEN 'bytes' THEN CASE WHEN m.mod < 5 THEN k.max_length ELSE m.mod - 4 END
    WHEN 'decimal' THEN CASE WHEN s.precision <= 9 THEN 5 WHEN s.precision <= 19 THEN 9 WHEN s.precision <= 28 THEN 13 ELSE 17 END
    WHEN 'fixed' THEN k.max_length
    ELSE k.max_length - CASE WHEN s.scale <= 2 THEN 2 WHEN s.scale <= 4 THEN 1 ELSE 0 END
  END AS max_length
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
CROSS JOIN LATERAL (SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END AS base,
  CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS mod) m
LEFT JOIN tds.kinds k ON k.pg = m.base
CROSS JOIN LATERAL (SELECT
  CASE k.family
    WHEN 'decimal' THEN CASE WHEN m.mod < 4 THEN k.scale ELSE (m.mod - 4) & 2047 END
    WHEN 'time' THEN CASE WHEN m.mod < 0 THEN k.scale ELSE m.mod END
    WHEN 'offset' THEN CASE WHEN m.mod < 5 THEN k.scale ELSE m.mod - 5 END
    ELSE k.scale END AS scale) f
CROSS JOIN LATERAL (SELECT f.scale,
  CASE WHEN k.family = 'decimal' AND m.mod >= 4 THEN (m.mod - 4) >> 16 & 65535
    WHEN k.family IN ('time', 'offset') AND f.scale > 0 THEN k.digits + f.scale + 1 ELSE k.digits END AS precision) s
WHERE a.attnum > 0 AND NOT a.attisdropped;

CREATE VIEW sys.databases AS
SELECT current_database()::text::tds.nvarchar(128) AS name, 5 AS database_id, 160::tds.tinyint AS compatibility_level,
  snapshot_isolation_state::int::tds.tinyint AS snapshot_isolation_state,
  (CASE WHEN snapshot_isolation_state THEN 'ON' ELSE 'OFF' END)::tds.nvarchar(60) AS snapshot_isolation_state_desc,
  is_read_committed_snapshot_on, 'SQL_Latin1_General_CP1_CI_AS'::tds.nvarchar(128) AS collation_name,
  0::tds.tinyint AS state, 'ONLINE'::tds.nvarchar(60) AS state_desc, false AS is_read_only, false AS is_cdc_enabled
FROM tds.database_state;
CREATE VIEW sys.schemas AS
SELECT nspname::text::tds.nvarchar(128) AS name, oid::int AS schema_id, 1 AS principal_id FROM pg_namespace
WHERE tds.served(oid) OR nspname IN ('sys', 'INFORMATION_SCHEMA');
CREATE VIEW sys.objects AS
SELECT name::tds.nvarchar(128) AS name, object_id, schema_id, parent_object_id, type::character(2) AS type,
  type_desc::tds.nvarchar(60) AS type_desc, false AS is_ms_shipped, '2000-01-01'::tds.datetime AS create_date,
  '2000-01-01'::tds.datetime AS modify_date
FROM (
  SELECT c.relname::text AS name, c.oid::int AS object_id, c.relnamespace::int AS schema_id, 0 AS parent_object_id,
    CASE c.relkind WHEN 'v' THEN 'V ' ELSE 'U ' END AS type,
    CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'USER_TABLE' END AS type_desc
  FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v') AND tds.served(c.relnamespace)
  UNION ALL
  SELECT conname::text, oid::int, connamespace::int, conrelid::int,
    CASE contype WHEN 'p' THEN 'PK' WHEN 'u' THEN 'UQ' WHEN 'c' THEN 'C ' WHEN 'f' THEN 'F ' END,
    CASE contype WHEN 'p' THEN 'PRIMARY_KEY_CONSTRAINT' WHEN 'u' THEN 'UNIQUE_CONSTRAINT' WHEN 'c' THEN 'CHECK_CONSTRAINT'
      WHEN 'f' THEN 'FOREIGN_KEY_CONSTRAINT' END
  FROM pg_constraint WHERE contype IN ('p', 'u', 'c', 'f') AND tds.served(connamespace)
) AS every;
CREATE VIEW sys.tables AS
SELECT o.*, coalesce(x.temporal, 0)::tds.tinyint AS temporal_type, false AS is_memory_optimized, false AS is_external,
  'TABLE'::tds.nvarchar(60) AS lock_escalation_desc, false AS is_node, false AS is_edge, false AS is_tracked_by_cdc, false AS is_replicated
FROM sys.objects o LEFT JOIN LATERAL (SELECT 0 AS temporal) x ON true WHERE o.type = 'U ';
CREATE VIEW sys.views AS SELECT o.*, false AS with_check_option FROM sys.objects o WHERE o.type = 'V ';
CREATE VIEW sys.all_objects AS SELECT * FROM sys.objects;
CREATE VIEW sys.types AS
SELECT name::tds.nvarchar(128) AS name, system_type_id::tds.tinyint AS system_type_id, user_type_id, schema_id,
  max_length::int2 AS max_length, digits::tds.tinyint AS precision, scale::tds.tinyint AS scale,
  (CASE WHEN system_type_id IN (231, 239, 167, 175, 35, 99) THEN 'SQL_Latin1_General_CP1_CI_AS' END)::tds.nvarchar(128) AS collation_name,
  name <> 'sysname' AS is_nullable, is_user_defined, system_type_id = 240 AS is_assembly_type, false AS is_table_type
FROM (
  SELECT k.name, k.system_type_id, k.user_type_id, tds.schema_id('sys') AS schema_id, max(k.max_length) AS max_length,
    max(k.digits) AS digits, max(k.scale) AS scale, false AS is_user_defined
  FROM tds.kinds k GROUP BY k.name, k.system_type_id, k.user_type_id
  UNION ALL SELECT 'numeric', 108, 108, tds.schema_id('sys'), 17, 38, 38, false
  UNION ALL SELECT 'sysname', 231, 256, tds.schema_id('sys'), 256, 0, 0, false
  UNION ALL
  SELECT t.typname::text, k.system_type_id, t.oid::int, t.typnamespace::int,
    CASE WHEN k.family = 'utf16' AND t.typtypmod > 4 THEN 2 * (t.typtypmod - 4)
      WHEN k.family = 'bytes' AND t.typtypmod > 4 THEN t.typtypmod - 4 ELSE k.max_length END,
    CASE WHEN k.family = 'decimal' AND t.typtypmod > 4 THEN (t.typtypmod - 4) >> 16 & 65535 ELSE k.digits END,
    CASE WHEN k.family = 'decimal' AND t.typtypmod > 4 THEN (t.typtypmod - 4) & 2047 ELSE k.scale END, true
  FROM pg_type t JOIN tds.kinds k ON k.pg = t.typbasetype WHERE t.typtype = 'd' AND tds.served(t.typnamespace)
) AS every;
CREATE VIEW sys.columns AS
SELECT c.attrelid::int AS object_id, c.attname::text::tds.nvarchar(128) AS name, c.attnum::int AS column_id,
  c.system_type_id::tds.tinyint AS system_type_id, c.user_type_id, c.max_length::int2 AS max_length,
  c.precision::tds.tinyint AS precision, c.scale::tds.tinyint AS scale,
  (CASE WHEN c.type_name IN ('nvarchar', 'varchar', 'nchar', 'char', 'text', 'ntext') THEN
    coalesce((SELECT l.collname::text FROM pg_collation l WHERE l.oid = c.attcollation
      AND l.collnamespace = 'tds'::regnamespace), 'SQL_Latin1_General_CP1_CI_AS') END)::tds.nvarchar(128) AS collation_name,
  NOT c.attnotnull AS is_nullable, c.attidentity <> '' AS is_identity, c.attgenerated <> '' AS is_computed,
  coalesce(n.note ->> 'rowguidcol', 'false')::boolean AS is_rowguidcol,
  coalesce((n.note ->> 'always')::int, 0)::tds.tinyint AS generated_always_type,
  n.note ->> 'masked' IS NOT NULL AS is_masked,
  (CASE WHEN n.note ->> 'encrypted' IS NOT NULL THEN 1 END) AS encryption_type,
  coalesce(n.note ->> 'hidden', 'false')::boolean AS is_hidden, false AS is_sparse, false AS is_filestream,
  false AS is_xml_document, false AS is_column_set, true AS is_ansi_padded,
  CASE WHEN n.note ->> 'default' IS NOT NULL THEN c.attrelid::int * 1000 + c.attnum ELSE 0 END AS default_object_id
FROM tds.typed_columns c JOIN pg_class r ON r.oid = c.attrelid AND r.relkind IN ('r', 'p', 'v') AND tds.served(r.relnamespace)
CROSS JOIN LATERAL (SELECT tds.notes('pg_class'::regclass, c.attrelid, c.attnum) AS note) n;
CREATE VIEW sys.all_columns AS SELECT * FROM sys.columns;
CREATE VIEW sys.computed_columns AS
SELECT c.*, (tds.notes('pg_class'::regclass, c.object_id::oid, c.column_id) ->> 'computed')::tds.nvarchar AS definition,
  coalesce((tds.notes('pg_class'::regclass, c.object_id::oid, c.column_id) ->> 'persisted')::boolean, true) AS is_persisted
FROM sys.columns c WHERE c.is_computed;
CREATE VIEW sys.identity_columns AS
SELECT c.*, 1::bigint AS seed_value, 1::bigint AS increment_value FROM sys.columns c WHERE c.is_identity;
CREATE VIEW sys.masked_columns AS
SELECT c.*, (tds.notes('pg_class'::regclass, c.object_id::oid, c.column_id) ->> 'masked')::tds.nvarchar(4000) AS masking_function
FROM sys.columns c WHERE c.is_masked;
-- policies of PostgreSQL: there are no others here, and CREATE SECURITY POLICY is refused
CREATE VIEW sys.security_policies AS
SELECT p.polname::text::tds.nvarchar(128) AS name, p.oid::int AS object_id, c.relnamespace::int AS schema_id,
  c.relrowsecurity AS is_enabled
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid AND tds.served(c.relnamespace);
CREATE VIEW sys.security_predicates AS
SELECT p.oid::int AS object_id, 1 AS security_predicate_id, p.polrelid::int AS target_object_id,
  (CASE WHEN p.polcmd IN ('*', 'r') THEN 0 ELSE 1 END) AS predicate_type
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid AND tds.served(c.relnamespace);
CREATE VIEW sys.default_constraints AS
SELECT coalesce(nullif(tds.notes('pg_class'::regclass, d.adrelid, d.adnum) ->> 'default', ''),
    'DF_' || d.adrelid || '_' || d.adnum)::tds.nvarchar(128) AS name, d.oid::int AS object_id, d.adrelid::int AS parent_object_id,
  d.adnum::int AS parent_column_id, r.relnamespace::int AS schema_id,
  coalesce(tds.notes('pg_class'::regclass, d.adrelid, d.adnum) ->> 'default_text', pg_get_expr(d.adbin, d.adrelid))::tds.nvarchar AS definition
FROM pg_attrdef d JOIN pg_class r ON r.oid = d.adrelid AND tds.served(r.relnamespace)
JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated = '';
CREATE VIEW sys.check_constraints AS
SELECT k.conname::text::tds.nvarchar(128) AS name, k.oid::int AS object_id, k.conrelid::int AS parent_object_id,
  k.connamespace::int AS schema_id, pg_get_expr(k.conbin, k.conrelid)::tds.nvarchar AS definition, false AS is_disabled,
  false AS is_not_trusted, CASE WHEN cardinality(k.conkey) = 1 THEN k.conkey[1]::int ELSE 0 END AS parent_column_id
FROM pg_constraint k WHERE k.contype = 'c' AND tds.served(k.connamespace);
CREATE FUNCTION tds.type_id(name text) RETURNS int LANGUAGE sql STABLE AS $$
  SELECT t.user_type_id FROM sys.types t, tds.parts($1) AS p(a) WHERE t.name = a[cardinality(a)]
    AND (NOT t.is_user_defined OR t.schema_id = tds.schema_id(CASE WHEN cardinality(a) > 1 THEN a[1] ELSE 'dbo' END)) $$;
CREATE FUNCTION tds.type_name(id int) RETURNS tds.nvarchar LANGUAGE sql STABLE AS $$
  SELECT t.name::tds.nvarchar FROM sys.types t WHERE t.user_type_id = id $$;
