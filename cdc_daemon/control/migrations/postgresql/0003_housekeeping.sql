-- Attempts that changed nothing, oldest first: the only ones that housekeeping may delete. It finds
-- them without passing over those that did, which are kept for good.

CREATE INDEX batch_without_change ON {control}.batch (batch_id)
    WHERE status <> 'running'
        AND (status <> 'promoted' OR inserted + updated + reopened + deleted = 0);
