-- A login that reads. Run in the source database as a member of db_owner; CREATE LOGIN needs
-- ALTER ANY LOGIN. Azure SQL: leave the login out and write CREATE USER ... WITH PASSWORD.
CREATE LOGIN cdc_reader WITH PASSWORD = 'Change-me-1';
GO
USE core;
GO
CREATE USER cdc_reader FOR LOGIN cdc_reader;
-- rows, and what the catalog says of the tables: SELECT brings VIEW DEFINITION of what it is on
GRANT SELECT ON SCHEMA::dbo TO cdc_reader;
-- only where columns are masked (dynamic data masking), and the warehouse is to have them in clear;
-- without it, tables with masked columns are refused by name
-- GRANT UNMASK TO cdc_reader;
-- only where security policies filter rows: a policy shows itself to who may see its definition, and
-- one that is not seen would pass for deleted rows
-- GRANT VIEW DEFINITION ON DATABASE::core TO cdc_reader;
GO
-- One snapshot for the count and all rows of a table, without a lock on anybody. It costs row
-- versions in tempdb while long reads run. Without it, and without READ_COMMITTED_SNAPSHOT, rows may
-- be seen twice or missed, so that no delete is believed (`plan` says which of the three it is).
-- ALTER DATABASE core SET ALLOW_SNAPSHOT_ISOLATION ON;
