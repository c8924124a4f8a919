ALTER TABLE "bronze"."core_a""b" ADD COLUMN "new ""one""" character varying(5);
