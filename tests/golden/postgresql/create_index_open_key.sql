CREATE UNIQUE INDEX "core_a""b_open_key" ON "bronze"."core_a""b" ("a""b", "order", "exact") WHERE "_valid_to" IS NULL;
