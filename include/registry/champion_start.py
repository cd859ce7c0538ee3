"""The version that a run's training starts from."""

import logging
from typing import NamedTuple

from include.config import PipelineConfig
from include.errors import ArtefactError
from include.models.start import StartedFrom, TrainingStart
from include.registry.artefacts import load_version
from include.store.files import FileStore
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


class _VersionNumber(NamedTuple):
    version: int


def start_of_run(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, *, run_id: str
) -> TrainingStart | None:
    """Return the champion as it was when a run started; None: training is from scratch, or there was no champion.

    A try that comes after another version was promoted starts from the same one.

    Args:
        warehouse: A session.
        store: The pipeline's files.
        config: The run's config.
        run_id: The run.

    Raises:
        ArtefactError: The champion's files are not what the ledger says.
    """
    if config.model.strategy == "scratch":
        return None
    row = warehouse.fetch_one("registry/select_champion_at_start", _VersionNumber, run_id=run_id)
    if row is None:
        log.info("strategy %s: there was no champion when the run started", config.model.strategy)
        return None
    return TrainingStart(row.version, load_version(warehouse, store, row.version))


def start_of_version(warehouse: Warehouse, store: FileStore, recorded: StartedFrom) -> TrainingStart | None:
    """Return what a version's training started from; None: it is not to be had any more."""
    try:
        start = TrainingStart(recorded.version, load_version(warehouse, store, recorded.version))
    except ArtefactError as error:
        log.warning("what training started from cannot be loaded: %s", error)
        return None
    if (found := start.loaded.card.weights_sha256) != recorded.weights_sha256:
        log.warning("version %d has the weights %s, training started from %s", start.version, found[:12], recorded)
        return None
    return start
