"""The command, and how an error reaches its user."""

import json
import sys
import traceback
from typing import Annotated

import typer
from rich.console import Console

from include.commands.exit_codes import ExitCode, exit_code_of
from include.commands.verb_group import CALL, HELP_OPTIONS, DeferredVerbs
from include.errors import DriftgateError

_EPILOG = "\n".join(
    (
        "[bold]Examples[/bold]",
        f"  {CALL} demo                  see the whole loop on this machine",
        f"  {CALL} status                how every classifier is",
        f"  {CALL} train --help          what a verb does, with examples",
        f"  {CALL} --install-completion  let the shell complete verbs and pipelines",
        "",
        "[bold]Exit codes[/bold]",
        *(f"  {code:>3}  {code.meaning}" for code in ExitCode),
    )
)

app = typer.Typer(
    name="driftgate",
    cls=DeferredVerbs,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=HELP_OPTIONS,
    epilog=_EPILOG,
)


@app.callback()
def driftgate(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
) -> None:
    """Keeps image classifiers in production honest: trains, classifies and answers, on Airflow and Snowflake.

    It drives the Airflow of DRIFTGATE_AIRFLOW_URL and DRIFTGATE_AIRFLOW_TOKEN (or
    _USER and _PASSWORD), else the one that `up` starts here. Every verb has
    --json. Colours and progress bars show on a terminal only; NO_COLOR is obeyed.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command. An error is told in one line that says what to do, and by the exit code.

    Raises:
        SystemExit: Always, with an `ExitCode`.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        app(args=given, prog_name="driftgate")
    except DriftgateError as error:
        if "--debug" in given:
            raise
        code, told = exit_code_of(error), str(error)
    except Exception as error:
        if "--debug" in given:
            raise
        code, told = ExitCode.DEFECT, _told_of_defect(error)
    _tell(told, code, as_json="--json" in given)
    raise SystemExit(code)


def _tell(message: str, code: ExitCode, *, as_json: bool) -> None:
    """Write what went wrong for people, and where JSON was asked for as JSON, too."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {message}", style="red", markup=False)
    if as_json:
        print(json.dumps({"error": message, "exit_code": code}, indent=2))


def _told_of_defect(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__}: {error} ({last.filename}, line {last.lineno}). That is a defect of driftgate: "
        f"{CALL} --debug and the same arguments show how it came about"
    )
