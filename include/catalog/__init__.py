"""The catalog: which images there are, on which side they are, and what waits."""
