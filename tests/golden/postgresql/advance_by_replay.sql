UPDATE "cdc"."table_state" SET last_instant = $4, last_batch_id = $5, open_versions = open_versions + $6, changed_at = clock_timestamp() WHERE source = $1 AND schema_name = $2 AND table_name = $3;
