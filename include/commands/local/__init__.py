"""Driftgate on one machine: its processes, their state, the demo."""
