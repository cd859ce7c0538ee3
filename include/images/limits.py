"""The largest file and image that are read, checked before anything is decoded."""

MAX_BYTES = 64 * 2**20
"""The largest file, in bytes."""

MAX_SIDE = 16_384
"""The longest side of an image, in pixels."""

MAX_PIXELS = 100_000_000
"""The most pixels of an image: 400 MB when decoded, as Pillow keeps four bytes for each colour pixel."""
