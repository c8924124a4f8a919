INSERT INTO [cdc].[window_state] (source, schema_name, table_name, window_name, batch_id, read_at, row_count) VALUES ($1, $2, $3, $4, $5, $6, $7);
