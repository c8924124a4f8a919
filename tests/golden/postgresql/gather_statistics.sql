ANALYZE (SKIP_LOCKED) "bronze"."core_a""b" ("a""b", "order", "exact", "_valid_to");
