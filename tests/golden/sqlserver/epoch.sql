SELECT epoch FROM [cdc].[table_state] WHERE source = $1 AND schema_name = $2 AND table_name = $3;
