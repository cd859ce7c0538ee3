"""The verb `demo`: the story of one classifier, told on this machine from its images to its answers."""

from pathlib import Path
from typing import Annotated

import typer

from include.commands.options import AirflowPort, AsJson, MailPort, Verbose, WarehousePort

Dataset = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Your own images: train/CLASS/IMAGE and new/IMAGE (or new/CLASS/IMAGE, to see how many answers are "
        "right). "
        "Without new/, a fifth of train/ is held back as the new images. The folder is only read.",
    ),
]


def demo(  # noqa: PLR0917  typer calls it, by name
    dataset: Dataset = None,
    airflow_port: AirflowPort = None,
    warehouse_port: WarehousePort = None,
    mail_port: MailPort = None,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Tell the whole story on scikit-learn's handwritten digits: train, classify, drift, retrain, refuse, roll back.

    With --dataset it is told on your own images, up to the drift: train,
    classify the new ones, turn a camera by 90°. It writes a pipeline file with
    settings that fit them, to be copied and kept.

    It has an instance of its own in .local/demo, which it wipes first, and
    leaves everything running: `./driftgate status --demo` asks it, `make down`
    ends it.
    """
    from include.commands.demo.telling import Ports, tell  # a second to import, which the help does not need

    ports = Ports(airflow=airflow_port, warehouse=warehouse_port, mail=mail_port)
    tell(dataset, ports, verbose=verbose, as_json=as_json)
