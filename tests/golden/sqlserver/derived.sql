[_key_bytes_1] = CAST(l.[c1] + N'.' AS varbinary(1692)),
[_key_bytes_3] = CAST(CASE WHEN CHARINDEX(N'.', l.[c6]) = 0 THEN l.[c6] ELSE REPLACE(RTRIM(REPLACE(REPLACE(RTRIM(REPLACE(l.[c6], N'0', N' ')), N' ', N'0'), N'.', N' ')), N' ', N'.') END + N'.' AS varbinary(1692)),
[_key_bytes_4] = CAST(l.[c11] AS varbinary(16)) + 0x01,
[_key_bytes_5] = CAST(l.[c13] + N'.' AS varbinary(1692));
