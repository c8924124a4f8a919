ALTER TABLE [bronze].[core_a]]b'] ADD [new ]]one[] nvarchar(10) NULL;
