"""What a pipeline's statements cost: warehouse seconds and credits of each task, by query tag.

A virtual warehouse is billed by the second while it is awake: while statements run and, after the last one, until it
suspends itself. So the seconds of a task are not those in which its statements run, but by how much longer they keep
the warehouse awake: each statement covers the time from its start to `AUTO_SUSPEND_S` after its end, and counts for
what no earlier statement of the pipeline has covered. The sum is the time that a warehouse is awake which serves this
pipeline alone; where others share it, the pipelines together cost less than the sum of their reports.

Not in it: cloud services (free up to a tenth of the compute), storage, what serverless features take, and warehouses
of other kinds than the standard one of the first generation, whose hour costs more.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from include.errors import WarehouseError
from include.warehouse.session import Warehouse

AUTO_SUSPEND_S: Final = 60
"""After how many seconds without a statement the warehouse suspends itself, as `setup` makes it.

It is the shortest time that is billed, too: so no second is to be added for that.
"""
HISTORY_DAYS: Final = 7
"""How far back Snowflake's INFORMATION_SCHEMA tells of statements."""

CREDITS_PER_HOUR: Final = {
    "X-Small": 1,
    "Small": 2,
    "Medium": 4,
    "Large": 8,
    "X-Large": 16,
    "2X-Large": 32,
    "3X-Large": 64,
    "4X-Large": 128,
    "5X-Large": 256,
    "6X-Large": 512,
}
"""Of a standard warehouse, by the size that the query history names (Snowflake Service Consumption Table)."""

_MARGIN: Final = timedelta(minutes=5)
"""So that a week ago is still told when the statement arrives."""
_MOST_TOLD: Final = 10_000
_SHORTEST_RANGE: Final = timedelta(seconds=1)
_MAP_INDEX: Final = re.compile(r"\[\d+\]$")


class Statement(NamedTuple):
    """A statement that has run."""

    query_id: str
    run_id: str | None
    task: str | None
    """With its map index, if it is mapped."""
    warehouse: str | None
    """None: it needed no warehouse."""
    warehouse_size: str | None
    started_at: datetime
    ended_at: datetime
    execution_ms: int


class TaskCost(NamedTuple):
    """What the statements of a task cost in all runs, its map indexes together."""

    dag_id: str | None
    """None: statements of the command."""
    task: str | None
    n_runs: int
    n_statements: int
    execution_s: float
    """How long its statements ran, in seconds."""
    warehouse_s: float
    """How much longer the warehouse was awake for them, in seconds."""
    credits: float


class RecentCosts(NamedTuple):
    """What the tasks of a pipeline cost in the last days."""

    since: datetime
    """UTC, as is `until`."""
    until: datetime
    tasks: list[TaskCost]
    """The dearest first."""


class _Told(NamedTuple):
    n_statements: int


def read_recent_costs(warehouse: Warehouse, *, pipeline: str, days: int) -> RecentCosts:
    """Return what each task of a pipeline cost in the last days, at most `HISTORY_DAYS`.

    Raises:
        WarehouseError: The warehouse refuses to tell, or has a size whose credits are not known.
    """
    until = datetime.now(UTC)
    since = until - timedelta(days=days) + _MARGIN
    statements = read_statements(
        warehouse, pipeline=pipeline, since=since.replace(tzinfo=None), until=until.replace(tzinfo=None)
    )
    return RecentCosts(since, until, cost_by_task(statements))


def read_statements(warehouse: Warehouse, *, pipeline: str, since: datetime, until: datetime) -> list[Statement]:
    """Return a pipeline's statements that ended within a time range (naive, UTC), by when they started.

    The query history tells of at most 10,000 statements at once, of whomever: a range with more is asked for in halves.

    Raises:
        WarehouseError: The warehouse refuses it; it refuses what is more than `HISTORY_DAYS` ago.
    """
    found = _in_range(warehouse, pipeline, since, until)
    by_id = {statement.query_id: statement for statement in found}
    return sorted(by_id.values(), key=lambda statement: (statement.started_at, statement.query_id))


def _in_range(warehouse: Warehouse, pipeline: str, since: datetime, until: datetime) -> Iterable[Statement]:
    [told] = warehouse.fetch("cost/count_statements", _Told, since=since, until=until)
    if told.n_statements >= _MOST_TOLD and until - since > _SHORTEST_RANGE:
        middle = since + (until - since) / 2
        yield from _in_range(warehouse, pipeline, since, middle)
        yield from _in_range(warehouse, pipeline, middle, until)
    else:
        yield from warehouse.fetch("cost/select_statements", Statement, pipeline=pipeline, since=since, until=until)


def cost_by_task(statements: Sequence[Statement]) -> list[TaskCost]:
    """Return what each task cost, the dearest first.

    Args:
        statements: Of one pipeline, by when they started.

    Raises:
        WarehouseError: A warehouse has a size whose credits are not known.
    """
    awake_until: dict[str, datetime] = {}
    awake_s: dict[tuple[str | None, str | None], list[tuple[float, float]]] = defaultdict(list)
    of_task: dict[tuple[str | None, str | None], list[Statement]] = defaultdict(list)
    for statement in statements:
        task = _task(statement)
        of_task[task].append(statement)
        if statement.warehouse is not None:
            seconds = _seconds_added(statement, awake_until)
            awake_s[task].append((seconds, seconds * _credits_per_second(statement)))
    costs = [
        TaskCost(
            dag_id=dag_id,
            task=task,
            n_runs=len({statement.run_id for statement in found if statement.run_id}),
            n_statements=len(found),
            execution_s=sum(statement.execution_ms for statement in found if statement.warehouse) / 1000,
            warehouse_s=sum(seconds for seconds, _ in awake_s[dag_id, task]),
            credits=sum(credits_ for _, credits_ in awake_s[dag_id, task]),
        )
        for (dag_id, task), found in of_task.items()
    ]
    return sorted(costs, key=lambda cost: (-cost.credits, cost.dag_id or "", cost.task or ""))


def _task(statement: Statement) -> tuple[str | None, str | None]:
    dag_id = statement.run_id.partition("/")[0] if statement.run_id else None
    return dag_id, _MAP_INDEX.sub("", statement.task) if statement.task else None


def _seconds_added(statement: Statement, awake_until: dict[str, datetime]) -> float:
    """Return by how much longer a statement keeps its warehouse awake, and note until when."""
    name = str(statement.warehouse)
    covered_until = max(awake_until.get(name, statement.started_at), statement.started_at)
    end = max(statement.ended_at + timedelta(seconds=AUTO_SUSPEND_S), covered_until)
    awake_until[name] = end
    return (end - covered_until).total_seconds()


def _credits_per_second(statement: Statement) -> float:
    try:
        return CREDITS_PER_HOUR[str(statement.warehouse_size)] / 3600
    except KeyError:
        raise WarehouseError(
            f"warehouse {statement.warehouse} has the size {statement.warehouse_size}; credits are known of "
            f"{', '.join(CREDITS_PER_HOUR)}"
        ) from None
