DROP TABLE IF EXISTS [Stage Area].[_load_7];
