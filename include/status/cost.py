"""What the pipeline costs: the credits of each task in the last days."""

from dataclasses import dataclass
from datetime import datetime

from include.config import PipelineConfig
from include.warehouse.cost import HISTORY_DAYS, TaskCost, read_recent_costs
from include.warehouse.session import Warehouse


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The panel: what each task's statements cost."""

    since: datetime
    """UTC, as is `until`."""
    until: datetime
    tasks: tuple[TaskCost, ...]
    """The dearest first; without a task: what commands and this page have asked."""

    @property
    def credits(self) -> float:
        """Of all tasks together."""
        return sum(task.credits for task in self.tasks)

    @property
    def warehouse_s(self) -> float:
        """How long the warehouse was awake for them, in seconds."""
        return sum(task.warehouse_s for task in self.tasks)


def read_cost(warehouse: Warehouse, config: PipelineConfig) -> Cost:
    """Return what the pipeline has cost for as long as the query history tells.

    Args:
        warehouse: A session on the pipeline's schema.
        config: The pipeline, whose name is in its statements' tags.
    """
    recent = read_recent_costs(warehouse, pipeline=config.name, days=HISTORY_DAYS)
    return Cost(since=recent.since, until=recent.until, tasks=tuple(recent.tasks))
