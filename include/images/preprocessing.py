"""Which pixels belong together: those that were made in the same way."""

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pydantic and yaml take half a second to import
    from include.config_parts import PreprocessingConfig

PREPROCESSING_VERSION = 1
"""Raised whenever `include.images.decode` makes other pixels of the same file."""


def preprocessing_digest(config: "PreprocessingConfig") -> str:
    """Return the SHA-256 of all that decides the pixels of an image, besides the image itself.

    Every field of the config counts: pixels that were made in different ways can then never be mixed, and the worst
    that a new field does is that images are decoded once more.
    """
    # What has its default is left out where there was no such field once: those pixels are the same.
    fields = {"size": config.size} | config.model_dump(mode="json", exclude_defaults=True)
    decisive = {"version": PREPROCESSING_VERSION, "config": fields}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
