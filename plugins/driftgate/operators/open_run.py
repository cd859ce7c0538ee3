"""The first task of a training run."""

from driftgate.operators.pipeline import PipelineOperator, PipelineTask
from include.config import PipelineConfig

OVERRIDABLE = ("n_epochs", "batch_size", "base_lr", "downsample_to")
"""The fields of `training` that can be set for one run: each is a Param of the DAG."""


class OpenRunOperator(PipelineOperator):
    """Store the run with its resolved config: the pipeline file, with what the trigger form overrides."""

    def work(self, task: PipelineTask) -> dict[str, str]:
        """Return the run's id and the digest of its config."""
        from include.catalog.runs import open_run

        params = task.context["params"]
        config: PipelineConfig = self.config.with_training({name: params.get(name) for name in OVERRIDABLE})
        run = open_run(
            task.warehouse,
            config,
            run_id=task.run_id,
            dag_id=task.dag_id,
            kind="training",
            reason=params.get("reason") or None,
        )
        self.log.info(
            "run %s: %s, config %s", run.run_id, run.config.training.model_dump(mode="json"), run.config.digest[:12]
        )
        return {"run_id": run.run_id, "config_digest": run.config.digest}
