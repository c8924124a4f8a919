-- sys.indexes and its kin, sessions, INFORMATION_SCHEMA.
CREATE VIEW tds.indexes AS
SELECT x.*, i.relname, i.relnamespace, tds.notes('pg_class'::regclass, x.indexrelid, 0) AS note,
  CASE WHEN x.indisprimary THEN 1 ELSE 1 + (row_number() OVER (PARTITION BY x.indrelid, x.indisprimary ORDER BY x.indexrelid))::int END AS index_id
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid AND tds.served(i.relnamespace);
CREATE VIEW sys.indexes AS
SELECT object_id, name::tds.nvarchar(128) AS name, index_id, type::tds.tinyint AS type, (CASE type WHEN 0 THEN 'HEAP'
    WHEN 1 THEN 'CLUSTERED' ELSE 'NONCLUSTERED' END)::tds.nvarchar(60) AS type_desc, is_unique, is_primary_key, is_unique_constraint,
  is_disabled, false AS is_hypothetical, false AS ignore_dup_key, filter_definition IS NOT NULL AS has_filter,
  filter_definition::tds.nvarchar AS filter_definition, 0::tds.tinyint AS fill_factor, 1 AS data_space_id,
  true AS allow_row_locks, true AS allow_page_locks
FROM (
  SELECT x.indrelid::int AS object_id, coalesce(x.note ->> 'name', x.relname::text) AS name, x.index_id,
    least(x.index_id, 2) AS type, x.indisunique AS is_unique, x.indisprimary AS is_primary_key,
    EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype = 'u') AS is_unique_constraint,
    coalesce((x.note ->> 'disabled')::boolean, false) AS is_disabled,
    CASE WHEN x.indpred IS NOT NULL THEN coalesce(x.note ->> 'filter', regexp_replace(
      pg_get_expr(x.indpred, x.indrelid), '"?\m([A-Za-z_][A-Za-z0-9_]*)"?(?= (IS|=|<|>))', '[\1]', 'g')) END AS filter_definition
  FROM tds.indexes x
  UNION ALL
  SELECT c.oid::int, NULL, 0, 0, false, false, false, false, NULL
  FROM pg_class c WHERE c.relkind IN ('r', 'p') AND tds.served(c.relnamespace)
    AND NOT EXISTS (SELECT FROM pg_index p WHERE p.indrelid = c.oid AND p.indisprimary)
) AS every;
CREATE VIEW sys.index_columns AS
SELECT x.indrelid::int AS object_id, x.index_id, k.place::int AS index_column_id, k.number::int AS column_id,
  (CASE WHEN k.place <= x.indnkeyatts THEN k.place ELSE 0 END)::int::tds.tinyint AS key_ordinal, 0::tds.tinyint AS partition_ordinal,
  k.place <= x.indnkeyatts AND x.indoption[k.place - 1] & 1 = 1 AS is_descending_key, k.place > x.indnkeyatts AS is_included_column
FROM tds.indexes x CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY AS k (number, place);
CREATE VIEW sys.key_constraints AS
SELECT k.conname::text::tds.nvarchar(128) AS name, k.oid::int AS object_id, k.conrelid::int AS parent_object_id,
  k.connamespace::int AS schema_id, (CASE k.contype WHEN 'p' THEN 'PK' ELSE 'UQ' END)::tds."char"(2) AS type,
  x.index_id AS unique_index_id, false AS is_system_named
FROM pg_constraint k JOIN tds.indexes x ON x.indexrelid = k.conindid WHERE k.contype IN ('p', 'u');
CREATE FUNCTION tds.row_count(relation regclass) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
  found bigint;
BEGIN
  EXECUTE format('SELECT count(*) FROM %s', relation) INTO found;
  RETURN found;
END $$;
CREATE VIEW sys.partitions AS
SELECT i.object_id::bigint * 1000 + i.index_id AS partition_id, i.object_id, i.index_id, 1 AS partition_number,
  tds.row_count(i.object_id::oid::regclass) AS rows FROM sys.indexes i;
CREATE VIEW sys.foreign_keys AS
SELECT k.conname::text::tds.nvarchar(128) AS name, k.oid::int AS object_id, k.conrelid::int AS parent_object_id,
  k.confrelid::int AS referenced_object_id, k.connamespace::int AS schema_id, false AS is_disabled
FROM pg_constraint k WHERE k.contype = 'f' AND tds.served(k.connamespace);
-- a session of this server is known by PostgreSQL's application_name, 'tds 51 <program>'
CREATE VIEW sys.dm_exec_sessions AS
SELECT split_part(application_name, ' ', 2)::int2 AS session_id, backend_start::timestamp::tds.datetime AS login_time,
  substr(application_name, 6 + length(split_part(application_name, ' ', 2)))::tds.nvarchar(128) AS program_name,
  usename::text::tds.nvarchar(128) AS login_name, (CASE state WHEN 'active' THEN 'running' ELSE 'sleeping' END)::tds.nvarchar(30) AS status,
  true AS is_user_process, (xact_start IS NOT NULL)::int AS open_transaction_count, 5::int2 AS database_id
FROM pg_stat_activity WHERE application_name ~ '^tds \d+' AND datname = current_database();

CREATE SCHEMA "INFORMATION_SCHEMA";
CREATE VIEW "INFORMATION_SCHEMA"."TABLES" AS
SELECT current_database()::text::tds.nvarchar(128) AS "TABLE_CATALOG", tds.schema_name(schema_id)::tds.nvarchar(128) AS "TABLE_SCHEMA",
  name AS "TABLE_NAME", (CASE type WHEN 'V ' THEN 'VIEW' ELSE 'BASE TABLE' END)::tds.varchar(10) AS "TABLE_TYPE"
FROM sys.objects WHERE type IN ('U ', 'V ');
CREATE VIEW "INFORMATION_SCHEMA"."COLUMNS" AS
SELECT t."TABLE_CATALOG", t."TABLE_SCHEMA", t."TABLE_NAME", c.name AS "COLUMN_NAME", c.column_id AS "ORDINAL_POSITION",
  NULL::tds.nvarchar(4000) AS "COLUMN_DEFAULT", (CASE WHEN c.is_nullable THEN 'YES' ELSE 'NO' END)::tds.varchar(3) AS "IS_NULLABLE",
  k.type_name::tds.nvarchar(128) AS "DATA_TYPE",
  CASE WHEN k.family = 'utf16' AND k.max_length > 0 THEN k.max_length / 2 WHEN k.family IN ('utf16', 'bytes') THEN k.max_length END AS "CHARACTER_MAXIMUM_LENGTH",
  CASE WHEN k.family IN ('utf16', 'bytes') THEN k.max_length END AS "CHARACTER_OCTET_LENGTH",
  (CASE WHEN k.type_name IN ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'money', 'smallmoney', 'float', 'real') THEN k.precision END)::tds.tinyint AS "NUMERIC_PRECISION",
  CASE WHEN k.type_name IN ('tinyint', 'smallint', 'int', 'bigint', 'decimal', 'money', 'smallmoney') THEN k.scale END AS "NUMERIC_SCALE",
  (CASE WHEN k.type_name IN ('date', 'time', 'datetime', 'datetime2', 'datetimeoffset', 'smalldatetime') THEN k.scale END)::int2 AS "DATETIME_PRECISION",
  c.collation_name AS "COLLATION_NAME"
FROM sys.columns c JOIN tds.typed_columns k ON k.attrelid = c.object_id::oid AND k.attnum = c.column_id
JOIN sys.objects o ON o.object_id = c.object_id
JOIN "INFORMATION_SCHEMA"."TABLES" t ON t."TABLE_NAME" = o.name AND t."TABLE_SCHEMA" = tds.schema_name(o.schema_id);
CREATE VIEW "INFORMATION_SCHEMA"."TABLE_CONSTRAINTS" AS
SELECT current_database()::text::tds.nvarchar(128) AS "CONSTRAINT_CATALOG", tds.schema_name(k.schema_id)::tds.nvarchar(128) AS "CONSTRAINT_SCHEMA",
  k.name AS "CONSTRAINT_NAME", tds.schema_name(k.schema_id)::tds.nvarchar(128) AS "TABLE_SCHEMA",
  tds.object_name(k.parent_object_id)::tds.nvarchar(128) AS "TABLE_NAME",
  (CASE k.type WHEN 'PK' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END)::tds.varchar(11) AS "CONSTRAINT_TYPE"
FROM sys.key_constraints k;
CREATE VIEW "INFORMATION_SCHEMA"."KEY_COLUMN_USAGE" AS
SELECT tds.schema_name(k.schema_id)::tds.nvarchar(128) AS "CONSTRAINT_SCHEMA", k.name AS "CONSTRAINT_NAME",
  tds.schema_name(k.schema_id)::tds.nvarchar(128) AS "TABLE_SCHEMA", tds.object_name(k.parent_object_id)::tds.nvarchar(128) AS "TABLE_NAME",
  tds.col_name(k.parent_object_id, i.column_id)::tds.nvarchar(128) AS "COLUMN_NAME", i.key_ordinal::int AS "ORDINAL_POSITION"
FROM sys.key_constraints k JOIN sys.index_columns i ON i.object_id = k.parent_object_id AND i.index_id = k.unique_index_id;
