CREATE NONCLUSTERED INDEX [core_a]]b'_changed] ON [Stage Area].[core_a]]b'] ([_changed_at]);
