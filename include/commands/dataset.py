"""The verb `dataset`: the report on what a pipeline was last trained on."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from include.commands.console import Output
from include.commands.local.state import LocalState
from include.commands.options import AsJson, Name, OfDemo
from include.commands.warehouse_access import open_warehouse, pipeline_named
from include.errors import CommandError

if TYPE_CHECKING:  # numpy, and more
    from include.dataset.report import DatasetReport

_MARKS = {"problem": ("✕", "red"), "notice": ("!", "yellow"), "fine": ("✓", "green")}


class _Snapshot(NamedTuple):
    snapshot_id: str
    run_id: str


def dataset(
    name: Name,
    evidently: Annotated[
        bool, typer.Option("--evidently", help="Add Evidently's summary to the report, which makes it 4 MB larger.")
    ] = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Show what a pipeline's newest data set is like: classes, copies, outliers.

    Each training run writes this report on its snapshot into the store;
    this writes that of the newest one again, from what the runs have
    decoded, and says where it is.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    with open_warehouse(config, state) as warehouse:
        from include.catalog.runs import read_run
        from include.dataset.keeping import keep_snapshot_report
        from include.store.files import FileStore
        from include.store.reports import dataset_path

        newest = warehouse.fetch_one("dataset/select_latest_snapshot", _Snapshot)
        if newest is None:
            raise CommandError(f"{name} has no data set yet: ./driftgate train {name} freezes one")
        report = keep_snapshot_report(
            warehouse,
            FileStore(config.store_url),
            read_run(warehouse, run_id=newest.run_id).config,
            snapshot_id=newest.snapshot_id,
            with_evidently=evidently,
        )
    path = f"{config.store_url}/{dataset_path(newest.snapshot_id)}"
    output.say(
        f"snapshot {newest.snapshot_id[:12]} of {newest.run_id}: {report.n_labelled:,} images of "
        f"{len(report.classes):,} classes"
    )
    show_findings(report, output)
    output.say("")
    output.say(f"report  {path}")
    output.result({"name": name, "snapshot_id": newest.snapshot_id, "report_path": path, **report.to_json()})


def show_findings(report: "DatasetReport", output: Output) -> None:
    """Show what was found in a data set, a line each."""
    for advice in report.advice:
        mark, colour = _MARKS[advice.level]
        output.say(f"{mark} {advice.title}. {advice.text}", style=colour)
