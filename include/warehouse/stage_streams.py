"""The streams on a pipeline's stages, by which a sync is told what has changed."""

from typing import Any, NamedTuple

from include.config_parts import StageConfig
from include.warehouse.identifiers import stream_of
from include.warehouse.session import Warehouse


class ShownStream(NamedTuple):
    """A stream, as SHOW STREAMS has it."""

    name: str
    created_on: Any
    """When it was made, which tells it from an earlier one of the same name."""
    stale: Any
    """Whether it can no longer tell what has changed: a text, or a truth value."""

    @property
    def is_stale(self) -> bool:
        """Whether its stage is gone, or too much has happened since it was read."""
        return str(self.stale).lower() == "true"


def find_stream(warehouse: Warehouse, stage: StageConfig) -> ShownStream | None:
    """Return the stream on a stage, or None if there is none that the session's role may read."""
    name = stream_of(stage.name)
    return next((shown for shown in warehouse.show("stages/show_streams", ShownStream) if shown.name == name), None)
