DROP INDEX "bronze"."core_a""b_key_from";
