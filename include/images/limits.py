"""The largest file and image that are read, checked before anything is decoded."""

MAX_BYTES = 64 * 2**20
"""The largest file, in bytes."""

MAX_SIDE = 16_384
"""The longest side of an image, in pixels."""

MAX_PIXELS = 100_000_000
"""The most pixels of an image: decoded, turned into RGBA and made smaller, it takes up to 1.6 GB for a second."""

LARGE_PIXELS = 25_000_000
"""From here on, images are decoded one at a time; a JPEG counts as large as it is decoded, not as it is."""
