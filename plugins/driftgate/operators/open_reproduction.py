"""The first task of a run that trains a version again."""

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class OpenReproductionOperator(PipelineOperator):
    """Store the run with the config that the version was trained with; the version is the run's parameter."""

    def work(self, task: PipelineTask) -> dict[str, str]:
        """Return the run's id and the digest of its config."""
        from include.registry.original import open_reproduction

        version = task.context["params"]["version"]
        run = open_reproduction(task.warehouse, self.config, version=version, run_id=task.run_id, dag_id=task.dag_id)
        self.log.info("%s: %s", run.reason, run.config.training.model_dump(mode="json"))
        return {"run_id": run.run_id, "config_digest": run.config.digest}
