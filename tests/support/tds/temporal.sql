-- Dates and times: what CAST and CONVERT make of them. Seven digits of a second are text.
CREATE FUNCTION tds.iso(timestamp) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT to_char($1, 'YYYY-MM-DD HH24:MI:SS.US') $$;

CREATE FUNCTION tds.to_datetime2_7(value text) RETURNS tds.datetime2_7 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  parts text[] := regexp_match(value,
    '^\s*(\d{4}-\d{2}-\d{2})(?:[T ](\d{1,2}:\d{2}(?::\d{2})?)(?:[.](\d{1,7}))?)?\s*Z?\s*$');
BEGIN
  IF parts IS NULL THEN
    RAISE EXCEPTION 'Conversion failed when converting date and/or time from character string'
      USING ERRCODE = '22007';
  END IF;
  RETURN (to_char((parts[1] || ' ' || coalesce(parts[2], '00:00'))::timestamp, 'YYYY-MM-DD HH24:MI:SS')
    || '.' || rpad(coalesce(parts[3], ''), 7, '0'))::tds.datetime2_7;
END $$;
CREATE FUNCTION tds.to_datetime2_7(timestamp) RETURNS tds.datetime2_7 LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (tds.iso($1) || '0')::tds.datetime2_7 $$;
CREATE FUNCTION tds.to_datetime2_7(timestamptz) RETURNS tds.datetime2_7 LANGUAGE sql STABLE STRICT AS $$
  SELECT tds.to_datetime2_7($1 AT TIME ZONE 'UTC') $$;
CREATE FUNCTION tds.to_datetime2_7(date) RETURNS tds.datetime2_7 LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.to_datetime2_7($1::timestamp) $$;
CREATE FUNCTION tds.to_datetime2_7(tds.datetime2_7) RETURNS tds.datetime2_7 LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.to_datetime2_7($1::text) $$;
CREATE CAST (timestamp AS tds.datetime2_7) WITH FUNCTION tds.to_datetime2_7(timestamp) AS ASSIGNMENT;
CREATE CAST (date AS tds.datetime2_7) WITH FUNCTION tds.to_datetime2_7(date) AS ASSIGNMENT;

CREATE FUNCTION tds.to_time_7(value text) RETURNS tds.time_7 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  parts text[] := regexp_match(value,
    '^\s*(?:\d{4}-\d{2}-\d{2}[T ])?(\d{1,2}:\d{2}(?::\d{2})?)(?:[.](\d{1,7}))?\s*$');
BEGIN
  IF parts IS NULL OR parts[1] LIKE '24%' THEN
    RAISE EXCEPTION 'Conversion failed when converting date and/or time from character string'
      USING ERRCODE = '22007';
  END IF;
  RETURN (to_char(parts[1]::time, 'HH24:MI:SS') || '.' || rpad(coalesce(parts[2], ''), 7, '0'))::tds.time_7;
END $$;
CREATE FUNCTION tds.to_time_7(time) RETURNS tds.time_7 LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (to_char($1, 'HH24:MI:SS.US') || '0')::tds.time_7 $$;
CREATE FUNCTION tds.to_time_7(timestamp) RETURNS tds.time_7 LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.to_time_7($1::time) $$;
CREATE FUNCTION tds.to_time_7(tds.time_7) RETURNS tds.time_7 LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.to_time_7($1::text) $$;
CREATE CAST (time AS tds.time_7) WITH FUNCTION tds.to_time_7(time) AS ASSIGNMENT;

-- datetimeoffset: 'UTC time|+hh:mm', so that text orders by the instant; the offset is kept.
-- A literal that has not been converted yet is local time, with a space or nothing before the offset
CREATE FUNCTION tds.to_datetimeoffset(value text, digits int4) RETURNS tds.datetimeoffset
  LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  parts text[] := regexp_match(value,
    '^\s*(\d{4}-\d{2}-\d{2})(?:[T ](\d{1,2}:\d{2}(?::\d{2})?)(?:[.](\d{1,7}))?)?\s*(Z|[+-]\d{2}:\d{2})?\s*$');
  zone text := CASE WHEN parts[4] IS NULL OR parts[4] = 'Z' THEN '+00:00' ELSE parts[4] END;
  local_time timestamp;
BEGIN
  IF parts IS NULL OR zone::interval NOT BETWEEN interval '-14:00' AND interval '14:00' THEN
    RAISE EXCEPTION 'Conversion failed when converting date and/or time from character string'
      USING ERRCODE = '22007';
  END IF;
  local_time := (parts[1] || ' ' || coalesce(parts[2], '00:00'))::timestamp;
  RETURN (to_char(local_time - zone::interval, 'YYYY-MM-DD HH24:MI:SS')
    || CASE WHEN digits > 0 THEN '.' || rpad(left(coalesce(parts[3], ''), digits), digits, '0') ELSE '' END
    || '|' || zone)::tds.datetimeoffset;
END $$;
CREATE FUNCTION tds.local_text(tds.datetimeoffset) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN strpos($1::text, '|') = 0 THEN $1::text
    ELSE to_char(left($1::text, 19)::timestamp + right($1::text, 6)::interval, 'YYYY-MM-DD HH24:MI:SS')
      || replace(substr($1::text, 20), '|', ' ') END $$;
CREATE FUNCTION tds.to_datetimeoffset(timestamp, int4) RETURNS tds.datetimeoffset LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.to_datetimeoffset(tds.iso($1), $2) $$;
CREATE FUNCTION tds.to_datetimeoffset(timestamptz, int4) RETURNS tds.datetimeoffset LANGUAGE sql STABLE STRICT AS $$
  SELECT tds.to_datetimeoffset(tds.iso($1 AT TIME ZONE 'UTC'), $2) $$;
CREATE FUNCTION tds.to_datetimeoffset(tds.datetime2_7, int4) RETURNS tds.datetimeoffset LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.to_datetimeoffset($1::text, $2) $$;
CREATE FUNCTION tds.to_datetimeoffset(tds.datetimeoffset, int4) RETURNS tds.datetimeoffset LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.to_datetimeoffset(tds.local_text($1), $2) $$;
CREATE FUNCTION tds.assign_datetimeoffset(timestamptz) RETURNS tds.datetimeoffset LANGUAGE sql STABLE STRICT AS $$
  SELECT tds.to_datetimeoffset($1, 7) $$;
CREATE FUNCTION tds.assign_datetimeoffset(timestamp) RETURNS tds.datetimeoffset LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.to_datetimeoffset($1, 7) $$;
CREATE FUNCTION tds.datetimeoffset(tds.datetimeoffset, int4, boolean) RETURNS tds.datetimeoffset
  LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN $2 < 5 THEN $1 ELSE tds.to_datetimeoffset(tds.local_text($1), $2 - 5) END $$;
CREATE CAST (timestamptz AS tds.datetimeoffset) WITH FUNCTION tds.assign_datetimeoffset(timestamptz) AS ASSIGNMENT;
CREATE CAST (timestamp AS tds.datetimeoffset) WITH FUNCTION tds.assign_datetimeoffset(timestamp) AS ASSIGNMENT;
CREATE CAST (tds.datetimeoffset AS tds.datetimeoffset)
  WITH FUNCTION tds.datetimeoffset(tds.datetimeoffset, int4, boolean) AS IMPLICIT;

CREATE FUNCTION tds.to_timestamp(timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 $$;
CREATE FUNCTION tds.to_timestamp(date) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::timestamp $$;
CREATE FUNCTION tds.to_timestamp(text) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.to_datetime2_7($1)::text::timestamp $$;
CREATE FUNCTION tds.to_timestamp(tds.datetime2_7) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT $1::text::timestamp $$;
CREATE FUNCTION tds.to_timestamp(tds.datetimeoffset) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT regexp_replace(tds.local_text($1), ' [+-]\d\d:\d\d$', '')::timestamp $$;
CREATE FUNCTION tds.to_timestamp(timestamptz) RETURNS timestamp LANGUAGE sql STABLE STRICT AS $$
  SELECT $1 AT TIME ZONE 'UTC' $$;
CREATE CAST (tds.datetime2_7 AS timestamp) WITH FUNCTION tds.to_timestamp(tds.datetime2_7) AS IMPLICIT;

CREATE FUNCTION tds.to_time(time) RETURNS time LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 $$;
CREATE FUNCTION tds.to_time(timestamp) RETURNS time LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::time $$;
CREATE FUNCTION tds.to_time(text) RETURNS time LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT tds.to_time_7($1)::text::time $$;
CREATE FUNCTION tds.to_time(tds.time_7) RETURNS time LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::text::time $$;
CREATE CAST (tds.time_7 AS time) WITH FUNCTION tds.to_time(tds.time_7) AS IMPLICIT;

-- the types of seven digits compare, sort and index as text
DO $do$
DECLARE
  name text;
  one record;
BEGIN
  FOREACH name IN ARRAY ARRAY['datetime2_7', 'time_7', 'datetimeoffset'] LOOP
    FOR one IN SELECT * FROM (VALUES ('=', 'eq', '=', '<>'), ('<>', 'ne', '<>', '='), ('<', '_lt', '>', '>='),
      ('<=', '_le', '>=', '>'), ('>', '_gt', '<', '<='), ('>=', '_ge', '<=', '<')) AS o (sign, f, commutator, negator)
    LOOP
      EXECUTE format('CREATE FUNCTION tds.%I(tds.%I, tds.%I) RETURNS boolean
        LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS %L', name || '_' || one.f, name, name, 'text' || one.f);
      EXECUTE format('CREATE OPERATOR tds.%s (LEFTARG = tds.%I, RIGHTARG = tds.%I, FUNCTION = tds.%I,
        COMMUTATOR = OPERATOR(tds.%s), NEGATOR = OPERATOR(tds.%s))', one.sign, name, name, name || '_' || one.f,
        one.commutator, one.negator);
    END LOOP;
    EXECUTE format('CREATE FUNCTION tds.%I(tds.%I, tds.%I) RETURNS int4
      LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS %L', name || '_cmp', name, name, 'bttextcmp');
    EXECUTE format('CREATE OPERATOR CLASS tds.%I DEFAULT FOR TYPE tds.%I USING btree AS
      OPERATOR 1 tds.<, OPERATOR 2 tds.<=, OPERATOR 3 tds.=, OPERATOR 4 tds.>=, OPERATOR 5 tds.>,
      FUNCTION 1 tds.%I(tds.%I, tds.%I)', name || '_ops', name, name || '_cmp', name, name);
    FOR one IN SELECT * FROM (VALUES ('max', 'text_larger', '>'), ('min', 'text_smaller', '<')) AS a (called, f, sign) LOOP
      EXECUTE format('CREATE FUNCTION tds.%I(tds.%I, tds.%I) RETURNS tds.%I
        LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS %L', name || '_' || one.called, name, name, name, one.f);
      EXECUTE format('CREATE AGGREGATE tds.%I(tds.%I) (SFUNC = tds.%I, STYPE = tds.%I, SORTOP = OPERATOR(tds.%s))',
        one.called, name, name || '_' || one.called, name, one.sign);
    END LOOP;
  END LOOP;
END
$do$;

-- datetime counts three-hundredths of a second, smalldatetime minutes
CREATE FUNCTION tds.to_datetime(value timestamp) RETURNS tds.datetime LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  ticks bigint := round(extract(epoch FROM value - date_trunc('day', value)) * 300);
BEGIN
  IF value < '1753-01-01' OR value > '9999-12-31 23:59:59.997' THEN
    RAISE EXCEPTION 'The conversion to datetime is out of range' USING ERRCODE = '22008';
  END IF;
  RETURN (date_trunc('day', value) + make_interval(secs => (round(ticks * 10 / 3.0) / 1000)::float8))::text::tds.datetime;
END $$;
CREATE FUNCTION tds.to_smalldatetime(value timestamp) RETURNS tds.smalldatetime LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF value < '1900-01-01' OR value >= '2079-06-06 23:59:30' THEN
    RAISE EXCEPTION 'The conversion to smalldatetime is out of range' USING ERRCODE = '22008';
  END IF;
  RETURN date_trunc('minute', value + interval '30.002 seconds')::text::tds.smalldatetime;
END $$;
CREATE CAST (timestamp AS tds.datetime) WITH FUNCTION tds.to_datetime(timestamp) AS ASSIGNMENT;
CREATE CAST (timestamp AS tds.smalldatetime) WITH FUNCTION tds.to_smalldatetime(timestamp) AS ASSIGNMENT;

-- the clock advances within a transaction, as SQL Server's does
CREATE FUNCTION tds.sysutcdatetime() RETURNS timestamp LANGUAGE sql VOLATILE AS $$
  SELECT clock_timestamp() AT TIME ZONE 'UTC' $$;
CREATE FUNCTION tds.sysdatetime() RETURNS timestamp LANGUAGE sql VOLATILE AS $$ SELECT tds.sysutcdatetime() $$;
CREATE FUNCTION tds.getutcdate() RETURNS tds.datetime LANGUAGE sql VOLATILE AS $$
  SELECT tds.to_datetime(tds.sysutcdatetime()) $$;
CREATE FUNCTION tds.getdate() RETURNS tds.datetime LANGUAGE sql VOLATILE AS $$ SELECT tds.getutcdate() $$;
CREATE FUNCTION tds.sysdatetimeoffset() RETURNS tds.datetimeoffset LANGUAGE sql VOLATILE AS $$
  SELECT tds.to_datetimeoffset(tds.sysutcdatetime(), 7) $$;

CREATE FUNCTION tds.dateadd(part text, amount bigint, value timestamp) RETURNS timestamp
  LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT value + CASE part WHEN 'quarter' THEN interval '3 months' WHEN 'week' THEN interval '7 days'
    WHEN 'year' THEN interval '1 year' WHEN 'month' THEN interval '1 month' WHEN 'day' THEN interval '1 day'
    WHEN 'hour' THEN interval '1 hour' WHEN 'minute' THEN interval '1 minute'
    WHEN 'second' THEN interval '1 second' WHEN 'millisecond' THEN interval '1 millisecond'
    WHEN 'microsecond' THEN interval '1 microsecond' END * amount $$;
CREATE FUNCTION tds.dateadd(part text, amount bigint, value date) RETURNS date LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.dateadd(part, amount, value::timestamp)::date $$;
CREATE FUNCTION tds.dateadd(part text, amount bigint, value text) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.dateadd(part, amount, tds.to_timestamp(value)) $$;
-- SQL Server counts boundaries crossed, not time passed
CREATE FUNCTION tds.datediff_big(part text, since timestamp, until timestamp) RETURNS bigint
  LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT (CASE part
    WHEN 'year' THEN extract(year FROM until) - extract(year FROM since)
    WHEN 'quarter' THEN (extract(year FROM until) - extract(year FROM since)) * 4
      + extract(quarter FROM until) - extract(quarter FROM since)
    WHEN 'month' THEN (extract(year FROM until) - extract(year FROM since)) * 12
      + extract(month FROM until) - extract(month FROM since)
    WHEN 'microsecond' THEN extract(epoch FROM until - since) * 1000000
    WHEN 'millisecond' THEN extract(epoch FROM date_trunc('milliseconds', until) - date_trunc('milliseconds', since)) * 1000
    WHEN 'second' THEN extract(epoch FROM date_trunc('second', until) - date_trunc('second', since))
    WHEN 'minute' THEN extract(epoch FROM date_trunc('minute', until) - date_trunc('minute', since)) / 60
    WHEN 'hour' THEN extract(epoch FROM date_trunc('hour', until) - date_trunc('hour', since)) / 3600
    WHEN 'day' THEN extract(epoch FROM date_trunc('day', until) - date_trunc('day', since)) / 86400
  END)::bigint $$;
CREATE FUNCTION tds.datediff(part text, since timestamp, until timestamp) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT tds.datediff_big(part, since, until)::int $$;
CREATE FUNCTION tds.datepart(part text, value timestamp) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT floor(CASE part WHEN 'dayofyear' THEN extract(doy FROM value)
    WHEN 'second' THEN extract(second FROM date_trunc('second', value))
    WHEN 'millisecond' THEN mod(extract(microseconds FROM value)::bigint / 1000, 1000)
    WHEN 'microsecond' THEN mod(extract(microseconds FROM value)::bigint, 1000000)
    ELSE date_part(part, value)::numeric END)::int $$;
