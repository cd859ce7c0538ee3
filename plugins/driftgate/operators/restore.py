"""The task that makes the snapshot of an old version ready to be trained on again."""

from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class RestoreOperator(PipelineOperator):
    """Find out which images of a version's snapshot are to be decoded again.

    What is there and what is lost goes to the XCom `restored`, the batches to prepare are the result.
    """

    def work(self, task: PipelineTask) -> list[dict[str, Any]]:
        """Return the batches that `preprocess` is mapped over; none if all pixels are in the store."""
        from include.catalog.plan import into_batches
        from include.registry.original import read_original
        from include.store.batches import write_batches
        from include.store.restoration import plan_restoration

        config = task.config
        plan = plan_restoration(
            task.warehouse,
            task.store,
            snapshot_id=read_original(task.warehouse, task.context["params"]["version"]).snapshot_id,
            preprocessing=config.preprocessing,
            stages=config.stages,
        )
        task.context["ti"].xcom_push(key="restored", value=plan.restored.to_json())
        parts = into_batches(plan.keys, batch_size=config.inference.batch_size, max_batches=config.inference.max_tasks)
        batches = write_batches(task.store, parts, preprocessing=config.preprocessing, version=None)
        return [batch.to_json() for batch in batches]
