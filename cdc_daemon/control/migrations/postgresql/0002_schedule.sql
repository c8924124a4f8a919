-- What the schedule derives due times from, by the target's clock, so that a restart or a second
-- replica agrees; and the operator's wish for a batch at once.

ALTER TABLE {control}.table_state ADD COLUMN last_started_at timestamp with time zone;

ALTER TABLE {control}.table_state ADD COLUMN last_ended_at timestamp with time zone;

ALTER TABLE {control}.table_state ADD COLUMN last_retry text;

ALTER TABLE {control}.table_state ADD COLUMN triggered_at timestamp with time zone;

-- every change moves it on: a daemon reads only what changed since it last looked
ALTER TABLE {control}.table_state ADD COLUMN changed_at timestamp with time zone
    NOT NULL DEFAULT clock_timestamp();

CREATE INDEX table_state_changed ON {control}.table_state (changed_at);
