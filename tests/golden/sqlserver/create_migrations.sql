IF OBJECT_ID(N'[cdc].[schema_migration]', N'U') IS NULL CREATE TABLE [cdc].[schema_migration] (version int NOT NULL PRIMARY KEY, name nvarchar(128) NOT NULL, applied_at datetime2(6) NOT NULL);
