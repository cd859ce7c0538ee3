-- A transaction of several statements.
BEGIN TRANSACTION
