"""The streams on a pipeline's stages, by which a sync is told what has changed."""

import logging
from typing import Any, NamedTuple

from include.config_parts import StageConfig
from include.errors import WarehouseError
from include.warehouse.identifiers import quote_identifier, stream_of
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


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
    return next((shown for shown in warehouse.show("setup/show_streams", ShownStream) if shown.name == name), None)


def set_up_stream(warehouse: Warehouse, stage: StageConfig) -> None:
    """Make the stream on a stage. Where the account does not offer it, each sync compares the whole stage.

    Raises:
        WarehouseUnavailableError: The warehouse could not be reached.
    """
    found = find_stream(warehouse, stage)
    statement = "setup/replace_stream" if found and found.is_stale else "setup/create_stream"
    identifiers = {"stream": stream_of(stage.name), "stage": quote_identifier(stage.name)}
    try:
        warehouse.run(statement, identifiers=identifiers)
    except WarehouseError as error:
        if error.is_transient:
            raise
        log.warning("there is no stream on stage %s, so each sync compares all of it: %s", stage.name, error)
