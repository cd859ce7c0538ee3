"""The verbs `train`, `infer` and `rollback`: trigger a run by Airflow's REST API, and follow it to its end."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from include.commands.access import open_airflow, start_hint
from include.commands.console import Output
from include.commands.local.state import LocalState
from include.commands.options import AcceptRemovals, AsJson, Name, OfDemo, Verbose
from include.config import load_pipeline_named
from include.config_parts import TrainingConfig

if TYPE_CHECKING:  # a tenth of a second to import, which the shell's completion does not have
    from include.commands.follow import FollowedRun


def train(  # noqa: PLR0917  typer calls it, by name
    name: Name,
    n_epochs: Annotated[int | None, typer.Option(help="How often to go over all images.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images in one step.")] = None,
    base_lr: Annotated[float | None, typer.Option(help="The peak learning rate.")] = None,
    downsample_to: Annotated[float | None, typer.Option(help="The share of the training images to use.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="Train everything (scratch), briefly from the champion (warm), or the last layer (head)."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why this run, for the ledger.")] = None,
    accept_removals: AcceptRemovals = False,
    accept_vanished_classes: Annotated[
        bool, typer.Option("--accept-vanished-classes", help="Promote even if a class of the champion is gone.")
    ] = False,
    demo: OfDemo = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Train a pipeline's classifier, and follow the run. What is not given is as the pipeline file says.

    If its DAG is paused, it is unpaused: the run would wait for ever.
    """
    given = {
        "n_epochs": n_epochs,
        "batch_size": batch_size,
        "base_lr": base_lr,
        "downsample_to": downsample_to,
        "strategy": strategy,
        "reason": reason,
        "accept_removals": accept_removals or None,
        "accept_vanished_classes": accept_vanished_classes or None,
    }
    output = Output(as_json=as_json)
    followed = run_dag("training", name, given, state=LocalState.locate(demo=demo), output=output, verbose=verbose)
    output.result(described(followed))


def infer(
    name: Name,
    accept_removals: AcceptRemovals = False,
    demo: OfDemo = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Classify a pipeline's new images, write the answers to the warehouse, and follow the run.

    If its DAG is paused, it is unpaused, and from then on runs by its schedule.
    """
    output = Output(as_json=as_json)
    given = {"accept_removals": accept_removals or None}
    followed = run_dag("inference", name, given, state=LocalState.locate(demo=demo), output=output, verbose=verbose)
    output.result(described(followed))


def rollback(  # noqa: PLR0917  typer calls it, by name
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for the ledger and the mail.")],
    to: Annotated[
        int | None,
        typer.Option(min=1, metavar="VERSION", help="The version to restore; by default the champion before this one."),
    ] = None,
    demo: OfDemo = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Make a former champion champion again, and follow the run.

    The answers of every version promoted since then leave CURRENT_PREDICTIONS
    at once, the restored version's show again; images that only recalled
    versions had answered are pending, and an inference run that answers them
    starts by itself. The outcome tells how many labels stay and change. A
    recalled version comes back when it is named.
    """
    output = Output(as_json=as_json)
    given = {"version": to, "reason": reason}
    followed = run_dag("rollback", name, given, state=LocalState.locate(demo=demo), output=output, verbose=verbose)
    output.result(described(followed))


def run_dag(
    kind: str,
    name: str,
    given: Mapping[str, Any],
    *,
    state: LocalState,
    output: Output,
    verbose: bool = False,
) -> "FollowedRun":
    """Trigger a pipeline's DAG and follow the run.

    Args:
        kind: training, inference, rollback or reproduce.
        name: The pipeline.
        given: The run's parameters; those that are None are left to the pipeline file.
        state: The instance, if the environment names no other Airflow.
        output: Where the run is shown.
        verbose: Whether to show what Airflow and libraries log, too.

    Raises:
        ConfigError: There is no such pipeline, its file is wrong, or a parameter is out of range.
        CommandError: The run cannot be started or followed, or it failed.
    """
    from include.commands.follow import RunFollower

    config = load_pipeline_named(name, state.pipelines_folder)
    dag_id = f"{config.name}_{kind}"
    conf = {parameter: value for parameter, value in given.items() if value is not None}
    config.with_strategy(conf.get("strategy")).with_training(
        {field: value for field, value in conf.items() if field in TrainingConfig.model_fields}
    )
    with open_airflow(state) as api:
        run = api.trigger(dag_id, conf, say=output.say)
        api.unpause(dag_id)
        follower = RunFollower(api, output, verbose=verbose, start_hint=start_hint(state))
        try:
            return follower.follow(run)
        except KeyboardInterrupt:
            output.say(f"no longer followed; the run goes on: {api.run_page(run)}", style="yellow")
            raise


def described(followed: "FollowedRun") -> dict[str, Any]:
    """Return a run in the form for --json."""
    run = followed.run
    return {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "state": run.state,
        "seconds": run.seconds,
        "outcome": followed.outcome,
        "page": followed.page,
        "tasks": [
            {"task_id": task.task_id, "map_index": task.map_index, "state": task.state, "seconds": task.seconds}
            for task in followed.tasks
        ],
    }
