"""The verbs `setup` and `teardown`."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

from include.commands.console import Output
from include.commands.local.state import LocalState
from include.commands.options import AsJson, Name, OfDemo
from include.commands.warehouse_access import open_warehouse, pipeline_named
from include.config import PipelineConfig
from include.errors import WrongCallError


class PartChoice(StrEnum):
    """A part of a set-up."""

    ACCOUNT = "account"
    SCHEMA = "schema"
    ALL = "all"


def setup(
    name: Name,
    part: Annotated[
        PartChoice,
        typer.Option(
            help="account: roles, virtual warehouse, integrations, database (needs an administrator); schema: stages, "
            "tables, views, grants, the alert (needs the owner role)."
        ),
    ] = PartChoice.ALL,
    show: Annotated[bool, typer.Option("--print", help="Only print the script, for a worksheet.")] = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Make what a pipeline needs in the warehouse. Again, it changes what its file changed.

    That is a role each for who owns it, runs it and reads its answers,
    with no more privileges than that takes; the virtual warehouse,
    storage integrations, database and schema; stages, tables and views;
    and an alert by which Snowflake mails when drift checks stay away.

    The roles are DATABASE_SCHEMA_OWNER, _PIPELINE (for Airflow's
    connection) and _READER. docs/snowflake.md goes through all of it.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    place = {"name": config.name, "database": config.warehouse.database, "schema": config.schema_name}
    if show:
        from include.warehouse.setup import setup_script

        script = setup_script(config, part.value)
        if not as_json:
            print(script, end="")
        output.result({**place, "part": part.value, "script": script})
        return
    with output.progress(f"make what {config.name} needs"):
        set_up(name, state, part)
    done = {
        PartChoice.ACCOUNT: f"the account has what {config.name} needs; next: ./driftgate setup {name} --part schema",
    }.get(part, f"{config.name} is set up in {config.warehouse.database}.{config.schema_name}")
    output.say(done)
    output.result({**place, "part": part.value})


def teardown(
    name: Name,
    with_predictions_and_ledger: Annotated[
        bool,
        typer.Option(
            "--with-predictions-and-ledger",
            help="Also drop the schema: answers, ledger, labels, models, and images of internal stages.",
        ),
    ] = False,
    confirm: Annotated[
        str | None, typer.Option(metavar="NAME", help="The name once more, where there is nobody to ask.")
    ] = None,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Remove from the warehouse what `setup` made, after the name is typed again.

    Predictions, ledger, labels and models stay unless the flag says
    otherwise, and a later setup goes on from there. What other pipelines
    may use stays, too; it says what was removed and what was left. Stop
    the pipeline's DAGs first.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    _confirm(config, confirm, output, with_answers=with_predictions_and_ledger)
    with open_warehouse(config, state) as warehouse:
        from include.warehouse.teardown import tear_down

        done = tear_down(warehouse, config, with_answers=with_predictions_and_ledger)
    for what in done.removed:
        output.say(f"removed  {what}")
    for what in done.left:
        output.say(f"left     {what}")
    output.result({"name": config.name, "removed": list(done.removed), "left": list(done.left)})


def set_up(name: str, state: LocalState, part: PartChoice = PartChoice.ALL) -> PipelineConfig:
    """Set a pipeline up in the warehouse, and return it.

    Raises:
        ConfigError: There is no such pipeline, or its file is wrong.
        UnreachableError: There is no warehouse.
        WarehouseError: It refuses a statement.
    """
    config = pipeline_named(name, state)
    with open_warehouse(config, state) as warehouse:
        from include.warehouse.setup import run_setup

        run_setup(warehouse, config, part.value)
    return config


def _confirm(config: PipelineConfig, given: str | None, output: Output, *, with_answers: bool) -> None:
    """Have the name typed again.

    Raises:
        WrongCallError: It is another one, or there is nobody to ask.
    """
    place = f"{config.warehouse.database}.{config.schema_name}"
    what = f"all of {place}, with predictions, ledger, labels and models" if with_answers else f"what {place} is run by"
    if given is None:
        if output.as_json or not sys.stdin.isatty():
            raise WrongCallError(f"teardown removes {what}, and there is nobody to ask: say --confirm {config.name}")
        given = typer.prompt(f"This removes {what}. Type the pipeline's name to go on", default="", show_default=False)
    if given != config.name:
        raise WrongCallError(f"the name is {config.name!r}, not {given!r}: nothing was removed")
