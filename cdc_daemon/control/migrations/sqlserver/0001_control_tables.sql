-- Tables of the daemon. {control} is the configured schema, quoted; it is there already.
-- Names compare by code points, whatever the database's collation; instants are UTC.

-- one row a table: the fence, the clock of its history, the operator's word
CREATE TABLE {control}.table_state (
    source nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    schema_name nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    table_name nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    last_instant datetime2(6) NULL,
    last_batch_id bigint NULL,
    last_success_at datetime2(6) NULL,
    open_versions bigint NOT NULL DEFAULT 0,
    failures int NOT NULL DEFAULT 0,
    paused bit NOT NULL DEFAULT 0,
    held_reason nvarchar(max) NULL,
    held_guards nvarchar(max) NULL,
    held_at datetime2(6) NULL,
    accepted_guards nvarchar(max) NULL,
    PRIMARY KEY (source, schema_name, table_name)
);

-- one row an attempt that began to read; promoted ones carry their counts
CREATE TABLE {control}.batch (
    batch_id bigint IDENTITY(1,1) NOT NULL PRIMARY KEY,
    source nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    schema_name nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    table_name nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    window_name nvarchar(400) COLLATE Latin1_General_BIN2 NOT NULL,
    run_id nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    status nvarchar(16) COLLATE Latin1_General_BIN2 NOT NULL DEFAULT 'running'
        CHECK (status IN ('running', 'promoted', 'failed', 'skipped', 'cancelled', 'abandoned')),
    error_kind nvarchar(128) NULL,
    read_at datetime2(6) NOT NULL,
    instant datetime2(6) NULL,
    finished_at datetime2(6) NULL,
    extracted bigint NULL,
    inserted bigint NULL,
    updated bigint NULL,
    reopened bigint NULL,
    deleted bigint NULL,
    unchanged bigint NULL
);

CREATE NONCLUSTERED INDEX batch_of_table
    ON {control}.batch (source, schema_name, table_name, batch_id);

-- the checkpoint: what has been promoted of each window; written by promote alone
-- (not clustered: a clustered key has 900 bytes at most, and this one may have 1,568)
CREATE TABLE {control}.window_state (
    source nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    schema_name nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    table_name nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    window_name nvarchar(400) COLLATE Latin1_General_BIN2 NOT NULL,
    batch_id bigint NOT NULL,
    read_at datetime2(6) NOT NULL,
    row_count bigint NOT NULL,
    PRIMARY KEY NONCLUSTERED (source, schema_name, table_name, window_name)
);

-- append-only: every step and every end of a run, skipped ones too, and operators' commands
CREATE TABLE {control}.pipeline_event (
    event_id bigint IDENTITY(1,1) NOT NULL PRIMARY KEY,
    recorded_at datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME(),
    run_id nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    batch_id bigint NULL,
    source nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    schema_name nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    table_name nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    kind nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    status nvarchar(128) COLLATE Latin1_General_BIN2 NOT NULL,
    started_at datetime2(6) NULL,
    seconds float(53) NOT NULL,
    error_kind nvarchar(128) NULL,
    error nvarchar(max) NULL,
    detail nvarchar(max) NOT NULL
);

CREATE NONCLUSTERED INDEX pipeline_event_of_table
    ON {control}.pipeline_event (source, schema_name, table_name, event_id);
