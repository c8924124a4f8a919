INSERT INTO "cdc".batch (source, run_id) VALUES ($1, $2) RETURNING batch_id;
