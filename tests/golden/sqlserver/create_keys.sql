DROP TABLE IF EXISTS [Stage Area].[_load_7_keys]; CREATE TABLE [Stage Area].[_load_7_keys] (
    [c1] nvarchar(max) NULL,
    [c0] bigint NULL,
    [c6] nvarchar(max) NULL,
    [c11] varbinary(16) NULL,
    [c13] nvarchar(4000) NULL,
    [c19] nvarchar(27) NULL,
    [_position] bigint NOT NULL
);
