"""A version as it was made: what training it again starts from and is compared with, and the run that does it."""

import json
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from include.catalog.runs import Run, open_run
from include.config import PipelineConfig
from include.errors import ArtefactError
from include.registry.challenger import EVIDENCE
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

CONDITIONS = "conditions"
"""Where METRICS tells how and on what a version was trained; those of older releases do not."""


class Original(NamedTuple):
    """A version that is to be trained again, with what its evaluation has found."""

    version: int
    snapshot_id: str
    config: PipelineConfig
    metrics: Mapping[str, Any]

    @property
    def weights_sha256(self) -> str:
        """The digest of its weights.

        Raises:
            ArtefactError: METRICS does not tell.
        """
        found = self.metrics.get("weights_sha256")
        if found is None:
            raise ArtefactError(
                f"METRICS of version {self.version} does not name its weights: there is nothing to compare with"
            )
        return str(found)

    @property
    def accuracy(self) -> float:
        """On its test images, 0 to 1."""
        return float(self.metrics["accuracy"])

    @property
    def n_test_images(self) -> int:
        """The test images on which that was measured."""
        return int(self.metrics["n_images"])

    @property
    def n_training_images(self) -> int:
        """The images that it was really trained on."""
        return int(self.metrics["n_training_images"])

    @property
    def champion_version(self) -> int | None:
        """The champion that it was compared with, whose training images were not tested on."""
        version: int | None = (self.metrics.get(EVIDENCE) or {}).get("champion_version")
        return version


class _OriginalRow(NamedTuple):
    version: int
    snapshot_id: str
    config: str
    metrics: str


def read_original(warehouse: Warehouse, version: int) -> Original:
    """Return a version that is to be trained again.

    Raises:
        ArtefactError: There is no such version.
    """
    row = warehouse.fetch_one("reproduce/select_original", _OriginalRow, version=version)
    if row is None:
        raise ArtefactError(f"there is no version {version} in MODEL_VERSIONS: name one that was registered")
    return Original(row.version, row.snapshot_id, PipelineConfig.from_json(row.config), json.loads(row.metrics))


def open_reproduction(warehouse: Warehouse, config: PipelineConfig, *, version: int, run_id: str, dag_id: str) -> Run:
    """Store a run that trains a version again, with the version's own preprocessing, model and training.

    Where images and files lie is as the pipeline file says now.

    Args:
        warehouse: A session, not in a transaction.
        config: The pipeline file.
        version: The version.
        run_id: The run.
        dag_id: Its DAG.

    Raises:
        ArtefactError: There is no such version, or nobody knows its weights.
    """
    original = read_original(warehouse, version)
    log.info("the weights of version %d have SHA-256 %s", version, original.weights_sha256)
    parts = {part: getattr(original.config, part) for part in ("preprocessing", "model", "training")}
    return open_run(
        warehouse,
        config.model_copy(update=parts),
        run_id=run_id,
        dag_id=dag_id,
        kind="reproduction",
        reason=f"train version {version} again",
    )
