"""Whether anything has happened to a pipeline, as Airflow knows it without a question to the warehouse.

A page that is left open asks twice a minute. On Snowflake each statement would keep the virtual warehouse awake:
looking would cost more than classifying.
"""

from datetime import datetime, timedelta

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import State, TaskInstanceState
from sqlalchemy import or_, select

from include.config import PipelineConfig

KINDS = ("training", "inference", "rollback", "reproduce", "alerts")
_AT_WORK = (TaskInstanceState.QUEUED, TaskInstanceState.RUNNING, TaskInstanceState.RESTARTING)
_CLOCKS = timedelta(seconds=5)
"""How far the clocks of Airflow's processes may be apart."""


def is_quiet_since(config: PipelineConfig, since: datetime) -> bool:
    """Whether no task of a pipeline works now or has worked since a time; one that waits for a person does not work."""
    earliest = since - _CLOCKS
    worked = (
        select(TaskInstance.task_id)
        .join(DagRun, (DagRun.dag_id == TaskInstance.dag_id) & (DagRun.run_id == TaskInstance.run_id))
        .where(
            DagRun.dag_id.in_([f"{config.name}_{kind}" for kind in KINDS]),
            or_(DagRun.state.in_(State.unfinished_dr_states), DagRun.end_date >= earliest),
            or_(TaskInstance.state.in_(_AT_WORK), TaskInstance.end_date >= earliest),
        )
        .limit(1)
    )
    with create_session() as session:
        return session.scalar(worked) is None
