-- Tables of the daemon. {control}, {bronze} and {stage} are the configured schemas, quoted.

CREATE SCHEMA IF NOT EXISTS {bronze};

CREATE SCHEMA IF NOT EXISTS {stage};

-- one row a table: the fence, the clock of its history, the operator's word
CREATE TABLE {control}.table_state (
    source text NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    epoch bigint NOT NULL DEFAULT 0,
    last_instant timestamp with time zone,
    last_batch_id bigint,
    last_success_at timestamp with time zone,
    open_versions bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    paused boolean NOT NULL DEFAULT false,
    held_reason text,
    held_guards text,
    held_at timestamp with time zone,
    accepted_guards text,
    PRIMARY KEY (source, schema_name, table_name)
);

-- one row an attempt that began to read; promoted ones carry their counts
CREATE TABLE {control}.batch (
    batch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    window_name text NOT NULL,
    run_id text NOT NULL,
    status text NOT NULL DEFAULT 'running'
        CHECK (status IN ('running', 'promoted', 'failed', 'skipped', 'cancelled', 'abandoned')),
    error_kind text,
    read_at timestamp with time zone NOT NULL,
    instant timestamp with time zone,
    finished_at timestamp with time zone,
    extracted bigint,
    inserted bigint,
    updated bigint,
    reopened bigint,
    deleted bigint,
    unchanged bigint
);

CREATE INDEX batch_of_table ON {control}.batch (source, schema_name, table_name, batch_id);

-- the checkpoint: what has been promoted of each window; written by promote alone
CREATE TABLE {control}.window_state (
    source text NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    window_name text NOT NULL,
    batch_id bigint NOT NULL,
    read_at timestamp with time zone NOT NULL,
    row_count bigint NOT NULL,
    PRIMARY KEY (source, schema_name, table_name, window_name)
);

-- append-only: every step and every end of a run, skipped ones too, and operators' commands
CREATE TABLE {control}.pipeline_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    run_id text NOT NULL,
    batch_id bigint,
    source text NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    kind text NOT NULL,
    status text NOT NULL,
    started_at timestamp with time zone,
    seconds double precision NOT NULL,
    error_kind text,
    error text,
    detail jsonb NOT NULL
);

CREATE INDEX pipeline_event_of_table
    ON {control}.pipeline_event (source, schema_name, table_name, event_id);
