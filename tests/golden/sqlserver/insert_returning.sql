INSERT INTO [cdc].[batch] (source, run_id) OUTPUT INSERTED.batch_id VALUES ($1, $2);
