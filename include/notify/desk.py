"""What whoever composes a message has at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.config import PipelineConfig
from include.notify.links import answer_link, run_link

if TYPE_CHECKING:  # a task that only tells something needs none of what they import
    from include.catalog.runs import Run
    from include.store.files import FileStore
    from include.warehouse.session import Warehouse

Links = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where messages are composed: from facts in the warehouse and files in the store."""

    warehouse: Warehouse
    """A session, not in a transaction."""
    store: FileStore
    config: PipelineConfig
    """The pipeline file as it is now."""
    base_url: str
    """Airflow's address as people reach it; empty: it is not known."""
    work_path: str
    """Where this try of the task may put files below the work stage."""

    def run(self, run_id: str) -> Run | None:
        """Return a run as it was opened, or None if it was not: its first task has failed."""
        from include.catalog.runs import find_run

        return find_run(self.warehouse, run_id=run_id)

    def config_of(self, run_id: str) -> PipelineConfig:
        """Return the config that a run was opened with; if it was not, that of the pipeline file."""
        run = self.run(run_id)
        return run.config if run else self.config

    def run_link(self, label: str, run_id: str) -> Links:
        """Return the link to the page of a run."""
        return ((label, run_link(self.base_url, run_id)),)

    def answer_link(self, label: str, run_id: str, *, task_id: str, option: str | None) -> Links:
        """Return the link to the page on which a person answers a task, with an answer filled in, if one is given."""
        return ((label, answer_link(self.base_url, run_id, task_id=task_id, option=option)),)
