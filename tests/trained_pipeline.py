"""A pipeline that has a champion, for the tests that ask what comes after: how it came by it takes seconds."""

import shutil
from pathlib import Path

from schema_template import SchemaTemplate

from include.config import PipelineConfig
from include.warehouse.embedded.server import RunningServer


class TrainedPipeline:
    """What a pipeline's runs have left: images and store in folders, rows and staged files in a schema.

    Args:
        server: The embedded warehouse, in this process.
        config: The pipeline. Nothing is to change it any more.
        folder: The folder of its images.
    """

    def __init__(self, server: RunningServer, config: PipelineConfig, folder: Path) -> None:
        self._schema = SchemaTemplate(server, config)
        self._config = config
        self._folder = folder

    def copy_to(self, config: PipelineConfig, folder: Path) -> None:
        """Let another pipeline, which is set up, stand where this one stands."""
        for name in ("train", "new"):
            shutil.copytree(self._folder / name, folder / name, dirs_exist_ok=True)
        shutil.copytree(self._config.store_url, config.store_url, dirs_exist_ok=True)
        self._schema.fill(config)
