"""What the drift check reaches: `python -m benchmarks.drift`."""
