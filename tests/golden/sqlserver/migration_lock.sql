DECLARE @granted int; EXEC @granted = sp_getapplock @Resource = N'cdc-daemon migrations', @LockMode = 'Exclusive', @LockOwner = 'Transaction'; SELECT CASE WHEN @granted >= 0 THEN 1 ELSE 0 END;
