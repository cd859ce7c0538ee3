"""Fetch, decode and measure images."""
