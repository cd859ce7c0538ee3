"""The verb `cost`: which task keeps the virtual warehouse awake, and for how many credits. It asks the warehouse."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from include.commands.console import Output, printable
from include.commands.local.state import LocalState
from include.commands.options import AsJson, Name, OfDemo
from include.commands.warehouse_access import open_warehouse, pipeline_named

if TYPE_CHECKING:  # half a second to import
    from include.warehouse.cost import TaskCost

_MARGIN = timedelta(minutes=5)
"""So that a week ago is still told when the statement arrives."""


def cost(
    name: Name,
    days: Annotated[
        int, typer.Option(min=1, max=7, help="So many days back; Snowflake's query history has seven.")
    ] = 7,
    price: Annotated[
        float | None, typer.Option(min=0, metavar="PRICE", help="What a credit costs you, to show money, too.")
    ] = None,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Show what each task's statements cost: warehouse seconds and credits.

    Every statement is tagged with pipeline, run and task. A warehouse is
    billed while it is awake: a task's seconds are those in which its
    statements run, and those until the warehouse suspends itself (60 s) in
    which no other statement of the pipeline keeps it awake anyway. A
    warehouse that other pipelines use, too, costs less than the sum of their
    reports. The embedded warehouse costs nothing: there, it is what the same
    times would cost on an X-Small.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    with open_warehouse(config, state) as warehouse:
        from include.warehouse.cost import cost_by_task, read_statements

        until = datetime.now(UTC).replace(tzinfo=None)
        since = until - timedelta(days=days) + _MARGIN
        costs = cost_by_task(read_statements(warehouse, pipeline=config.name, since=since, until=until))
    total = sum(task.credits for task in costs)
    if costs:
        output.table(_table(costs, price))
        output.say(
            f"{total:.4f} credits in {days} days{_money(total, price)}, if no other pipeline shares the warehouse"
        )
    else:
        output.say(f"no statement of {config.name} in {days} days")
    output.result(
        {
            "name": config.name,
            "since": since,
            "until": until,
            "credits": total,
            "price": None if price is None else total * price,
            "tasks": [task._asdict() for task in costs],
        }
    )


def _money(credits_: float, price: float | None) -> str:
    return "" if price is None else f", {credits_ * price:,.2f} at {price:g} a credit"


def _table(costs: Sequence["TaskCost"], price: float | None) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("DAG", "task"):
        table.add_column(heading, overflow="fold")
    for heading in ("runs", "statements", "s running", "s awake", "credits"):
        table.add_column(heading, justify="right")
    if price is not None:
        table.add_column("price", justify="right")
    for task in costs:
        table.add_row(
            Text(printable(task.dag_id or "-")),
            Text(printable(task.task or "(command)")),
            f"{task.n_runs:,}",
            f"{task.n_statements:,}",
            f"{task.execution_s:,.1f}",
            f"{task.warehouse_s:,.0f}",
            f"{task.credits:.4f}",
            *([] if price is None else [f"{task.credits * price:,.2f}"]),
        )
    return table
