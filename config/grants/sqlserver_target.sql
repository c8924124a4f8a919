-- A login that owns three schemas and what is in them. Run as a member of db_owner.
CREATE LOGIN cdc_writer WITH PASSWORD = 'Change-me-1';
GO
USE warehouse;
GO
CREATE USER cdc_writer FOR LOGIN cdc_writer;
-- the schemas are made here, so that CREATE SCHEMA need not be granted
EXEC('CREATE SCHEMA bronze AUTHORIZATION cdc_writer');
EXEC('CREATE SCHEMA stage AUTHORIZATION cdc_writer');
EXEC('CREATE SCHEMA cdc AUTHORIZATION cdc_writer');
GRANT CREATE TABLE, CREATE VIEW TO cdc_writer;
-- bulk copy into tables one owns needs no more than INSERT; the locks (sp_getapplock) need public
GO
-- readers of the warehouse do not wait for promote, and promote does not wait for them
-- ALTER DATABASE warehouse SET READ_COMMITTED_SNAPSHOT ON;
