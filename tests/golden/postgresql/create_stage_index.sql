CREATE INDEX "core_a""b_changed" ON "Stage Area"."core_a""b" ("_changed_at");
