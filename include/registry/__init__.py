"""The ledger: versions, what was decided about them, and their files."""
