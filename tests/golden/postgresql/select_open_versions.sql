SELECT "a""b"::text, "order", "exact"::text, "_row_hash", "_hash_version", "_valid_from" > '2026-01-02T03:04:05.000006+00:00'::timestamptz FROM "bronze"."core_a""b" WHERE "_valid_to" IS NULL;
