CREATE UNIQUE NONCLUSTERED INDEX [core_a]]b'_open_key] ON [bronze].[core_a]]b'] ([_key_bytes_1], [order], [_key_bytes_3], [_key_bytes_4], [_key_bytes_5], [moment7]) WHERE [_valid_to] IS NULL;
