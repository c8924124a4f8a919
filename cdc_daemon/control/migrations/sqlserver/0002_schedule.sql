-- What the schedule derives due times from, by the target's clock, so that a restart or a second
-- replica agrees; and the operator's wish for a batch at once.

ALTER TABLE {control}.table_state ADD last_started_at datetime2(6) NULL;

ALTER TABLE {control}.table_state ADD last_ended_at datetime2(6) NULL;

ALTER TABLE {control}.table_state ADD last_retry nvarchar(16) NULL;

ALTER TABLE {control}.table_state ADD triggered_at datetime2(6) NULL;

-- every change moves it on: a daemon reads only what changed since it last looked
ALTER TABLE {control}.table_state ADD changed_at datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME();

CREATE NONCLUSTERED INDEX table_state_changed ON {control}.table_state (changed_at);
