"""Evidently's report of a check, and its snapshot in a workspace whose history `evidently ui` shows.

Evidently shows, it does not decide: its own thresholds alarm at some sizes of a sample and never at others.
"""

import tempfile
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from include.drift.report.drawn_answers import CLASS, Column, DrawnSides
from include.evidently_pages import quiet_evidently, without_tags
from include.store.files import FileStore
from include.store.reports import WORKSPACE

if TYPE_CHECKING:  # seconds to import
    from evidently.core.datasets import Dataset
    from evidently.core.report import Snapshot
    from evidently.sdk.models import DashboardModel

_IDS = uuid.UUID("7a3c1c52-6a8e-5b0f-9a57-51f2b8a4f7d0")
"""What the ids of projects and snapshots are made with: a check that is repeated has the same one again."""


def run_evidently(
    sides: DrawnSides, *, name: str, at: datetime, tags: list[str], metadata: Mapping[str, str]
) -> "Snapshot":
    """Return Evidently's report of both sides: it shows each column, and judges none.

    Args:
        sides: What is shown.
        name: What the history calls it.
        at: When the check was.
        tags: By which the history can be filtered.
        metadata: What the history tells beside it.
    """
    with quiet_evidently():
        from evidently import Report
        from evidently.metrics import MeanValue, UniqueValueCount

        means = [MeanValue(column=column) for column in sides.numbers]
        metrics = [means[0], UniqueValueCount(column=CLASS), *means[1:]]
        return Report(metrics, include_tests=False).run(
            _dataset(sides.window, sides.numbers),
            _dataset(sides.baseline, sides.numbers),
            timestamp=at,
            name=without_tags(name),
            tags=tags,
            metadata={key: without_tags(value) for key, value in metadata.items()},
        )


def keep_snapshot(
    store: FileStore, snapshot: "Snapshot", *, pipeline: str, check_id: str, numbers: Sequence[str]
) -> str:
    """Write a report into the pipeline's project of the workspace; that of an earlier try of the check is replaced.

    Evidently writes its files where they are to be, so that a reader can see half of one, and knows its own names for
    them alone: so it writes into a folder of its own, and the files go into the store as any others do. The project
    and its dashboard are written once, and are then whatever people make of them.

    Args:
        store: The pipeline's files.
        snapshot: The report.
        pipeline: The pipeline's name.
        check_id: The check.
        numbers: The columns whose means the dashboard shows from check to check.

    Returns:
        The snapshot's place in the store.

    Raises:
        StoreError: It cannot be written.
    """
    project_id, snapshot_id = uuid.uuid5(_IDS, pipeline), uuid.uuid5(_IDS, check_id)
    with quiet_evidently(), tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
        from evidently.sdk.models import ProjectModel
        from evidently.ui.workspace import Workspace

        workspace = Workspace.create(folder)
        project = ProjectModel(id=project_id, name=pipeline, description=f"The drift checks of pipeline {pipeline}")
        workspace.add_project(project)
        workspace.state.write_dashboard(project_id, _dashboard(numbers))
        workspace.state.write_snapshot(project_id, snapshot_id, snapshot.to_snapshot_model())
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(Path(folder).rglob("*.json"))
        }
    [own] = (name for name in files if str(snapshot_id) in name)
    for name, content in files.items():
        if name == own or not store.exists(f"{WORKSPACE}/{name}"):
            store.write(f"{WORKSPACE}/{name}", content)
    return f"{WORKSPACE}/{own}"


def _dataset(columns: Mapping[str, Column], numbers: list[str]) -> "Dataset":
    import pandas as pd
    from evidently import DataDefinition, Dataset

    shown = {**columns, CLASS: [without_tags(label) for label in columns[CLASS]]}
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=[CLASS])
    return Dataset.from_pandas(pd.DataFrame(shown), data_definition=definition)


def _dashboard(numbers: Sequence[str]) -> "DashboardModel":
    """Return a dashboard with the mean of each column, from check to check."""
    from evidently.sdk.models import DashboardModel, DashboardTabModel, PanelMetric
    from evidently.sdk.panels import line_plot_panel

    panels = [
        line_plot_panel(
            title=f"Mean {number}",
            values=[PanelMetric(legend=number, metric="MeanValue", metric_labels={"column": number})],
            size="half",
        )
        for number in numbers
    ]
    return DashboardModel(
        tabs=[DashboardTabModel(title="Checks", panels=[panel.id for panel in panels])], panels=panels
    )
