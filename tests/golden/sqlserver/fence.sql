UPDATE [cdc].[table_state] SET epoch = epoch + 1 WHERE source = $1 AND schema_name = $2 AND table_name = $3 AND epoch = $4;
