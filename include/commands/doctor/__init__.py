"""The verb `doctor`: what keeps a pipeline from working, and what mends it."""
