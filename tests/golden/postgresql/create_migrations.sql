CREATE TABLE IF NOT EXISTS "cdc"."schema_migration" (version integer PRIMARY KEY, name text NOT NULL, applied_at timestamp with time zone NOT NULL);
