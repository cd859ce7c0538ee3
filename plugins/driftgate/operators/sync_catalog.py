"""The task that brings the catalog up to date with the stages."""

from typing import Any, Literal

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class SyncCatalogOperator(PipelineOperator):
    """Bring IMAGES up to date with the pipeline's stages.

    Args:
        stages: Which stages; inference needs only the incoming one.
        opens_run: Whether this is the first task of a run, which stores the run with its config.
        **kwargs: As for any pipeline operator.
    """

    def __init__(self, *, stages: tuple[Literal["training", "incoming"], ...], opens_run: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stages = stages
        self.opens_run = opens_run

    def work(self, task: PipelineTask) -> dict[str, dict[str, int]]:
        """Return the live, changed and gone images of each stage."""
        from include.catalog.runs import open_run
        from include.catalog.sync import sync_stage

        if self.opens_run:
            open_run(task.warehouse, self.config, run_id=task.run_id, dag_id=task.dag_id, kind="inference", reason=None)
        stages = task.config.stages
        results = [
            sync_stage(
                task.warehouse,
                stages.training if name == "training" else stages.incoming,
                labels=task.config.labels if name == "training" else None,
                accept_removals=bool(task.context["params"].get("accept_removals")),
            )
            for name in self.stages
        ]
        return {r.stage: {"n_live": r.n_live, "n_changed": r.n_changed, "n_gone": r.n_gone} for r in results}
