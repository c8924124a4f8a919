INSERT INTO "cdc".table_state (source, schema_name) VALUES ($1, $2) ON CONFLICT DO NOTHING;
