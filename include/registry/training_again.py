"""A version is trained again from what it was trained from: its snapshot, its config, its way of computing."""

import logging

from include.config import PipelineConfig
from include.models.conditions import TrainingConditions, is_available
from include.models.fitting import FittedModel, fit_snapshot
from include.registry.champion_start import start_of_version
from include.registry.original import CONDITIONS, Original, read_original
from include.store.files import FileStore
from include.store.restoration import RestoredSnapshot, refuse_unrestored
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

UNRECORDED = "how the original was computed is not recorded: its version is of an older release"


def conditions_of(original: Original) -> TrainingConditions | None:
    """Return how and on what a version was trained; None: an older release has registered it, and did not tell."""
    recorded = original.metrics.get(CONDITIONS)
    return TrainingConditions.from_json(recorded) if recorded else None


def train_again(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    restored: RestoredSnapshot,
    *,
    version: int,
    run_id: str,
) -> FittedModel:
    """Train on the snapshot of a version as the version was trained, and compute as it did, if this machine can.

    What it started from is the version that it names, as far as that one's files are still there; the champion of today
    is nothing to it.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        config: The run's config.
        restored: The snapshot, with its pixels in the store as far as they are to be had.
        version: The version.
        run_id: The run that trains.

    Raises:
        SnapshotError: Pixels are missing that were restored, or what is left makes no data set.
        ModelError: The model cannot be built, or training diverged.
    """
    refuse_unrestored(warehouse, store, restored, preprocessing=config.preprocessing)
    then = conditions_of(read_original(warehouse, version))
    compute = then.compute if then is not None and is_available(then.compute) else None
    if compute is None:
        log.warning("%s", UNRECORDED if then is None else f"this machine cannot compute on {then.compute}")
    start = start_of_version(warehouse, store, then.start) if then is not None and then.start else None
    return fit_snapshot(
        warehouse, store, config, snapshot_id=restored.snapshot_id, run_id=run_id, compute=compute, start=start
    )
