-- Nothing of the transaction.
ROLLBACK
