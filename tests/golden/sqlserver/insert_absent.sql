INSERT INTO [cdc].[table_state] (source, table_name) SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM [cdc].[table_state] WITH (UPDLOCK, HOLDLOCK) WHERE source = $1 AND table_name = $2);
