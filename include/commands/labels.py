"""The verb `labels`: what people are asked to label, and what they have answered. It asks the warehouse itself."""

import sys
import uuid
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from include.commands.console import Output, printable
from include.commands.local.state import LocalState
from include.commands.options import AsJson, Name, OfDemo
from include.commands.warehouse_access import open_warehouse, pipeline_named
from include.config import PipelineConfig
from include.errors import CommandError, WrongCallError

if TYPE_CHECKING:  # half a second to import
    from include.catalog.label_import import ImportedLabels
    from include.catalog.requested import LabelRequest
    from include.drift.labels.readiness import LabelReadiness
    from include.warehouse.session import Warehouse

_N_LISTED = 10
"""How many images of a check are listed for people."""
_N_NAMED = 3
"""How many images are named in a sentence."""


class LabelsAction(StrEnum):
    """What is done with labels."""

    LIST = "list"
    EXPORT = "export"
    IMPORT = "import"


def labels(  # noqa: PLR0917  typer calls it, by name
    name: Name,
    action: Annotated[
        LabelsAction,
        typer.Argument(metavar="[ACTION]", help="Show what waits for a label, write it to a CSV file, or load one."),
    ] = LabelsAction.LIST,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The CSV file; export writes to standard output without one."),
    ] = None,
    new_classes: Annotated[
        bool, typer.Option("--new-classes", help="On import: take labels of classes that nobody knew before.")
    ] = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Show, write and load the labels that a retraining waits for.

    When images have changed and there are too few labels to retrain with,
    a drift check asks people for the labels of some of them, and mails a
    picture and a list. Fill in the column label of that list, or of what
    export writes, and import it; the next inference run retrains when
    enough are in. Lines without a label stay open. Any other images can be
    labelled, too, by a file with the columns relative_path and label (and
    stage, source): the path is as in CURRENT_PREDICTIONS. Either all of a
    file is loaded or nothing, and loading it twice changes nothing.
    """
    output = Output(as_json=as_json)
    if action == LabelsAction.IMPORT:
        content = _content_to_import(name, file)
    elif new_classes:
        raise WrongCallError("--new-classes is for import")
    _refuse_wrong_file(action, file, as_json=as_json)
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    with open_warehouse(config, state) as warehouse:
        if action == LabelsAction.IMPORT:
            _import(warehouse, config, content, output, allow_new_classes=new_classes)
        elif action == LabelsAction.EXPORT:
            _export(warehouse, config, file, output)
        else:
            _list(warehouse, config, output)


def _content_to_import(name: str, file: Path | None) -> bytes:
    if file is None:
        raise WrongCallError(f"which file? ./driftgate labels {name} import FILE.csv")
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}") from error


def _refuse_wrong_file(action: LabelsAction, file: Path | None, *, as_json: bool) -> None:
    if action == LabelsAction.LIST and file is not None:
        raise WrongCallError(f"{file}: say export or import before the file")
    if action != LabelsAction.EXPORT:
        return
    if file is None and as_json:
        raise WrongCallError("export writes the list to standard output, where --json writes, too: name a FILE")
    if file is not None and file.exists():
        raise CommandError(f"{file} exists, perhaps with labels that are not imported yet: name another file")


def _list(warehouse: "Warehouse", config: PipelineConfig, output: Output) -> None:
    from include.catalog.requested import open_requests
    from include.drift.labels.readiness import read_readiness
    from include.store.files import FileStore
    from include.store.requested import sheet_path

    requests = open_requests(warehouse)
    readiness = read_readiness(warehouse, config)
    store = FileStore(config.store_url)
    for check_id, group in groupby(requests, key=lambda request: request.check_id):
        of_check = list(group)
        _show_requests(of_check, output)
        sheet = sheet_path(check_id)
        if store.exists(sheet):
            output.say(f"their picture: {store.url.rstrip('/')}/{sheet}")
        output.say("")
    if requests:
        output.say(
            f"to label them: ./driftgate labels {config.name} export wanted.csv, fill in the column label, then "
            f"./driftgate labels {config.name} import wanted.csv"
        )
    else:
        output.say("no image waits for a label")
    _show_readiness(readiness, output)
    output.result({"name": config.name, "open": [_described(r) for r in requests], "readiness": _readiness(readiness)})


def _show_requests(requests: Sequence["LabelRequest"], output: Output) -> None:
    first = requests[0]
    output.say(
        f"check {first.check_id} of version {first.version}, {first.requested_at:%Y-%m-%d %H:%M} UTC: "
        f"{_images(len(requests))} without a label ({_kinds(requests)})",
        style="bold",
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("number", justify="right")
    for heading in ("image", "predicted"):
        table.add_column(heading, overflow="fold")
    table.add_column("confidence", justify="right")
    table.add_column("picked")
    for request in requests[:_N_LISTED]:
        # Text, as a path in square brackets would be taken for markup.
        path, predicted = Text(printable(request.relative_path)), Text(printable(request.type))
        table.add_row(str(request.place), path, predicted, f"{request.confidence:.0%}", request.kind)
    output.table(table)
    if len(requests) > _N_LISTED:
        output.say(f"… and {len(requests) - _N_LISTED:,} more")


def _export(warehouse: "Warehouse", config: PipelineConfig, file: Path | None, output: Output) -> None:
    from include.catalog.label_lists import write_list
    from include.catalog.requested import open_requests

    requests = open_requests(warehouse)
    content = write_list(requests)
    if file is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    try:
        with file.open("xb") as target:
            target.write(content)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror or error}") from error
    output.say(f"{file}: {_images(len(requests))} to label ({_kinds(requests) or 'nothing waits'})")
    if requests:
        output.say(f"fill in the column label, then ./driftgate labels {config.name} import {file}")
    output.result({"name": config.name, "file": str(file), "n_images": len(requests)})


def _import(
    warehouse: "Warehouse", config: PipelineConfig, content: bytes, output: Output, *, allow_new_classes: bool
) -> None:
    from include.catalog.label_import import import_labels
    from include.drift.labels.readiness import read_readiness

    imported = import_labels(
        warehouse, config, content, allow_new_classes=allow_new_classes, work_path=uuid.uuid4().hex
    )
    readiness = read_readiness(warehouse, config)
    _show_imported(imported, output)
    _show_readiness(readiness, output)
    output.result({"name": config.name, **imported._asdict(), "readiness": _readiness(readiness)})


def _show_imported(imported: "ImportedLabels", output: Output) -> None:
    labels = "1 label is" if imported.n_labels == 1 else f"{imported.n_labels:,} labels are"
    empty = f"; lines without a label: {imported.n_empty:,}" if imported.n_empty else ""
    output.say(f"{labels} in, {imported.n_new:,} of them new{empty}")
    if imported.new_classes:
        output.say(f"classes that nobody knew: {', '.join(map(repr, imported.new_classes))}")
    if imported.outdated:
        named = ", ".join(map(printable, imported.outdated[:_N_NAMED])) + (
            ", …" if len(imported.outdated) > _N_NAMED else ""
        )
        output.say(
            f"left out, as the file is gone or another one since it was shown: {_images(len(imported.outdated))} "
            f"({named})",
            style="yellow",
        )


def _show_readiness(readiness: "LabelReadiness", output: Output) -> None:
    output.say(readiness.state)
    output.say(readiness.follows)


def _readiness(readiness: "LabelReadiness") -> dict[str, Any]:
    return {
        "version": readiness.version,
        "n_new_labels": readiness.n_new,
        "n_needed": readiness.n_needed,
        "n_missing": readiness.n_missing,
        "open_check_id": readiness.open_check_id,
        "follows": readiness.follows,
    }


def _described(request: "LabelRequest") -> dict[str, Any]:
    return {
        "check_id": request.check_id,
        "number": request.place,
        "stage": request.stage,
        "relative_path": request.relative_path,
        "etag": request.etag,
        "version": request.version,
        "predicted": request.type,
        "confidence": request.confidence,
        "novelty": request.novelty,
        "kind": request.kind,
        "requested_at": request.requested_at,
    }


def _kinds(requests: Sequence["LabelRequest"]) -> str:
    counts = Counter(request.kind for request in requests)
    return ", ".join(f"{n:,} {kind}" for kind, n in sorted(counts.items()))


def _images(n: int) -> str:
    return "1 image" if n == 1 else f"{n:,} images"
