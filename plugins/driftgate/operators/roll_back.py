"""The task that makes a former champion champion again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException

from driftgate.failures import tell_failure
from driftgate.inference_outcome import add_to_outcome, rollback_sentence
from driftgate.operators.pipeline import PipelineOperator, PipelineTask
from include.config import PipelineConfig

if TYPE_CHECKING:
    from include.registry.rollback import Rollback

UNKNOWN_USER = "airflow"
"""The actor when Airflow does not know who triggered the run."""


class _Request(NamedTuple):
    """What was asked for, by whom, and of which champion."""

    to: int | None
    expected_event_seq: int
    reason: str
    actor: str


class RollBackOperator(PipelineOperator):
    """Roll back, as the run's parameters ask for or as a drift check has decided; people are told with it.

    It is a rollback of the champion that there was when it was asked for: of two that were asked for at once one wins,
    and the other fails, saying so. What a drift check has decided is skipped then: its champion is no longer there.

    Args:
        check: What `check_drift` returned, in an inference run: back to the previous version, for its reasons. None:
            the run is a rollback of its own, with the parameters `version` and `reason`; it is opened and closed here,
            and `tell_failed_rollback` tells if it fails.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("check",)

    def __init__(self, *, check: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return the version restored, the one it replaces, the event, and what became of the answers."""
        if self.check is not None:
            request = _decided(task, self.check)
            rollback = _roll_back_or_skip(task, request)
            add_to_outcome(task, rollback.sentence)
        else:
            request = _asked(task)
            rollback = _open_roll_back_close(task, request)
        self.log.info("%s", rollback.sentence)
        return rollback.to_json()


def tell_failed_rollback(config: PipelineConfig, context: Context) -> None:
    """Close a run of the rollback DAG, and tell by mail that it failed; for the failure of either of its tasks.

    Args:
        config: The pipeline file.
        context: Of the task, with the exception that it failed of.
    """
    task_id = str(context["ti"].task_id)
    error = context.get("exception") or "it was ended from outside"
    made = context["ti"].xcom_pull(task_ids="roll_back")
    outcome = f"{rollback_sentence(made)}; {task_id} failed: {error}" if made else f"failed: {error}"
    tell_failure(config, context, (task_id,), outcome=outcome)


def _decided(task: PipelineTask, returned: dict[str, Any]) -> _Request:
    """Return what DRIFT_CHECKS says: an XCom can be written by others."""
    from include.drift.check import Check
    from include.drift.checks import read_check
    from include.registry.ledger import DRIFTGATE

    check = read_check(task.warehouse, Check.from_json(returned).check_id)
    return _Request(None, check.champion_event_seq, "; ".join(check.reasons), DRIFTGATE)


def _asked(task: PipelineTask) -> _Request:
    from include.registry.rollback import event_seq_at

    run, params = task.context["dag_run"], task.context["params"]
    return _Request(
        to=params["version"],
        expected_event_seq=event_seq_at(task.warehouse, run.run_after),
        reason=params["reason"],
        actor=run.triggering_user_name or UNKNOWN_USER,
    )


def _roll_back(task: PipelineTask, request: _Request) -> Rollback:
    from include.registry.rollback import roll_back

    return roll_back(task.warehouse, run_id=task.run_id, **request._asdict())


def _roll_back_or_skip(task: PipelineTask, request: _Request) -> Rollback:
    """Roll back from the champion that was checked, if it still is champion."""
    from include.errors import ChampionChangedError

    try:
        return _roll_back(task, request)
    except ChampionChangedError as error:
        told = f"not rolled back: {error}"
        add_to_outcome(task, told)
        raise AirflowSkipException(told) from error


def _open_roll_back_close(task: PipelineTask, request: _Request) -> Rollback:
    from include.catalog.runs import close_run, open_run

    open_run(
        task.warehouse,
        task.file_config,
        run_id=task.run_id,
        dag_id=task.dag_id,
        kind="rollback",
        reason=request.reason,
    )
    rollback = _roll_back(task, request)
    close_run(task.warehouse, run_id=task.run_id, outcome=rollback.sentence)
    return rollback
