"""Decoders without processes of their own, for tests of what comes after decoding."""

from collections.abc import Sequence

import numpy as np

from include.errors import UnreadableImageError
from include.images.decode import decode
from include.images.isolated import DecodedImages, Outcome


class DecodersHere:
    """Decodes in this process. That others do it has tests of its own, and takes each of these half a second."""

    def __init__(self, **_: object) -> None:
        pass

    def __enter__(self) -> "DecodersHere":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        """There is nothing to start."""

    def decode_all(self, contents: Sequence[bytes], *, size: int, jpeg_detail: int) -> DecodedImages:
        pixels = np.zeros((len(contents), size, size, 3), dtype=np.uint8)
        outcomes: list[Outcome] = []
        for place, content in enumerate(contents):
            try:
                image = decode(content, size=size, jpeg_detail=jpeg_detail)
            except UnreadableImageError as error:
                outcomes.append(error)
            else:
                pixels[place] = image.pixels
                outcomes.append(image.statistics)
        return DecodedImages(pixels, tuple(outcomes))
