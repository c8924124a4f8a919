ALTER INDEX [core_a]]b'_key_from] ON [bronze].[core_a]]b'] DISABLE;
