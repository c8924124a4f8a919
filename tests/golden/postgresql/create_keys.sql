CREATE TEMPORARY TABLE "_cdc_load" (
    "a""b" text COLLATE "C",
    "order" bigint,
    "exact" text,
    "_position" bigint NOT NULL
) ON COMMIT DROP;
