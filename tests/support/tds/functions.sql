-- T-SQL's functions under their own names; the translator lets through only those listed there.
CREATE OPERATOR tds.+ (LEFTARG = text, RIGHTARG = text, FUNCTION = textcat);
CREATE OPERATOR tds.+ (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = byteacat);

CREATE FUNCTION tds.whole(anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;
CREATE FUNCTION tds.whole(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT trunc($1) $$;
CREATE FUNCTION tds.whole(float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT trunc($1) $$;
CREATE FUNCTION tds.whole(float4) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT trunc($1::float8) $$;
CREATE FUNCTION tds.whole(value bytea) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  hex text := right(encode(value, 'hex'), 16);
BEGIN
  RETURN ('x' || lpad(hex, 16, CASE WHEN octet_length(value) IN (4, 2) AND get_bit(value, 7) = 1
    THEN 'f' ELSE '0' END))::bit(64)::bigint;
END $$;

-- UTF-16LE, which PostgreSQL does not speak
CREATE FUNCTION tds.utf16(value text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  code int;
  units text := '';
  one text;
BEGIN
  IF octet_length(value) = char_length(value) THEN
    RETURN decode(regexp_replace(encode(convert_to(value, 'UTF8'), 'hex'), '(..)', '\100', 'g'), 'hex');
  END IF;
  FOREACH one IN ARRAY regexp_split_to_array(value, '') LOOP
    code := ascii(one);
    IF code > 65535 THEN
      units := units || lpad(to_hex(55296 + ((code - 65536) >> 10)), 4, '0')
        || lpad(to_hex(56320 + ((code - 65536) & 1023)), 4, '0');
    ELSE
      units := units || lpad(to_hex(code), 4, '0');
    END IF;
  END LOOP;
  RETURN decode(regexp_replace(units, '(..)(..)', '\2\1', 'g'), 'hex');
END $$;
CREATE FUNCTION tds.from_utf16(value bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  out_text text := '';
  unit int;
  high int := 0;
BEGIN
  FOR at IN 0 .. octet_length(value) / 2 - 1 LOOP
    unit := get_byte(value, at * 2) + 256 * get_byte(value, at * 2 + 1);
    IF (unit BETWEEN 56320 AND 57343) <> (high > 0) THEN
      RAISE EXCEPTION 'a lone surrogate cannot be stored by this test server' USING ERRCODE = '22021';
    ELSIF unit BETWEEN 55296 AND 56319 THEN
      high := unit;
    ELSIF high > 0 THEN
      out_text := out_text || chr(65536 + ((high - 55296) << 10) + unit - 56320);
      high := 0;
    ELSE
      out_text := out_text || chr(unit);
    END IF;
  END LOOP;
  IF high > 0 THEN
    RAISE EXCEPTION 'a lone surrogate cannot be stored by this test server' USING ERRCODE = '22021';
  END IF;
  RETURN out_text;
END $$;

CREATE FUNCTION tds.as_bytes(bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 $$;
CREATE FUNCTION tds.as_bytes(text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.utf16($1) $$;
CREATE FUNCTION tds.as_bytes(tds.varchar) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT convert_to($1::text, 'UTF8') $$;
CREATE FUNCTION tds.as_bytes(tds."char") RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT convert_to($1::text, 'UTF8') $$;
CREATE FUNCTION tds.as_bytes(int4) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT int4send($1) $$;
CREATE FUNCTION tds.as_bytes(int8) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT int8send($1) $$;
CREATE FUNCTION tds.as_bytes(int2) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT int2send($1) $$;
CREATE FUNCTION tds.as_bytes(boolean) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT set_byte('\x00', 0, $1::int) $$;
CREATE FUNCTION tds.swap_uuid(value bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT decode(regexp_replace(encode(value, 'hex'),
    '^(..)(..)(..)(..)(..)(..)(..)(..)', '\4\3\2\1\6\5\8\7'), 'hex') $$;
CREATE FUNCTION tds.as_bytes(uuid) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.swap_uuid(uuid_send($1)) $$;
CREATE FUNCTION tds.to_uuid(uuid) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 $$;
CREATE FUNCTION tds.to_uuid(text) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::uuid $$;
CREATE FUNCTION tds.to_uuid(bytea) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT encode(tds.swap_uuid($1), 'hex')::uuid $$;
CREATE FUNCTION tds.hex_bytes(value text, style int) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT decode(CASE style WHEN 1 THEN regexp_replace(value, '^0[xX]', '') ELSE value END, 'hex') $$;

CREATE FUNCTION tds.as_text(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 $$;
DO $do$
DECLARE
  name text;
BEGIN  -- one a type: an anyelement would be ambiguous beside boolean, which int becomes unasked
  FOREACH name IN ARRAY ARRAY['int2', 'int4', 'int8', 'numeric', 'float4', 'float8', 'date', 'tds.time_7'] LOOP
    EXECUTE format('CREATE FUNCTION tds.as_text(%1$s) RETURNS text LANGUAGE sql IMMUTABLE STRICT
      AS $$ SELECT $1::text $$', name);
    EXECUTE format('CREATE FUNCTION tds.as_text(%1$s, style int) RETURNS text LANGUAGE sql IMMUTABLE STRICT
      AS $$ SELECT CASE WHEN $2 IN (0, 23, 120, 121, 126) OR tds.fail(''CONVERT style'', ''0A000'')
      THEN $1::text END $$', name);
  END LOOP;
END
$do$;
CREATE FUNCTION tds.as_text(boolean) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::int::text $$;
CREATE FUNCTION tds.as_text(uuid) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT upper($1::text) $$;
CREATE FUNCTION tds.as_text(bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.from_utf16($1) $$;
CREATE FUNCTION tds.as_text(timestamp) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.iso($1) $$;
CREATE FUNCTION tds.as_text(tds.datetime) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT to_char($1::timestamp, 'YYYY-MM-DD HH24:MI:SS.MS') $$;
CREATE FUNCTION tds.as_text(tds.datetimeoffset) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.local_text($1) $$;
CREATE FUNCTION tds.as_text(timestamptz) RETURNS text LANGUAGE sql STABLE STRICT AS $$
  SELECT tds.iso($1 AT TIME ZONE 'UTC') || ' +00:00' $$;
CREATE FUNCTION tds.as_text(time) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT to_char($1, 'HH24:MI:SS.US') $$;
CREATE FUNCTION tds.as_text(text, style int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 $$;
CREATE FUNCTION tds.style_text(iso text, style int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE style WHEN 121 THEN iso WHEN 25 THEN iso WHEN 126 THEN replace(iso, ' ', 'T')
    WHEN 127 THEN replace(iso, ' ', 'T') || CASE WHEN iso ~ '[+-]\d\d:\d\d$' THEN '' ELSE 'Z' END
    WHEN 120 THEN left(iso, 19) WHEN 23 THEN left(iso, 10) WHEN 112 THEN replace(left(iso, 10), '-', '')
    ELSE tds.fail(format('CONVERT style %s is not served', style), '0A000')::text END $$;
CREATE FUNCTION tds.as_text(timestamp, style int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.style_text(tds.as_text($1), $2) $$;
CREATE FUNCTION tds.as_text(tds.datetime, style int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.style_text(tds.as_text($1), $2) $$;
CREATE FUNCTION tds.as_text(tds.datetime2_7) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::text $$;
CREATE FUNCTION tds.as_text(tds.datetime2_7, style int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.style_text($1::text, $2) $$;
CREATE FUNCTION tds.as_text(tds.datetimeoffset, style int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN $2 = 121 OR tds.fail('CONVERT style', '0A000') THEN tds.local_text($1) END $$;
CREATE FUNCTION tds.as_text(bytea, style int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE $2 WHEN 0 THEN tds.from_utf16($1) WHEN 1 THEN '0x' || upper(encode($1, 'hex'))
    WHEN 2 THEN upper(encode($1, 'hex')) ELSE tds.fail('CONVERT style', '0A000')::text END $$;

CREATE FUNCTION tds.len(text) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT octet_length(tds.utf16(rtrim($1, ' '))) / 2 $$;
CREATE FUNCTION tds.len(bytea) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT octet_length($1) $$;
CREATE FUNCTION tds.datalength(text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT octet_length(tds.utf16($1)) $$;
CREATE FUNCTION tds.datalength(tds.varchar) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT octet_length($1::text) $$;
CREATE FUNCTION tds.datalength(tds."char") RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT octet_length($1::text) $$;
CREATE FUNCTION tds.datalength(bytea) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT octet_length($1) $$;
CREATE FUNCTION tds.datalength(int4) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT 4 $$;
CREATE FUNCTION tds.datalength(int8) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT 8 $$;
CREATE FUNCTION tds."isnull"(anycompatible, anycompatible) RETURNS anycompatible LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce($1, $2) $$;
CREATE FUNCTION tds."isnull"(boolean, boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce($1, $2) $$;
CREATE FUNCTION tds.newid() RETURNS uuid LANGUAGE sql VOLATILE AS $$ SELECT gen_random_uuid() $$;
CREATE FUNCTION tds.charindex(text, text) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT strpos($2, $1) $$;
CREATE FUNCTION tds.replicate(text, int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN $2 >= 0 THEN repeat($1, $2) END $$;
CREATE FUNCTION tds.substring(text, int, int) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT substr($1, $2, $3) $$;
CREATE FUNCTION tds.substring(bytea, int, int) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT substr($1, $2, $3) $$;
CREATE FUNCTION tds.quotename(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT '[' || replace($1, ']', ']]') || ']' $$;
CREATE FUNCTION tds.hashbytes(kind text, value bytea) RETURNS tds.varbinary LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (CASE upper(kind) WHEN 'SHA2_256' THEN sha256(value) WHEN 'SHA2_512' THEN sha512(value)
    WHEN 'MD5' THEN decode(md5(value), 'hex')
    ELSE tds.fail('HASHBYTES ' || kind || ' is not served', '0A000')::text::bytea END)::tds.varbinary $$;
CREATE FUNCTION tds.hashbytes(kind text, value text) RETURNS tds.varbinary LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.hashbytes(kind, tds.utf16(value)) $$;
CREATE FUNCTION tds.hashbytes(kind text, value tds.varchar) RETURNS tds.varbinary LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.hashbytes(kind, convert_to(value::text, 'UTF8')) $$;
-- sums keep the width of what they sum, and overflow
CREATE AGGREGATE tds.sum(int4) (SFUNC = int4pl, STYPE = int4);
CREATE FUNCTION tds.add_int2(int4, int2) RETURNS int4 LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN $2 IS NULL THEN $1 ELSE coalesce($1, 0) + $2 END $$;
CREATE AGGREGATE tds.sum(int2) (SFUNC = tds.add_int2, STYPE = int4);
CREATE AGGREGATE tds.sum(int8) (SFUNC = int8pl, STYPE = int8);
CREATE AGGREGATE tds.sum(numeric) (SFUNC = numeric_add, STYPE = numeric);
CREATE AGGREGATE tds.sum(float8) (SFUNC = float8pl, STYPE = float8);
-- max and min of text kinds that are PostgreSQL's text underneath
CREATE AGGREGATE tds.max(boolean) (SFUNC = boolor_statefunc, STYPE = boolean);
