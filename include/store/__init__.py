"""Where files lie: atomic writes, digests, segments of pixels."""
