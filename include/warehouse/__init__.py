"""The way to the warehouse: sessions, statements, loading, set-up."""
