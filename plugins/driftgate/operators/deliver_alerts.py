"""The task that tells people what waits in the outbox, and sees to it that what cannot be told now is told later."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Context

from driftgate.operators.pipeline import pipeline_desk
from include.config import PipelineConfig

GRID_S = 5
"""A run of the alerts DAG starts at a multiple of this: whoever wants one for the same time finds the same run."""


class DeliverAlertsOperator(TriggerDagRunOperator):
    """Deliver what is due; if anything else waits, ask for a run of `<name>_alerts` when it is due.

    It decides nothing about the run in which it stands, at the end as a teardown: what cannot be delivered, because a
    server is down or the warehouse is, is a warning in the log.

    Args:
        config: The pipeline file.
        **kwargs: As for any operator.
    """

    def __init__(self, *, config: PipelineConfig, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=f"{config.name}_alerts",
            # However many runs ask for one at that time, there is one.
            skip_when_already_exists=True,
            openlineage_inject_parent_info=False,
            **kwargs,
        )
        self.config = config

    def execute(self, context: Context) -> None:
        """Deliver, and ask for the next run."""
        seconds = self._deliver(context)
        if seconds is None:
            return
        if context["ti"].get_dag(self.trigger_dag_id).is_paused:
            self.log.warning("%s is paused: what was not delivered waits for the next run", self.trigger_dag_id)
            return
        self.run_after = next_start(datetime.now(UTC), seconds)
        self.trigger_run_id = f"due__{self.run_after:%Y-%m-%dT%H:%M:%S}"
        self.log.info("what is left is delivered at %s", self.trigger_run_id.removeprefix("due__"))
        super().execute(context)

    def _deliver(self, context: Context) -> int | None:
        """Deliver what is due, and return in how many seconds there is something to deliver."""
        from driftgate.mailing import send_mail
        from include.notify.delivery import deliver_due

        try:
            with pipeline_desk(self.config, context) as desk:
                return deliver_due(desk, send_mail=send_mail)
        except Exception as error:  # noqa: BLE001 - news are worth less than the run that tells them
            self.log.warning("nothing is delivered now, the next run tries again: %s: %s", type(error).__name__, error)
            return None


def next_start(now: datetime, seconds: int) -> datetime:
    """Return when to deliver what is due in some seconds: after now, on the grid, and not too early.

    Args:
        now: The time here, aware.
        seconds: By the warehouse's clock, to which ours need not be equal; 0 or less: at once.
    """
    start = (now + timedelta(seconds=max(seconds, 0) + 1)).timestamp()
    return datetime.fromtimestamp(math.ceil(start / GRID_S) * GRID_S, UTC)
