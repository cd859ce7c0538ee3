"""The command driftgate."""
