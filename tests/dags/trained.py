"""A pipeline whose training has run, for the tests that ask what comes after: a training takes seconds."""

import shutil
from pathlib import Path
from typing import NamedTuple

from schema_template import SchemaTemplate

from include.config import PipelineConfig


class TrainedPipeline(NamedTuple):
    """What a training run has left: images and store in a folder, rows and staged files in a schema."""

    folder: Path
    schema: SchemaTemplate

    def copy_to(self, config: PipelineConfig, folder: Path) -> None:
        """Let another pipeline, which is set up, stand where this one stands."""
        for name in ("train", "new", "store"):
            shutil.copytree(self.folder / name, folder / name, dirs_exist_ok=True)
        self.schema.fill(config)
