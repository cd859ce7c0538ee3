-- All of the transaction, or an error.
COMMIT
