"""The verbs of the command, in the order and the groups of its help.

Here stands what the help tells of all verbs together, so that it need not import them: some take a second.
"""

from enum import StrEnum
from typing import NamedTuple


class VerbGroup(StrEnum):
    """A panel of the help."""

    MACHINE = "On this machine"
    PIPELINE = "Set a pipeline up"
    RUN = "Run it"
    LOOK = "See how it is"
    DECIDE = "Answer it"
    STORE = "What is kept"


class Verb(NamedTuple):
    """A verb: a function of the same name, whose docstring is its help."""

    name: str
    module: str
    """Where the function is, below include.commands."""
    group: VerbGroup
    summary: str
    """What it does, in one line of 80 columns beside its name."""
    examples: tuple[str, ...]
    """Calls of it, without `./driftgate`."""


VERBS = (
    Verb(
        "demo",
        "demo.verb",
        VerbGroup.MACHINE,
        "Tell the whole story: train, classify, drift, retrain, roll back.",
        ("demo", "demo --dataset ~/pictures/shirts"),
    ),
    Verb(
        "up",
        "lifecycle",
        VerbGroup.MACHINE,
        "Start the embedded warehouse, a mail catcher and Airflow.",
        ("up", "up --airflow-port 8090", "up --demo"),
    ),
    Verb(
        "down",
        "lifecycle",
        VerbGroup.MACHINE,
        "End what up or demo started, and nothing else.",
        ("down", "down --all"),
    ),
    Verb(
        "new",
        "new.verb",
        VerbGroup.PIPELINE,
        "Look at your images, and write a pipeline file that fits.",
        (
            "new shirts --training ~/shirts/train --incoming ~/shirts/new",
            "new shirts --training @DB.VISION.TRAIN --incoming @DB.VISION.NEW",
        ),
    ),
    Verb(
        "setup",
        "setting_up",
        VerbGroup.PIPELINE,
        "Make what a pipeline needs in the warehouse.",
        ("setup digits", "setup clothing --print --part account"),
    ),
    Verb(
        "doctor",
        "doctor.verb",
        VerbGroup.PIPELINE,
        "Look at all that a pipeline needs, and say what mends it.",
        ("doctor digits", "doctor digits --json"),
    ),
    Verb(
        "teardown",
        "setting_up",
        VerbGroup.PIPELINE,
        "Remove from the warehouse what setup made.",
        ("teardown clothing", "teardown clothing --confirm clothing"),
    ),
    Verb(
        "train",
        "runs",
        VerbGroup.RUN,
        "Train a classifier, and follow the run.",
        ("train digits", 'train digits --n-epochs 5 --reason "a quick look"'),
    ),
    Verb(
        "infer",
        "runs",
        VerbGroup.RUN,
        "Classify the new images, and follow the run.",
        ("infer digits", "infer digits --accept-removals"),
    ),
    Verb(
        "check",
        "runs",
        VerbGroup.RUN,
        "Check for drift without classifying, and follow the run.",
        ("check digits",),
    ),
    Verb(
        "rollback",
        "runs",
        VerbGroup.RUN,
        "Make a former champion champion again.",
        (
            'rollback digits --reason "takes every 7 for a 1"',
            'rollback digits --to 1 --reason "takes every 7 for a 1"',
        ),
    ),
    Verb(
        "reproduce",
        "reproduce",
        VerbGroup.RUN,
        "Train a version again from its snapshot, and compare.",
        ("reproduce digits 3",),
    ),
    Verb(
        "status",
        "pipelines",
        VerbGroup.LOOK,
        "Show champion, what waits, last verdict and latest runs.",
        ("status", "status digits", "status --json"),
    ),
    Verb(
        "history",
        "history",
        VerbGroup.LOOK,
        "Show every version, who let it in, and when it was champion.",
        ("history digits", "history digits --version 2"),
    ),
    Verb(
        "dataset",
        "dataset",
        VerbGroup.LOOK,
        "Show what the newest data set is like: classes, copies, outliers.",
        ("dataset digits", "dataset digits --evidently"),
    ),
    Verb(
        "explain",
        "explain",
        VerbGroup.LOOK,
        "Tell which version answered what about an image, and why.",
        ("explain digits 3/0042.png",),
    ),
    Verb(
        "cost",
        "cost",
        VerbGroup.LOOK,
        "Show the warehouse seconds and credits of each task.",
        ("cost clothing", "cost clothing --days 1 --price 3"),
    ),
    Verb(
        "backtest",
        "backtest",
        VerbGroup.LOOK,
        "Replay stored answers through another drift policy.",
        ("backtest digits", "backtest digits --policy calmer.yaml --since 2026-03-01"),
    ),
    Verb(
        "labels",
        "labels",
        VerbGroup.DECIDE,
        "Show, write and load the labels that a retraining waits for.",
        ("labels digits", "labels digits export wanted.csv", "labels digits import wanted.csv"),
    ),
    Verb(
        "accept",
        "accept",
        VerbGroup.DECIDE,
        "Declare that images found broken are the new normal.",
        ('accept digits c4ec0f7a91b2d3e5 --reason "the new camera"',),
    ),
    Verb(
        "prune",
        "retention",
        VerbGroup.STORE,
        "Remove from the store what nobody needs any more.",
        ("prune digits --dry-run", "prune digits"),
    ),
    Verb(
        "forget",
        "retention",
        VerbGroup.STORE,
        "Erase an image for good, wherever it is kept.",
        ("forget digits 3/0042.png", 'forget digits 3/0042.png --copies --reason "asked for by letter"'),
    ),
)
