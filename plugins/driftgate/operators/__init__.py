"""One operator for each step of the DAGs."""
