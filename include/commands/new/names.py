"""What the pipeline of a folder is called, whose own name may hold anything."""

import re
import unicodedata
from pathlib import Path

import yaml
from pydantic import ValidationError

from include.config import PipelineConfig

_LONGEST = 48
"""So that DAGs and stages that begin with the name stay readable."""


def pipeline_name(folder: Path) -> str:
    """Return what the pipeline of a folder is called: the folder's name, as far as a pipeline may have it."""
    plain = unicodedata.normalize("NFKD", folder.name).encode("ascii", "ignore").decode("ascii")
    name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:_LONGEST].strip("_")
    return next(candidate for candidate in (name, f"images_{name}".rstrip("_")) if _is_allowed(candidate))


def _is_allowed(name: str) -> bool:
    """Say whether a pipeline may have this name: it begins with a letter, is no reserved word, and YAML reads a text.

    Of `yes`, `no` and `off` it would make a truth value.
    """
    stages = {"training": {"name": "A"}, "incoming": {"name": "B"}}
    try:
        PipelineConfig.model_validate({"name": yaml.safe_load(name), "stages": stages})
    except ValidationError:
        return False
    return True
