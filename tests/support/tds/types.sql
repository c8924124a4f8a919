-- SQL Server's types that PostgreSQL lacks, as base types of their own in schema tds.
-- A base type (unlike a domain) keeps its OID and its type modifier in results, so that the wire
-- can say nvarchar(10). They are made of PostgreSQL's own functions, and are binary coercible to
-- the type they are LIKE: operators, indexes and aggregates of that type serve them.
CREATE SCHEMA tds;
CREATE SCHEMA sys;
CREATE SCHEMA dbo;

DO $do$
DECLARE
  kind record;
  extra text;
BEGIN
  FOR kind IN SELECT * FROM (VALUES
    -- name,          like,        in/out,      typmod,    category
    ('nvarchar',      'varchar',   'varchar',   'varchar', 'S'),
    ('varchar',       'varchar',   'varchar',   'varchar', 'S'),
    ('nchar',         'bpchar',    'bpchar',    'bpchar',  'S'),
    ('char',          'bpchar',    'bpchar',    'bpchar',  'S'),
    ('ntext',         'text',      'text',      NULL,      'S'),
    ('text',          'text',      'text',      NULL,      'S'),
    ('xml',           'text',      'text',      NULL,      'S'),
    ('hierarchyid',   'text',      'text',      NULL,      'S'),
    ('sql_variant',   'text',      'text',      NULL,      'U'),
    ('varbinary',     'bytea',     'bytea',     'varchar', 'U'),
    ('binary',        'bytea',     'bytea',     'varchar', 'U'),
    ('image',         'bytea',     'bytea',     NULL,      'U'),
    ('geography',     'bytea',     'bytea',     NULL,      'U'),
    ('geometry',      'bytea',     'bytea',     NULL,      'U'),
    ('rowversion',    'bytea',     'bytea',     NULL,      'U'),
    ('tinyint',       'int2',      'int2',      NULL,      'N'),
    ('money',         'numeric',   'numeric_',  NULL,      'N'),
    ('smallmoney',    'numeric',   'numeric_',  NULL,      'N'),
    ('datetime',      'timestamp', 'timestamp_', NULL,     'D'),
    ('smalldatetime', 'timestamp', 'timestamp_', NULL,     'D'),
    -- exact text, to seven digits of a second; its order is the order of time
    ('datetime2_7',   'text',      'text',      NULL,      'U'),
    ('time_7',        'text',      'text',      NULL,      'U'),
    -- 'UTC time +hh:mm'; the modifier is the scale + 1, since 0 is none
    ('datetimeoffset','text',      'text',      'varchar', 'U')
  ) AS kinds (name, base, io, modifier, category)
  LOOP
    EXECUTE format('CREATE TYPE tds.%I', kind.name);
    EXECUTE format('CREATE FUNCTION tds.%I(cstring, oid, int4) RETURNS tds.%I
      LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS %L', kind.name || '_in', kind.name, kind.io || 'in');
    EXECUTE format('CREATE FUNCTION tds.%I(tds.%I) RETURNS cstring
      LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS %L', kind.name || '_out', kind.name, kind.io || 'out');
    EXECUTE format('CREATE FUNCTION tds.%I(internal, oid, int4) RETURNS tds.%I
      LANGUAGE internal STABLE STRICT PARALLEL SAFE AS %L', kind.name || '_recv', kind.name, kind.io || 'recv');
    EXECUTE format('CREATE FUNCTION tds.%I(tds.%I) RETURNS bytea
      LANGUAGE internal STABLE STRICT PARALLEL SAFE AS %L', kind.name || '_send', kind.name, kind.io || 'send');
    extra := '';
    IF kind.modifier IS NOT NULL THEN
      EXECUTE format('CREATE FUNCTION tds.%I(cstring[]) RETURNS int4
        LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS %L', kind.name || '_tin', kind.modifier || 'typmodin');
      EXECUTE format('CREATE FUNCTION tds.%I(int4) RETURNS cstring
        LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS %L', kind.name || '_tout', kind.modifier || 'typmodout');
      extra := format(', TYPMOD_IN = tds.%I, TYPMOD_OUT = tds.%I', kind.name || '_tin', kind.name || '_tout');
    END IF;
    IF kind.base IN ('varchar', 'bpchar', 'text') THEN
      extra := extra || ', COLLATABLE = true';
    END IF;
    EXECUTE format('CREATE TYPE tds.%I (INPUT = tds.%I, OUTPUT = tds.%I, RECEIVE = tds.%I,
      SEND = tds.%I, LIKE = pg_catalog.%I, CATEGORY = %L%s)', kind.name, kind.name || '_in',
      kind.name || '_out', kind.name || '_recv', kind.name || '_send', kind.base, kind.category, extra);
    IF kind.name NOT IN ('datetime2_7', 'time_7', 'datetimeoffset', 'sql_variant') THEN
      EXECUTE format('CREATE CAST (tds.%I AS %s) WITHOUT FUNCTION AS IMPLICIT', kind.name,
        CASE WHEN kind.base IN ('varchar', 'bpchar') THEN 'text' ELSE kind.base END);
    END IF;
    IF kind.category = 'S' OR kind.base = 'bytea' THEN
      EXECUTE format('CREATE CAST (%s AS tds.%I) WITHOUT FUNCTION AS ASSIGNMENT',
        CASE WHEN kind.base IN ('varchar', 'bpchar') THEN 'text' ELSE kind.base END, kind.name);
    END IF;
  END LOOP;
END
$do$;

-- lengths: an explicit cast cuts, an assignment refuses
CREATE FUNCTION tds.nvarchar(tds.nvarchar, int4, boolean) RETURNS tds.nvarchar
  LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'varchar';
CREATE FUNCTION tds.varchar(tds.varchar, int4, boolean) RETURNS tds.varchar
  LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'varchar';
CREATE FUNCTION tds.nchar(tds.nchar, int4, boolean) RETURNS tds.nchar
  LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'bpchar';
CREATE FUNCTION tds."char"(tds."char", int4, boolean) RETURNS tds."char"
  LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'bpchar';
CREATE CAST (tds.nvarchar AS tds.nvarchar) WITH FUNCTION tds.nvarchar(tds.nvarchar, int4, boolean) AS IMPLICIT;
CREATE CAST (tds.varchar AS tds.varchar) WITH FUNCTION tds.varchar(tds.varchar, int4, boolean) AS IMPLICIT;
CREATE CAST (tds.nchar AS tds.nchar) WITH FUNCTION tds.nchar(tds.nchar, int4, boolean) AS IMPLICIT;
CREATE CAST (tds."char" AS tds."char") WITH FUNCTION tds."char"(tds."char", int4, boolean) AS IMPLICIT;

CREATE FUNCTION tds.fail(message text, code text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RAISE EXCEPTION USING MESSAGE = message, ERRCODE = code;
END $$;

CREATE FUNCTION tds.fit_bytes(value bytea, size int4, explicit boolean) RETURNS bytea
  LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF size < 0 OR octet_length(value) <= size THEN
    RETURN value;
  ELSIF explicit THEN
    RETURN substring(value FROM 1 FOR size);
  END IF;
  RAISE EXCEPTION 'value too long for varbinary(%)', size USING ERRCODE = '22001';
END $$;
CREATE FUNCTION tds.varbinary(tds.varbinary, int4, boolean) RETURNS tds.varbinary
  LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.fit_bytes($1::bytea, $2 - 4, $3)::tds.varbinary $$;
CREATE FUNCTION tds.binary(tds.binary, int4, boolean) RETURNS tds.binary LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (tds.fit_bytes($1::bytea, $2 - 4, $3)
    || decode(repeat('00', greatest($2 - 4 - octet_length($1::bytea), 0)), 'hex'))::tds.binary $$;
CREATE CAST (tds.varbinary AS tds.varbinary) WITH FUNCTION tds.varbinary(tds.varbinary, int4, boolean) AS IMPLICIT;
CREATE CAST (tds.binary AS tds.binary) WITH FUNCTION tds.binary(tds.binary, int4, boolean) AS IMPLICIT;

-- bit is boolean; SQL Server takes numbers for it, and gives numbers from it, unasked
UPDATE pg_cast SET castcontext = 'i' WHERE castsource = 'int4'::regtype AND casttarget = 'bool'::regtype;
UPDATE pg_cast SET castcontext = 'a' WHERE castsource = 'bool'::regtype AND casttarget = 'int4'::regtype;
CREATE FUNCTION tds.bit_to_int2(boolean) RETURNS int2 LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::int4::int2 $$;
CREATE FUNCTION tds.bit_to_int8(boolean) RETURNS int8 LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::int4::int8 $$;
CREATE FUNCTION tds.bit_to_numeric(boolean) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::int4::numeric $$;
CREATE FUNCTION tds.numeric_to_bit(numeric) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 <> 0 $$;
CREATE FUNCTION tds.int8_to_bit(int8) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 <> 0 $$;
CREATE FUNCTION tds.int2_to_bit(int2) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 <> 0 $$;
CREATE CAST (boolean AS int2) WITH FUNCTION tds.bit_to_int2(boolean) AS ASSIGNMENT;
CREATE CAST (boolean AS int8) WITH FUNCTION tds.bit_to_int8(boolean) AS ASSIGNMENT;
CREATE CAST (boolean AS numeric) WITH FUNCTION tds.bit_to_numeric(boolean) AS ASSIGNMENT;
CREATE CAST (numeric AS boolean) WITH FUNCTION tds.numeric_to_bit(numeric) AS ASSIGNMENT;
CREATE CAST (int8 AS boolean) WITH FUNCTION tds.int8_to_bit(int8) AS ASSIGNMENT;
CREATE CAST (int2 AS boolean) WITH FUNCTION tds.int2_to_bit(int2) AS ASSIGNMENT;

CREATE FUNCTION tds.to_tinyint(int4) RETURNS tds.tinyint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF $1 NOT BETWEEN 0 AND 255 THEN
    RAISE EXCEPTION 'Arithmetic overflow for tinyint' USING ERRCODE = '22003';
  END IF;
  RETURN $1::text::tds.tinyint;
END $$;
CREATE FUNCTION tds.to_tinyint(int8) RETURNS tds.tinyint LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.to_tinyint($1::int4) $$;
CREATE FUNCTION tds.to_tinyint(int2) RETURNS tds.tinyint LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.to_tinyint($1::int4) $$;
CREATE FUNCTION tds.to_tinyint(numeric) RETURNS tds.tinyint LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.to_tinyint(trunc($1)::int4) $$;
CREATE FUNCTION tds.to_tinyint(boolean) RETURNS tds.tinyint LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.to_tinyint($1::int4) $$;
CREATE CAST (int4 AS tds.tinyint) WITH FUNCTION tds.to_tinyint(int4) AS ASSIGNMENT;
CREATE CAST (int8 AS tds.tinyint) WITH FUNCTION tds.to_tinyint(int8) AS ASSIGNMENT;
CREATE CAST (int2 AS tds.tinyint) WITH FUNCTION tds.to_tinyint(int2) AS ASSIGNMENT;
CREATE CAST (numeric AS tds.tinyint) WITH FUNCTION tds.to_tinyint(numeric) AS ASSIGNMENT;
CREATE CAST (boolean AS tds.tinyint) WITH FUNCTION tds.to_tinyint(boolean) AS ASSIGNMENT;

CREATE FUNCTION tds.tinyint_to_int4(tds.tinyint) RETURNS int4 LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::int2::int4 $$;
CREATE FUNCTION tds.tinyint_to_int8(tds.tinyint) RETURNS int8 LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::int2::int8 $$;
CREATE FUNCTION tds.tinyint_to_numeric(tds.tinyint) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::int2::numeric $$;
CREATE CAST (tds.tinyint AS int4) WITH FUNCTION tds.tinyint_to_int4(tds.tinyint) AS ASSIGNMENT;
CREATE CAST (tds.tinyint AS int8) WITH FUNCTION tds.tinyint_to_int8(tds.tinyint) AS ASSIGNMENT;
CREATE CAST (tds.tinyint AS numeric) WITH FUNCTION tds.tinyint_to_numeric(tds.tinyint) AS ASSIGNMENT;

CREATE FUNCTION tds.to_money(numeric) RETURNS tds.money LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF abs($1) > 922337203685477.5808 THEN
    RAISE EXCEPTION 'Arithmetic overflow for money' USING ERRCODE = '22003';
  END IF;
  RETURN round($1, 4)::text::tds.money;
END $$;
CREATE FUNCTION tds.to_smallmoney(numeric) RETURNS tds.smallmoney LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF abs($1) > 214748.3648 THEN
    RAISE EXCEPTION 'Arithmetic overflow for smallmoney' USING ERRCODE = '22003';
  END IF;
  RETURN round($1, 4)::text::tds.smallmoney;
END $$;
CREATE FUNCTION tds.to_money(int4) RETURNS tds.money LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.to_money($1::numeric) $$;
CREATE FUNCTION tds.to_smallmoney(int4) RETURNS tds.smallmoney LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.to_smallmoney($1::numeric) $$;
CREATE CAST (numeric AS tds.money) WITH FUNCTION tds.to_money(numeric) AS ASSIGNMENT;
CREATE CAST (int4 AS tds.money) WITH FUNCTION tds.to_money(int4) AS ASSIGNMENT;
CREATE CAST (numeric AS tds.smallmoney) WITH FUNCTION tds.to_smallmoney(numeric) AS ASSIGNMENT;
CREATE CAST (int4 AS tds.smallmoney) WITH FUNCTION tds.to_smallmoney(int4) AS ASSIGNMENT;

-- collations are names on record; every comparison is PostgreSQL's "C"
DO $do$
DECLARE
  collation_name text;
BEGIN
  FOREACH collation_name IN ARRAY ARRAY['SQL_Latin1_General_CP1_CI_AS', 'SQL_Latin1_General_CP1_CS_AS',
    'Latin1_General_BIN', 'Latin1_General_BIN2', 'Latin1_General_CI_AS', 'Latin1_General_CS_AS',
    'Latin1_General_100_BIN2', 'Latin1_General_100_CI_AS', 'Latin1_General_100_CS_AS',
    'Latin1_General_100_BIN2_UTF8', 'Latin1_General_100_CI_AS_SC', 'Latin1_General_100_CI_AS_SC_UTF8',
    'Latin1_General_CI_AI', 'Turkish_CI_AS', 'Japanese_CI_AS', 'German_PhoneBook_CI_AS']
  LOOP
    EXECUTE format('CREATE COLLATION tds.%I (provider = libc, locale = ''C'')', collation_name);
  END LOOP;
END
$do$;
CREATE SEQUENCE tds.rowversions MINVALUE 2001;
