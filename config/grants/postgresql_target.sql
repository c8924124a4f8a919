-- A login that makes three schemas, the tables in them, and temporary tables.
CREATE ROLE cdc_writer LOGIN PASSWORD 'change-me' NOINHERIT;
GRANT CONNECT, CREATE, TEMPORARY ON DATABASE warehouse TO cdc_writer;
