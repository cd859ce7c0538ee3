"""The task that lets a challenger into production, or does not."""

from typing import Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask


class PromoteOperator(PipelineOperator):
    """Hold a challenger against the gate; make it champion if it passes and the champion is still the same.

    Where people had to approve it, it has to be what they were shown, to the last bit.

    What `check_cure` found is read where it is stored: whoever may write an XCom may write anything.

    What `evaluate` returned is pulled, and not handed over by the wiring: `evaluate` would then stand before this task
    and succeed, which is all that a join behind a rejection waits for.

    Args:
        evaluated_by: The task that returns the challenger.
        **kwargs: As for any pipeline operator.
    """

    def __init__(self, *, evaluated_by: str, **kwargs: Any) -> None:
        super().__init__(trigger_rule="none_failed_min_one_success", **kwargs)
        self.evaluated_by = evaluated_by

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return whether it is champion now, and why."""
        from include.registry.challenger import Challenger
        from include.registry.cures import read_cure
        from include.registry.promotion import pass_gate_and_promote

        challenger = Challenger.from_json(task.context["ti"].xcom_pull(task_ids=self.evaluated_by))
        check_id = task.run.check_id
        cure = read_cure(task.warehouse, version=challenger.version, check_id=check_id) if check_id else None
        decision = pass_gate_and_promote(
            task.warehouse,
            challenger,
            gate=task.config.gate,
            accept_vanished_classes=bool(task.context["params"].get("accept_vanished_classes")),
            run_id=task.run_id,
            cure=cure,
            needs_approval=task.config.promotion.approval,
        )
        return decision.to_json()
