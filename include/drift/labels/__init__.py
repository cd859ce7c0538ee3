"""Which images people are asked to label, and whether the labels suffice."""
