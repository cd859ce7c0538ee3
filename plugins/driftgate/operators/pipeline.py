"""What all operators of a pipeline have in common: a session on its schema, its run, its files, and how they fail."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from include.config import PipelineConfig
from include.errors import DriftgateError

if TYPE_CHECKING:  # the connector, which a DAG that is only read does not need
    from include.catalog.runs import Run
    from include.notify.desk import Desk
    from include.store.files import FileStore
    from include.warehouse.session import Warehouse


@dataclass(frozen=True, kw_only=True)
class PipelineTask:
    """One execution of a task, as an operator's work sees it."""

    context: Context
    warehouse: Warehouse
    file_config: PipelineConfig
    """The pipeline file as it is now: where the warehouse is, and what a run is opened with."""

    @property
    def dag_id(self) -> str:
        """The DAG."""
        return str(self.context["dag"].dag_id)

    @property
    def run_id(self) -> str:
        """The run's id in the warehouse."""
        from include.catalog.runs import run_id_of

        return run_id_of(self.dag_id, str(self.context["run_id"]))

    @cached_property
    def run(self) -> Run:
        """The run as it was opened: its config counts, whatever the pipeline file says by now."""
        from include.catalog.runs import read_run

        return read_run(self.warehouse, run_id=self.run_id)

    @property
    def config(self) -> PipelineConfig:
        """The config that the run was opened with."""
        return self.run.config

    @property
    def triggered_by(self) -> str | None:
        """Who has triggered the run, as Airflow names people; None: nobody has, a schedule did."""
        name = self.context["dag_run"].triggering_user_name
        return str(name) if name else None

    @property
    def store(self) -> FileStore:
        """The pipeline's files."""
        from include.store.files import FileStore

        return FileStore(self.file_config.store_url)

    @property
    def work_path(self) -> str:
        """A path that only this try of this task uses."""
        from include.warehouse.loading import TaskTry

        ti = self.context["ti"]
        map_index = -1 if ti.map_index is None else int(ti.map_index)
        return TaskTry(
            self.dag_id, str(self.context["run_id"]), str(ti.task_id), map_index, int(ti.try_number)
        ).work_path


@contextmanager
def pipeline_task(config: PipelineConfig, context: Context) -> Iterator[PipelineTask]:
    """Open a session for a task's work.

    What our own exceptions call permanent fails the task at once; anything else is tried again as the DAG says.

    Args:
        config: The pipeline file.
        context: Of the task.
    """
    from driftgate.hooks import WarehouseHook

    try:
        with WarehouseHook.for_task(config, context).session() as warehouse:
            yield PipelineTask(context=context, warehouse=warehouse, file_config=config)
    except DriftgateError as error:
        if error.is_transient:
            raise
        raise AirflowFailException(str(error)) from error


@contextmanager
def pipeline_desk(config: PipelineConfig, context: Context) -> Iterator[Desk]:
    """Open a session for composing messages. Unlike `pipeline_task`, it leaves errors as they are.

    Args:
        config: The pipeline file.
        context: Of the task.
    """
    from driftgate.hooks import WarehouseHook
    from driftgate.links import base_url
    from include.notify.desk import Desk

    with WarehouseHook.for_task(config, context).session() as warehouse:
        task = PipelineTask(context=context, warehouse=warehouse, file_config=config)
        yield Desk(warehouse=warehouse, store=task.store, config=config, base_url=base_url(), work_path=task.work_path)


class PipelineOperator(BaseOperator):
    """A task of one pipeline. A subclass says in `work` which function of the domain it calls.

    Args:
        config: The pipeline file.
        **kwargs: As for any operator.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, *, config: PipelineConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def execute(self, context: Context) -> Any:
        """Open a session, do the work, and return what it returns."""
        with pipeline_task(self.config, context) as task:
            return self.work(task)

    @abstractmethod
    def work(self, task: PipelineTask) -> Any:
        """Do the task's work.

        Args:
            task: This execution.

        Returns:
            A small JSON-able result.
        """
