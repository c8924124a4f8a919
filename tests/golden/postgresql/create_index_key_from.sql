CREATE INDEX "core_a""b_key_from" ON "bronze"."core_a""b" ("a""b", "order", "exact", "_valid_from");
