"""The champion as a function that SQL calls."""
