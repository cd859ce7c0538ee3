"""The first task of a training run."""

from driftgate.operators.pipeline import PipelineOperator, PipelineTask
from include.config import PipelineConfig

OVERRIDABLE = ("n_epochs", "batch_size", "base_lr", "downsample_to")
"""The fields of `training` that can be set for one run: each is a Param of the DAG."""


class OpenRunOperator(PipelineOperator):
    """Store the run with its resolved config: the pipeline file, with what the trigger form overrides.

    A run may name the drift check that asks for it. Only its id is taken from the run's parameters: what it found is
    read from DRIFT_CHECKS, here and wherever it is needed.
    """

    def work(self, task: PipelineTask) -> dict[str, str | None]:
        """Return the run's id, the digest of its config and the check's id."""
        from include.catalog.runs import open_run
        from include.drift.checks import read_check

        params = task.context["params"]
        overridden = {name: params.get(name) for name in OVERRIDABLE}
        config: PipelineConfig = self.config.with_training(overridden).with_strategy(params.get("strategy"))
        check = read_check(task.warehouse, params["check_id"]) if params.get("check_id") else None
        reason = params.get("reason") or None
        if check is not None and reason is None:
            reason = f"drift check {check.check_id} of version {check.version}: {'; '.join(check.reasons)}"
        run = open_run(
            task.warehouse,
            config,
            run_id=task.run_id,
            dag_id=task.dag_id,
            kind="training",
            reason=reason,
            check_id=check.check_id if check else None,
        )
        self.log.info(
            "run %s: %s, strategy %s, config %s",
            run.run_id,
            run.config.training.model_dump(mode="json"),
            run.config.model.strategy,
            run.config.digest[:12],
        )
        if run.reason:
            self.log.info("why: %s", run.reason)
        return {"run_id": run.run_id, "config_digest": run.config.digest, "check_id": run.check_id}
