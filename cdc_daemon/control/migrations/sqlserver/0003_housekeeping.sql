-- Attempts that changed nothing, oldest first: the only ones that housekeeping may delete.
-- The filter of an index knows neither OR nor sums here, and the query would not find an index by
-- a computed column that it does not name. So the index holds every attempt that has ended, in the
-- order that housekeeping goes through them, with all that it asks: it reads some 100 bytes of
-- each, without touching the table, and never the ones that run.

CREATE NONCLUSTERED INDEX batch_without_change ON {control}.batch (batch_id)
    INCLUDE (status, read_at, inserted, updated, reopened, deleted)
    WHERE status <> 'running';
