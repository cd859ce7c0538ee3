"""The command: its verbs, and how an error reaches its user."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from include.commands import (
    accept,
    backtest,
    cost,
    dataset,
    explain,
    history,
    labels,
    lifecycle,
    pipelines,
    reproduce,
    retention,
    runs,
    setting_up,
)
from include.commands.demo.verb import demo
from include.commands.doctor.verb import doctor
from include.commands.new.verb import new
from include.errors import DriftgateError

app = typer.Typer(
    name="driftgate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Examples: [bold]./driftgate up[/bold], then [bold]./driftgate setup digits[/bold], "
        "[bold]./driftgate train digits --n-epochs 5[/bold], [bold]./driftgate infer digits[/bold], "
        '[bold]./driftgate rollback digits --reason "takes every 7 for a 1"[/bold], '
        "[bold]./driftgate status[/bold], [bold]./driftgate down[/bold]"
    ),
)


@app.callback()
def driftgate(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
) -> None:
    """Keeps image classifiers in production honest: trains, classifies and answers, on Airflow and Snowflake.

    It drives the Airflow of DRIFTGATE_AIRFLOW_URL and DRIFTGATE_AIRFLOW_TOKEN (or _USER and _PASSWORD), else the one
    that `up` starts here.
    """


app.command()(lifecycle.up)
app.command()(lifecycle.down)
app.command()(new)
app.command()(setting_up.setup)
app.command()(doctor)
app.command()(setting_up.teardown)
app.command()(runs.train)
app.command()(runs.infer)
app.command()(runs.rollback)
app.command()(pipelines.status)
app.command()(dataset.dataset)
app.command()(history.history)
app.command()(explain.explain)
app.command()(accept.accept)
app.command()(labels.labels)
app.command()(backtest.backtest)
app.command()(cost.cost)
app.command()(reproduce.reproduce)
app.command()(retention.prune)
app.command()(retention.forget)
app.command()(demo)


def main(arguments: list[str] | None = None) -> None:
    """Run the command. An error of ours is told in one line (exit code 1), a wrong call as typer does (2).

    Raises:
        SystemExit: Always, with the exit code.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        app(args=given, prog_name="driftgate")
    except DriftgateError as error:
        if "--debug" in given:
            raise
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {error}", style="red", markup=False)
        raise SystemExit(1) from error
