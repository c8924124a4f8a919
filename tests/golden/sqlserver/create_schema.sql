IF SCHEMA_ID(N'Stage ]''Area') IS NULL EXEC(N'CREATE SCHEMA [Stage ]]''Area]');
