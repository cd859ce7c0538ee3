"""The task that freezes the labelled images into a data set."""

from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class FreezeSnapshotOperator(PipelineOperator):
    """Freeze the labelled images; the id goes to the XCom `snapshot_id`, the batches to prepare are the result."""

    def work(self, task: PipelineTask) -> list[dict[str, Any]]:
        """Return the batches that `preprocess` is mapped over."""
        from include.catalog.plan import into_batches
        from include.catalog.snapshot import freeze_snapshot
        from include.images.preprocess import read_digests
        from include.store.batches import write_batches

        snapshot = freeze_snapshot(
            task.warehouse, task.config, run_id=task.run_id, work_path=task.work_path, read_digests=read_digests
        )
        task.context["ti"].xcom_push(key="snapshot_id", value=snapshot.snapshot_id)
        inference = task.config.inference
        parts = into_batches(snapshot.keys, batch_size=inference.batch_size, max_batches=inference.max_tasks)
        batches = write_batches(task.store, parts, preprocessing=task.config.preprocessing, version=None)
        return [batch.to_json() for batch in batches]
