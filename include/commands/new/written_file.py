"""The pipeline file of `new`."""

from include.commands.new.answers import Answers
from include.commands.new.looking import Looked
from include.commands.new.machine import this_machine
from include.commands.new.pipeline_file import PipelineFile, WrittenStage
from include.commands.new.sources import Folder, Source, place_of

FOLDERS = "^(?P<label>[^/]+)/"
"""Where a path has its class, unless it is said: in its first folder."""


def pipeline_text(
    name: str, sources: tuple[Source, Source], looked: Looked, label_pattern: str, answers: Answers
) -> str:
    """Return the text of the pipeline file.

    Args:
        name: The pipeline's name.
        sources: Where the labelled and the new images are.
        looked: What was found there.
        label_pattern: Where a path has its class.
        answers: What a person has said.
    """
    training, incoming = sources
    machine = this_machine()
    n_by_class = looked.n_by_class
    counts = f"{sum(n_by_class.values()):,} labelled images of {len(n_by_class):,} classes, {looked.n_new:,} new ones"
    return PipelineFile(
        about=(
            f"The classifier {name}: {counts}.",
            f"Written by `./driftgate new` for what it found there and for this machine, which has {machine}.",
            "",
            "A first training has all that it needs; what does not stand here has its default, which README.md lists.",
        ),
        name=name,
        place=place_of(training, incoming),
        training=_stage(
            training, f"{name.upper()}_TRAIN", "labelled images; more of them make the next training better"
        ),
        incoming=_stage(incoming, f"{name.upper()}_NEW", "whatever comes into it is classified"),
        label_pattern=label_pattern,
        n_by_class=n_by_class,
        n_new=looked.n_new,
        headers=looked.headers,
        machine=machine,
        horizontal_flip=True if answers.horizontal_flip is None else answers.horizontal_flip,
        recipient=answers.recipient,
        is_hourly=True,
    ).text()


def _stage(source: Source, name: str, note: str) -> WrittenStage:
    if isinstance(source, Folder):
        return WrittenStage(name=name, url=source.url, notes=(note,))
    return WrittenStage(name=source.name, url=None, prefix=source.prefix, notes=(f"{note}; it is there already",))
