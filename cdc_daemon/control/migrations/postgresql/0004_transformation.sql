-- Rows that could not be carried, and under which rules of transformation the rest was.

-- one row a key (or, where the key is unknown, a cause) that the last batches could not carry:
-- what tells it, never what is in it; resolved_at is set by the first batch that did not find it
CREATE TABLE {control}.quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    key_digest text,
    column_name text,
    reason text NOT NULL,
    row_count bigint NOT NULL,
    first_batch_id bigint NOT NULL,
    last_batch_id bigint NOT NULL,
    first_seen_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    resolved_at timestamp with time zone
);

CREATE INDEX quarantine_of_table
    ON {control}.quarantine (source, schema_name, table_name, quarantine_id);

-- what was done to the values of each column when the open versions were last compared, as JSON
ALTER TABLE {control}.table_state ADD COLUMN rules text;

ALTER TABLE {control}.batch ADD COLUMN rewritten bigint;

ALTER TABLE {control}.batch ADD COLUMN quarantined bigint;

ALTER TABLE {control}.batch ADD COLUMN filtered bigint;
