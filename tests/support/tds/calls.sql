-- What drivers ask of procedures of the system.
CREATE FUNCTION tds.sp_tablecollations(name text)
  RETURNS TABLE (colid int, name tds.nvarchar(128), tds_collation tds.binary(5), collation tds.nvarchar(128)) LANGUAGE sql STABLE AS $$
  SELECT c.column_id, c.name, (CASE WHEN c.collation_name IS NOT NULL THEN '\x0904d00034'::bytea END)::tds.binary(5), c.collation_name
  FROM sys.columns c WHERE c.object_id = tds.object_id($1) ORDER BY c.column_id $$;
CREATE FUNCTION tds.sp_tables(table_name text, table_owner text, qualifier text, table_type text, pattern boolean)
  RETURNS TABLE ("TABLE_QUALIFIER" tds.nvarchar(128), "TABLE_OWNER" tds.nvarchar(128), "TABLE_NAME" tds.nvarchar(128), "TABLE_TYPE" tds.varchar(32), "REMARKS" tds.varchar(254))
  LANGUAGE sql STABLE AS $$
  SELECT t."TABLE_CATALOG", t."TABLE_SCHEMA", t."TABLE_NAME", CASE t."TABLE_TYPE" WHEN 'VIEW' THEN 'VIEW' ELSE 'TABLE' END, NULL
  FROM "INFORMATION_SCHEMA"."TABLES" t
  WHERE (table_name IS NULL OR t."TABLE_NAME" LIKE table_name) AND (table_owner IS NULL OR t."TABLE_SCHEMA" LIKE table_owner)
    AND (table_type IS NULL OR table_type LIKE '%''' || CASE t."TABLE_TYPE" WHEN 'VIEW' THEN 'VIEW' ELSE 'TABLE' END || '''%')
  ORDER BY 4, 2, 3 $$;
-- the numbers that ODBC has for types
CREATE FUNCTION tds.odbc_type(name text) RETURNS int2 LANGUAGE sql IMMUTABLE AS $$
  SELECT (CASE name WHEN 'bit' THEN -7 WHEN 'tinyint' THEN -6 WHEN 'smallint' THEN 5 WHEN 'int' THEN 4 WHEN 'bigint' THEN -5
    WHEN 'decimal' THEN 3 WHEN 'money' THEN 3 WHEN 'smallmoney' THEN 3 WHEN 'real' THEN 7 WHEN 'float' THEN 6 WHEN 'date' THEN 91
    WHEN 'time' THEN -154 WHEN 'datetime2' THEN 93 WHEN 'datetime' THEN 93 WHEN 'smalldatetime' THEN 93 WHEN 'datetimeoffset' THEN -155
    WHEN 'uniqueidentifier' THEN -11 WHEN 'nvarchar' THEN -9 WHEN 'nchar' THEN -8 WHEN 'varchar' THEN 12 WHEN 'char' THEN 1
    WHEN 'varbinary' THEN -3 WHEN 'binary' THEN -2 WHEN 'timestamp' THEN -2 WHEN 'xml' THEN -152 WHEN 'text' THEN -1 WHEN 'ntext' THEN -10
    WHEN 'image' THEN -4 ELSE -151 END)::int2 $$;
CREATE FUNCTION tds.sp_columns(table_name text, table_owner text, qualifier text, column_name text, version int, pattern boolean, scope int)
  RETURNS TABLE ("TABLE_QUALIFIER" tds.nvarchar(128), "TABLE_OWNER" tds.nvarchar(128), "TABLE_NAME" tds.nvarchar(128), "COLUMN_NAME" tds.nvarchar(128),
    "DATA_TYPE" int2, "TYPE_NAME" tds.nvarchar(128), "PRECISION" int, "LENGTH" int, "SCALE" int2, "RADIX" int2, "NULLABLE" int2, "REMARKS" tds.varchar(254),
    "COLUMN_DEF" tds.nvarchar(4000), "SQL_DATA_TYPE" int2, "SQL_DATETIME_SUB" int2, "CHAR_OCTET_LENGTH" int, "ORDINAL_POSITION" int, "IS_NULLABLE" tds.varchar(254))
  LANGUAGE sql STABLE AS $$
  SELECT c."TABLE_CATALOG", c."TABLE_SCHEMA", c."TABLE_NAME", c."COLUMN_NAME", tds.odbc_type(c."DATA_TYPE"::text), c."DATA_TYPE",
    coalesce(nullif(c."CHARACTER_MAXIMUM_LENGTH", -1), c."NUMERIC_PRECISION"::int, k.precision, 0), k.max_length, k.scale::int2, 10::int2,
    (c."IS_NULLABLE" = 'YES')::int::int2, NULL, NULL, tds.odbc_type(c."DATA_TYPE"::text), NULL::int2, c."CHARACTER_OCTET_LENGTH", c."ORDINAL_POSITION", c."IS_NULLABLE"::text
  FROM "INFORMATION_SCHEMA"."COLUMNS" c JOIN pg_class r ON r.relname = c."TABLE_NAME" JOIN pg_namespace n ON n.oid = r.relnamespace AND n.nspname = c."TABLE_SCHEMA"
  JOIN tds.typed_columns k ON k.attrelid = r.oid AND k.attname = c."COLUMN_NAME"
  WHERE c."TABLE_NAME" LIKE table_name AND (table_owner IS NULL OR c."TABLE_SCHEMA" LIKE table_owner)
    AND (sp_columns.column_name IS NULL OR c."COLUMN_NAME" LIKE sp_columns.column_name)
  ORDER BY 2, 3, c."ORDINAL_POSITION" $$;
CREATE FUNCTION tds.sp_pkeys(table_name text, table_owner text, qualifier text)
  RETURNS TABLE ("TABLE_QUALIFIER" tds.nvarchar(128), "TABLE_OWNER" tds.nvarchar(128), "TABLE_NAME" tds.nvarchar(128), "COLUMN_NAME" tds.nvarchar(128),
    "KEY_SEQ" int2, "PK_NAME" tds.nvarchar(128)) LANGUAGE sql STABLE AS $$
  SELECT current_database()::text, k."TABLE_SCHEMA", k."TABLE_NAME", k."COLUMN_NAME", k."ORDINAL_POSITION"::int2, k."CONSTRAINT_NAME"
  FROM "INFORMATION_SCHEMA"."KEY_COLUMN_USAGE" k JOIN "INFORMATION_SCHEMA"."TABLE_CONSTRAINTS" c
    ON c."CONSTRAINT_NAME" = k."CONSTRAINT_NAME" AND c."TABLE_SCHEMA" = k."TABLE_SCHEMA" AND c."CONSTRAINT_TYPE" = 'PRIMARY KEY'
  WHERE k."TABLE_NAME" = table_name AND (table_owner IS NULL OR k."TABLE_SCHEMA" = table_owner) ORDER BY 5 $$;
CREATE FUNCTION tds.sp_datatype_info(asked int, version int)
  RETURNS TABLE ("TYPE_NAME" tds.nvarchar(128), "DATA_TYPE" int2, "PRECISION" int, "LITERAL_PREFIX" tds.varchar(32), "LITERAL_SUFFIX" tds.varchar(32),
    "CREATE_PARAMS" tds.varchar(32), "NULLABLE" int2, "CASE_SENSITIVE" int2, "SEARCHABLE" int2, "UNSIGNED_ATTRIBUTE" int2, "MONEY" int2,
    "AUTO_INCREMENT" int2, "LOCAL_TYPE_NAME" tds.nvarchar(128), "MINIMUM_SCALE" int2, "MAXIMUM_SCALE" int2, "SQL_DATA_TYPE" int2,
    "SQL_DATETIME_SUB" int2, "NUM_PREC_RADIX" int, "INTERVAL_PRECISION" int2, "USERTYPE" int2) LANGUAGE sql STABLE AS $$
  SELECT k.name::tds.nvarchar(128), tds.odbc_type(k.name),
    CASE WHEN k.name IN ('nvarchar', 'nchar') THEN 4000 WHEN k.name IN ('varchar', 'char', 'varbinary', 'binary') THEN 8000
      WHEN k.name = 'datetime2' THEN 27 WHEN k.name = 'time' THEN 16 WHEN k.name = 'datetimeoffset' THEN 34 ELSE k.digits END,
    NULL, NULL, NULL, 1::int2, 0::int2, 3::int2, 0::int2, 0::int2, 0::int2, k.name::tds.nvarchar(128),
    0::int2, (CASE WHEN k.family IN ('time', 'offset') OR k.scale = 7 THEN 7 ELSE k.scale END)::int2, tds.odbc_type(k.name), NULL::int2, 10, NULL::int2, 0::int2
  FROM (SELECT DISTINCT ON (name) * FROM tds.kinds WHERE pg NOT IN ('oid'::regtype, 'name'::regtype) ORDER BY name, scale DESC) k
  WHERE coalesce(asked, 0) IN (0, tds.odbc_type(k.name)) ORDER BY 2, k.name <> 'datetime2', 1 $$;
