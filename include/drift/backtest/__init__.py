"""A policy, replayed on the stored answers."""
