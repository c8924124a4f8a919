-- What the translation of CREATE TABLE and its kin calls, and aggregates and stored computations.
CREATE TABLE tds.database_state (snapshot_isolation_state boolean, is_read_committed_snapshot_on boolean);
INSERT INTO tds.database_state VALUES (true, true);

CREATE FUNCTION tds.count_any(int4, "any") RETURNS int4 LANGUAGE internal IMMUTABLE STRICT AS 'int4inc';
CREATE AGGREGATE tds.count(*) (SFUNC = int4inc, STYPE = int4, INITCOND = '0');
CREATE AGGREGATE tds.count("any") (SFUNC = tds.count_any, STYPE = int4, INITCOND = '0');

-- a computed column that changes by itself: said to be immutable, so that it may be stored
CREATE FUNCTION tds.stored_sysutcdatetime() RETURNS timestamp LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RETURN tds.sysutcdatetime(); END $$;
CREATE FUNCTION tds.stored_sysdatetime() RETURNS timestamp LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RETURN tds.sysutcdatetime(); END $$;
CREATE FUNCTION tds.stored_getdate() RETURNS tds.datetime LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RETURN tds.getdate(); END $$;
CREATE FUNCTION tds.stored_getutcdate() RETURNS tds.datetime LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RETURN tds.getdate(); END $$;
CREATE FUNCTION tds.stored_newid() RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN RETURN gen_random_uuid(); END $$;

CREATE FUNCTION tds.add_computed(target text, name text, made text, required boolean) RETURNS void
  LANGUAGE plpgsql AS $$
DECLARE
  kind text;
BEGIN
  EXECUTE format('CREATE TEMP VIEW tds_probe AS SELECT %s AS c FROM %s', made, target);
  SELECT format_type(atttypid, atttypmod) INTO kind FROM pg_attribute
    WHERE attrelid = 'pg_temp.tds_probe'::regclass AND attnum = 1;
  DROP VIEW pg_temp.tds_probe;
  EXECUTE format('ALTER TABLE %s ADD %s %s GENERATED ALWAYS AS (%s) STORED %s', target, name, kind, made,
    CASE WHEN required THEN 'NOT NULL' ELSE '' END);
END $$;

-- what a comment says in JSON
CREATE FUNCTION tds.notes(class oid, object oid, part int) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN left(description, 1) = '{' THEN description::json END FROM pg_description
  WHERE objoid = object AND classoid = class AND objsubid = part $$;
CREATE FUNCTION tds.note(class oid, object oid, part int, field text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT tds.notes(class, object, part) ->> field $$;

CREATE FUNCTION tds.mark_index(target text, name text, disabled boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  found oid := (SELECT indexrelid FROM pg_index WHERE indrelid = target::regclass
    AND coalesce(tds.note('pg_class'::regclass, indexrelid, 0, 'name'),
      (SELECT relname FROM pg_class WHERE oid = indexrelid)) = name);
BEGIN
  IF found IS NULL THEN
    RAISE EXCEPTION 'Cannot find index %', name USING ERRCODE = '42704';
  END IF;
  EXECUTE format('COMMENT ON INDEX %s IS %L', found::regclass,
    coalesce(obj_description(found, 'pg_class'), json_build_object('name', name)::text)::jsonb
    || jsonb_build_object('disabled', disabled));
END $$;

CREATE FUNCTION tds.drop_constraint(target text, name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  plain text := trim(both '"' FROM name);
  owner name := (SELECT attname FROM pg_attribute WHERE attrelid = target::regclass AND attnum > 0
    AND tds.note('pg_class'::regclass, attrelid, attnum, 'default') = plain);
BEGIN
  IF owner IS NOT NULL THEN
    EXECUTE format('ALTER TABLE %s ALTER %I DROP DEFAULT', target, owner);
  ELSE
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %s', target, name);
  END IF;
END $$;

CREATE FUNCTION tds.parts(name text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  rest text := name;
  piece text[];
  found text[] := '{}';
BEGIN
  LOOP
    piece := regexp_match(rest, '^\s*(\[(?:[^\]]|\]\])*\]|"(?:[^"]|"")*"|[^.\[\]"]*)\s*(\.|$)(.*)$');
    IF piece IS NULL THEN
      RETURN NULL;
    END IF;
    found := found || CASE left(piece[1], 1) WHEN '[' THEN replace(substr(piece[1], 2, length(piece[1]) - 2), ']]', ']')
      WHEN '"' THEN replace(substr(piece[1], 2, length(piece[1]) - 2), '""', '"') ELSE piece[1] END;
    EXIT WHEN piece[2] <> '.';
    rest := piece[3];
  END LOOP;
  RETURN found;
END $$;

CREATE FUNCTION tds.relation(name text) RETURNS oid LANGUAGE sql STABLE STRICT AS $$
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, tds.parts(name) AS p(a)
  WHERE c.relname = a[cardinality(a)] AND c.relkind IN ('r', 'p', 'v')
    AND CASE WHEN left(a[cardinality(a)], 1) = '#' THEN n.oid = pg_my_temp_schema()
      ELSE n.nspname = coalesce(nullif(CASE WHEN cardinality(a) > 1 THEN a[cardinality(a) - 1] END, ''), 'dbo') END $$;
CREATE FUNCTION tds.object_id(name text, kind text DEFAULT NULL) RETURNS int LANGUAGE sql STABLE AS $$
  SELECT c.oid::int FROM pg_class c WHERE c.oid = tds.relation(name)
    AND (kind IS NULL OR trim(kind) = CASE c.relkind WHEN 'v' THEN 'V' ELSE 'U' END)
  UNION ALL
  SELECT c.oid::int FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace, tds.parts(name) AS p(a)
  WHERE c.conname = a[cardinality(a)] AND n.nspname = coalesce(CASE WHEN cardinality(a) > 1 THEN a[cardinality(a) - 1] END, 'dbo')
    AND tds.relation(name) IS NULL
    AND (kind IS NULL OR trim(kind) = CASE c.contype WHEN 'p' THEN 'PK' WHEN 'u' THEN 'UQ' WHEN 'c' THEN 'C' WHEN 'f' THEN 'F' END)
  LIMIT 1 $$;
CREATE FUNCTION tds.schema_id(name text) RETURNS int LANGUAGE sql STABLE AS $$
  SELECT oid::int FROM pg_namespace WHERE nspname = name $$;
CREATE FUNCTION tds.schema_id() RETURNS int LANGUAGE sql STABLE AS $$ SELECT tds.schema_id('dbo') $$;
CREATE FUNCTION tds.object_name(id int) RETURNS tds.nvarchar LANGUAGE sql STABLE AS $$
  SELECT relname::text::tds.nvarchar FROM pg_class WHERE oid = id::oid $$;
CREATE FUNCTION tds.object_schema_name(id int) RETURNS tds.nvarchar LANGUAGE sql STABLE AS $$
  SELECT relnamespace::regnamespace::text::tds.nvarchar FROM pg_class WHERE oid = id::oid $$;
CREATE FUNCTION tds.schema_name(id int) RETURNS tds.nvarchar LANGUAGE sql STABLE AS $$
  SELECT nspname::text::tds.nvarchar FROM pg_namespace WHERE oid = id::oid $$;
CREATE FUNCTION tds.schema_name() RETURNS tds.nvarchar LANGUAGE sql STABLE AS $$ SELECT 'dbo'::tds.nvarchar $$;
CREATE FUNCTION tds.db_name() RETURNS tds.nvarchar LANGUAGE sql STABLE AS $$ SELECT current_database()::text::tds.nvarchar $$;
CREATE FUNCTION tds.db_id() RETURNS int LANGUAGE sql STABLE AS $$ SELECT 5 $$;
CREATE FUNCTION tds.db_id(name text) RETURNS int LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN lower(name) = lower(current_database()) THEN 5 END $$;
CREATE FUNCTION tds.col_name(id int, number int) RETURNS tds.nvarchar LANGUAGE sql STABLE AS $$
  SELECT attname::text::tds.nvarchar FROM pg_attribute WHERE attrelid = id::oid AND attnum = number $$;
CREATE FUNCTION tds.has_perms_by_name(text, text, text) RETURNS int LANGUAGE sql STABLE AS $$ SELECT 1 $$;
CREATE FUNCTION tds.has_perms_by_name(text, text, text, text, text) RETURNS int LANGUAGE sql STABLE AS $$ SELECT 1 $$;
CREATE FUNCTION tds.is_srvrolemember(text) RETURNS int LANGUAGE sql STABLE AS $$ SELECT 1 $$;
CREATE FUNCTION tds.is_rolemember(text) RETURNS int LANGUAGE sql STABLE AS $$ SELECT 1 $$;
CREATE FUNCTION tds.is_member(text) RETURNS int LANGUAGE sql STABLE AS $$ SELECT 1 $$;
CREATE FUNCTION tds.columnproperty(id int, column_name text, property text) RETURNS int LANGUAGE sql STABLE AS $$
  SELECT CASE lower(property)
    WHEN 'isidentity' THEN (attidentity <> '')::int
    WHEN 'iscomputed' THEN (attgenerated <> '')::int
    WHEN 'allowsnull' THEN (NOT attnotnull)::int
    WHEN 'columnid' THEN attnum::int
    WHEN 'isdeterministic' THEN CASE WHEN attgenerated <> '' THEN
      coalesce(tds.note('pg_class'::regclass, attrelid, attnum, 'deterministic')::boolean, true)::int END
    WHEN 'isprecise' THEN CASE WHEN attgenerated <> '' THEN 1 END
    WHEN 'ishidden' THEN coalesce(tds.note('pg_class'::regclass, attrelid, attnum, 'hidden')::boolean, false)::int
    ELSE tds.fail(format('COLUMNPROPERTY %s is not served', property), '0A000')::int END
  FROM pg_attribute WHERE attrelid = id::oid AND attname = column_name $$;
CREATE FUNCTION tds.databasepropertyex(name text, property text) RETURNS tds.nvarchar LANGUAGE sql STABLE AS $$
  SELECT (CASE lower(property) WHEN 'collation' THEN 'SQL_Latin1_General_CP1_CI_AS' WHEN 'status' THEN 'ONLINE'
    WHEN 'updateability' THEN 'READ_WRITE' WHEN 'recovery' THEN 'FULL'
    ELSE tds.fail(format('DATABASEPROPERTYEX %s is not served', property), '0A000')::text END)::tds.nvarchar $$;
CREATE FUNCTION tds.applock_mode(principal text, resource text, owner text) RETURNS tds.nvarchar LANGUAGE sql VOLATILE AS $$
  SELECT coalesce((SELECT CASE mode WHEN 'ExclusiveLock' THEN 'Exclusive' ELSE 'Shared' END FROM pg_locks
    WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND objsubid = 1
      AND (classid::bigint << 32 | objid::bigint) = hashtextextended(resource, 0) ORDER BY mode LIMIT 1), 'NoLock')::tds.nvarchar $$;
CREATE FUNCTION tds.applock_test(principal text, resource text, mode text, owner text) RETURNS int LANGUAGE sql VOLATILE AS $$
  SELECT (NOT EXISTS (SELECT FROM pg_locks WHERE pid <> pg_backend_pid() AND locktype = 'advisory' AND objsubid = 1
    AND (classid::bigint << 32 | objid::bigint) = hashtextextended(resource, 0)))::int $$;
CREATE FUNCTION tds.stuff(value text, at int, length int, new text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT overlay(value PLACING new FROM at FOR length) $$;
