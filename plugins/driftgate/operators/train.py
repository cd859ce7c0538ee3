"""The task that trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask

if TYPE_CHECKING:
    from include.models.embedding import StoredFeatures


class TrainOperator(PipelineOperator):
    """Train on a snapshot. Progress is in the log: epoch, loss, images a second, time left.

    A task that is tried again, or cleared, goes on from the run's latest checkpoint to the same weights.

    Args:
        snapshot_id: The snapshot.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("snapshot_id",)

    def __init__(self, *, snapshot_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot_id = snapshot_id

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return a reference to the weights in the store."""
        from driftgate.broken_images import stop_on_broken_snapshot
        from include.models.fitting import fit_snapshot
        from include.registry.champion_start import start_of_run

        stop_on_broken_snapshot(task, snapshot_id=self.snapshot_id)
        self._report_on_dataset(task)
        start = start_of_run(task.warehouse, task.store, task.config, run_id=task.run_id)
        fitted = fit_snapshot(
            task.warehouse,
            task.store,
            task.config,
            snapshot_id=self.snapshot_id,
            run_id=task.run_id,
            start=start,
            features=self._features(task),
        )
        return fitted.to_json()

    def _report_on_dataset(self, task: PipelineTask) -> None:
        """Write the report on the snapshot before anything is trained on it; its place is the XCom `dataset_report`.

        Training goes on without it, whatever its libraries fail of: their exceptions have no base in common.
        """
        from include.dataset.keeping import ensure_snapshot_report

        try:
            path = ensure_snapshot_report(task.warehouse, task.store, task.config, snapshot_id=self.snapshot_id)
        except Exception:
            self.log.warning("snapshot %s has no report on its images", self.snapshot_id[:12], exc_info=True)
        else:
            task.context["ti"].xcom_push(key="dataset_report", value=path)

    @staticmethod
    def _features(task: PipelineTask) -> StoredFeatures | None:
        """Return what knows the images that were seen before, for the strategy that asks for it."""
        if task.config.model.strategy != "head" or not task.config.inference.keep_features:
            return None
        from include.images.preprocessing import preprocessing_digest
        from include.models.embedding import FeatureSource, StoredFeatures

        return StoredFeatures(
            FeatureSource(task.warehouse, task.store, work_path=task.work_path),
            architecture=task.config.model.architecture,
            preprocessing_digest=preprocessing_digest(task.config.preprocessing),
        )
