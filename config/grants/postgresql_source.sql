-- A login that reads. Run as the database's owner; names and password are yours to choose.
CREATE ROLE cdc_reader LOGIN PASSWORD 'change-me' NOINHERIT;
GRANT CONNECT ON DATABASE core TO cdc_reader;
GRANT USAGE ON SCHEMA public TO cdc_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO cdc_reader;
-- tables that come later
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO cdc_reader;
