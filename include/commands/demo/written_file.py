"""The pipeline file of the demo on a user's images."""

from pathlib import Path

from include.commands.console import printable
from include.commands.demo.folder import ImageFolder
from include.commands.new.machine import Machine
from include.commands.new.names import pipeline_name
from include.commands.new.pipeline_file import PipelineFile, WrittenStage
from include.config_types import STAGE_URL


def pipeline_text(
    folder: ImageFolder, *, training_url: str, incoming_url: str, recipient: str, machine: Machine
) -> str:
    """Return the text of the pipeline file.

    Args:
        folder: What was found.
        training_url: Where the files of the training stage lie.
        incoming_url: Where those of the incoming stage lie.
        recipient: Who gets the mails.
        machine: Where it is to be trained.
    """
    name = pipeline_name(folder.root)
    own_incoming = "a folder of new images" if folder.is_held_back else _own_url(folder.root / "new")
    return PipelineFile(
        about=_about(folder, machine),
        name=name,
        training=WrittenStage(
            name=f"{name.upper()}_TRAIN",
            url=training_url,
            notes=(
                "<-- The demo's folder, which the next demo empties.",
                f"    Yours: {_own_url(folder.root / 'train')}",
            ),
        ),
        incoming=WrittenStage(
            name=f"{name.upper()}_NEW",
            url=incoming_url,
            notes=("<-- The same; whatever comes into it is classified.", f"    Yours: {own_incoming}"),
        ),
        n_by_class=folder.n_by_class,
        n_new=len(folder.new),
        headers=folder.headers,
        machine=machine,
        recipient=recipient,
        is_hourly=False,
    ).text()


def _about(folder: ImageFolder, machine: Machine) -> tuple[str, ...]:
    held_back = " that were held back" if folder.is_held_back else ""
    return (
        f"The classifier of {printable(str(folder.root))}: {len(folder.training):,} labelled images of "
        f"{len(folder.n_by_class)} classes, {len(folder.new):,} new ones{held_back}.",
        f"Written by `./driftgate demo --dataset` for what it found there and for this machine, which has {machine}.",
        "",
        "To keep it: copy it to pipelines/, and change the lines marked with <--. The rest may stay as it is; what",
        "does not stand here has its default, which README.md lists.",
    )


def _own_url(folder: Path) -> str:
    """Return the URL of the user's own folder, or what stands in its way."""
    url = f"file://{folder}/"
    shown = printable(url)
    if shown == url and STAGE_URL.fullmatch(url):
        return url
    return f"{shown} (as soon as its name has no spaces, quotes, braces, % and invisible characters)"
