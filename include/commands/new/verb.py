"""The verb `new`: a pipeline file that fits a user's images, and a report of what they are like."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml
from pydantic import TypeAdapter, ValidationError

from include.commands.airflow_api import URL_VARIABLE
from include.commands.console import Output, printable
from include.commands.dataset import show_findings
from include.commands.local.state import LocalState
from include.commands.new.answers import Answers, ask
from include.commands.new.looking import look_at_sources
from include.commands.new.sources import listed, refuse_overlap, source_of
from include.commands.new.written_file import FOLDERS, pipeline_text
from include.commands.options import AsJson, OfDemo
from include.commands.warehouse_access import open_warehouse
from include.config import STORE_VARIABLE, BrokenPipeline, PipelineConfig, find_pipelines, pipelines_folder
from include.config_types import Email, PatternOfBoth
from include.errors import CommandError, WrongCallError

if TYPE_CHECKING:  # the connector
    from include.warehouse.session import Warehouse


def new(  # noqa: PLR0917  typer calls it, by name
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the pipeline is to be called, as in shirts.")],
    training: Annotated[
        str,
        typer.Option(
            metavar="DIR_OR_STAGE",
            help="Labelled images, a folder for each class: a folder, or a stage as @DB.SCHEMA.STAGE/folder.",
        ),
    ],
    incoming: Annotated[
        str, typer.Option(metavar="DIR_OR_STAGE", help="Images to classify, beside them; it may be empty so far.")
    ],
    labels: Annotated[
        str, typer.Option(metavar="REGEX", help="Where a path has its class, if not in its first folder.")
    ] = FOLDERS,
    email: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Who gets the mails.")] = None,
    flip: Annotated[
        bool | None, typer.Option("--flip/--no-flip", help="Whether a mirrored image is still of its class.")
    ] = None,
    evidently: Annotated[
        bool, typer.Option("--evidently", help="Add Evidently's summary to the report, which makes it 4 MB larger.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Begin with your own images: look at them, and write a pipeline file that fits.

    Every image is decoded once, and none is changed. A report shows
    classes, copies, unreadable files, unusual images, and pictures of each
    class; the file has a reason beside each line. None is overwritten.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    target = _target(name, state)
    sources = (source_of(training), source_of(incoming))
    refuse_overlap(*sources)
    pattern = _valid(PatternOfBoth, labels, "--labels")
    given = Answers(None if email is None else _valid(Email, email, "--email"), flip)
    os.environ.setdefault(STORE_VARIABLE, str(state.store))  # where the tasks will look, too
    with listed(*sources, partial(_session, name, state)) as listings:
        looked = look_at_sources(sources, listings, pattern, output)
        answers = given if yes or as_json or not sys.stdin.isatty() else ask(given)
        text = pipeline_text(name, sources, looked, pattern, answers)
        config = PipelineConfig.model_validate(yaml.safe_load(text))
        path, report = looked.keep_report(config, with_evidently=evidently)
    _write(target, text)
    show_findings(report, output)
    for note in looked.notes:
        output.say(f"! {note}", style="yellow")
    commands = _next_commands(name, state)
    output.say("")
    output.say(f"pipeline file  {target}")
    output.say(f"report         {path}")
    output.say("")
    output.say("next:")
    for command in commands:
        output.say(f"  {command}")
    output.result(
        {
            "name": name,
            "pipeline_file": target,
            "report_path": path,
            "notes": looked.notes,
            "next": commands,
            **report.to_json(),
        }
    )


def _target(name: str, state: LocalState) -> Path:
    """Return where the pipeline file is to be.

    Raises:
        WrongCallError: A pipeline cannot have this name.
        CommandError: One has it.
    """
    stages = {"training": {"name": "A"}, "incoming": {"name": "B"}}
    try:
        PipelineConfig.model_validate({"name": yaml.safe_load(name), "stages": stages})
    except (ValidationError, yaml.YAMLError) as error:
        raise WrongCallError(
            f"{printable(name)!r} cannot be a pipeline's name: small letters, digits and _, a letter first, no "
            "reserved word of Snowflake or YAML, as in shirts"
        ) from error
    folder = Path(state.read_settings().pipelines) if state.exists else pipelines_folder()
    for pipeline in find_pipelines(folder):
        taken = pipeline.path.stem if isinstance(pipeline, BrokenPipeline) else pipeline.name
        if taken == name:
            raise CommandError(
                f"there is a pipeline {name} in {folder} already: choose another name, or look at it with "
                f"./driftgate dataset {name}"
            )
    target = folder / f"{name}.yaml"
    if target.exists():
        raise CommandError(f"{target} is there already, and is not overwritten: choose another name, or remove it")
    return target


def _valid(kind: Any, value: str, option: str) -> str:
    """Return an option's value as the pipeline file may have it.

    Raises:
        WrongCallError: It may not.
    """
    try:
        valid: str = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise WrongCallError(f"{option} {printable(value)}: {reason}") from error
    if option == "--labels" and "(?P<label>" not in valid:
        raise WrongCallError(f"--labels {printable(value)}: needs a group (?P<label>…) for the class")
    return valid


@contextmanager
def _session(name: str, state: LocalState, database: str, schema: str) -> "Iterator[Warehouse]":
    """Open a session where the stages are."""
    config = PipelineConfig.model_validate(
        {
            "name": name,
            "warehouse": {"database": database, "schema": schema},
            "stages": {"training": {"name": "A"}, "incoming": {"name": "B"}},
        }
    )
    with open_warehouse(config, state) as warehouse:
        yield warehouse


def _write(target: Path, text: str) -> None:
    """Write the pipeline file, unless one came meanwhile.

    Raises:
        CommandError: It cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandError(f"{target} cannot be written ({error.strerror})") from error


def _next_commands(name: str, state: LocalState) -> list[str]:
    """Return the three commands that lead to the first champion."""
    to_champion = [f"./driftgate setup {name}", f"./driftgate train {name}"]
    is_there = state.exists or URL_VARIABLE in os.environ
    return [*to_champion, f"./driftgate infer {name}"] if is_there else ["./driftgate up", *to_champion]
