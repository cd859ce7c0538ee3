"""The task that finds out what waits for an answer."""

from typing import Any

from airflow.providers.standard.operators.branch import BranchMixIn

from driftgate.inference_outcome import checks_only, without_batches
from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class PlanOperator(PipelineOperator, BranchMixIn):
    """Pack the pending images into batches for the champion.

    With none, or if only a check was asked for (the run's parameter `only_check`), the run goes on to the drift check,
    which may have answers of earlier runs to judge; without a champion it ends here.

    Args:
        then: The task that is mapped over the batches.
        otherwise: The task that comes next if there are none.
        **kwargs: As for any pipeline operator.
    """

    inherits_from_skipmixin = True

    def __init__(self, *, then: str, otherwise: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.then = then
        self.otherwise = otherwise

    def work(self, task: PipelineTask) -> list[dict[str, Any]]:
        """Return the batches, and skip what does not follow."""
        from include.catalog.plan import into_batches, pending_images
        from include.catalog.runs import close_run
        from include.registry.ledger import read_champion
        from include.store.batches import write_batches

        champion = read_champion(task.warehouse)
        pending = pending_images(task.warehouse, task.config)
        only_check = checks_only(task.context)
        if champion is None or not pending or only_check:
            outcome = (
                without_batches(task.context)
                if champion
                else f"no champion yet: {len(pending)} images wait; train one with ./driftgate train {task.config.name}"
            )
            self.log.info("%s", outcome)
            close_run(task.warehouse, run_id=task.run_id, outcome=outcome)
            self.do_branch(task.context, [self.otherwise] if champion else [])
            return []
        inference = task.config.inference
        parts = into_batches(pending, batch_size=inference.batch_size, max_batches=inference.max_tasks)
        # What the champion was trained on decides, not what the pipeline file says by now.
        preprocessing = champion.config.preprocessing
        batches = write_batches(task.store, parts, preprocessing=preprocessing, version=champion.version)
        self.log.info("%d pending images in %d batches for version %d", len(pending), len(batches), champion.version)
        self.do_branch(task.context, [self.then])
        return [batch.to_json() for batch in batches]
