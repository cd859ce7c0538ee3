"""The task that judges the champion's new answers, and decides what follows."""

from typing import Any

from airflow.providers.standard.operators.branch import BranchMixIn

from driftgate.operators.pipeline import PipelineOperator, PipelineTask

BRANCHES = {
    "NONE": "nothing",
    "ALERT": "alert",
    "REQUEST_LABELS": "request_labels",
    "REQUEST_RETRAINING": "request_retraining",
    "ROLL_BACK": "roll_back",
}
"""Which task does what a check has decided on."""


class CheckDriftOperator(PipelineOperator, BranchMixIn):
    """Compare the champion's new answers with its baseline, and follow the one branch that the verdict asks for."""

    inherits_from_skipmixin = True

    def work(self, task: PipelineTask) -> None:
        """Push the check, close the run, and skip the other branches."""
        from driftgate.inference_outcome import inference_outcome
        from include.catalog.runs import close_run
        from include.drift.check import check_drift

        checked = check_drift(task.warehouse, task.store, task.config, run_id=task.run_id, work_path=task.work_path)
        check: dict[str, Any] | None = checked.to_json() if checked else None
        # Pushed by hand: skipping the other branches ends this method with an exception.
        task.context["ti"].xcom_push(key="return_value", value=check)
        for reason in checked.reasons if checked else ():
            self.log.info("%s", reason)
        outcome = inference_outcome(task.context, check=check)
        close_run(task.warehouse, run_id=task.run_id, outcome=outcome)
        self.log.info("%s", outcome)
        self.do_branch(task.context, [BRANCHES[checked.action if checked else "NONE"]])
