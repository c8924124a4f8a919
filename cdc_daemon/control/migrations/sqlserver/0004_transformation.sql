-- Rows that could not be carried, and under which rules of transformation the rest was.

-- one row a key (or, where the key is unknown, a cause) that the last batches could not carry:
-- what tells it, never what is in it; resolved_at is set by the first batch that did not find it
CREATE TABLE {control}.quarantine (
    quarantine_id bigint IDENTITY(1,1) NOT NULL PRIMARY KEY,
    source nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    schema_name nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    table_name nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    key_digest nvarchar(32) COLLATE Latin1_General_BIN2 NULL,
    column_name nvarchar(400) COLLATE Latin1_General_BIN2 NULL,
    reason nvarchar(200) COLLATE Latin1_General_BIN2 NOT NULL,
    row_count bigint NOT NULL,
    first_batch_id bigint NOT NULL,
    last_batch_id bigint NOT NULL,
    first_seen_at datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME(),
    last_seen_at datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME(),
    resolved_at datetime2(6) NULL
);

CREATE NONCLUSTERED INDEX quarantine_of_table
    ON {control}.quarantine (source, schema_name, table_name, quarantine_id);

-- what was done to the values of each column when the open versions were last compared, as JSON
ALTER TABLE {control}.table_state ADD rules nvarchar(max) NULL;

ALTER TABLE {control}.batch ADD rewritten bigint NULL;

ALTER TABLE {control}.batch ADD quarantined bigint NULL;

ALTER TABLE {control}.batch ADD filtered bigint NULL;
