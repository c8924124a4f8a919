DELETE FROM [cdc].[window_state] WHERE source = $1 AND schema_name = $2 AND table_name = $3 AND window_name = $4;
