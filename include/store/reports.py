"""Where the reports of drift checks and of data sets lie in the store."""

REPORTS = "reports"
"""The folder of the pages and pictures."""
WORKSPACE = "evidently"
"""The folder that is Evidently's workspace: in it the pipeline's project, which has a snapshot for each check."""
DATASETS = "datasets"
"""The folder of the pages on data sets, which show images."""

_SNAPSHOTS = "snapshots"


def page_path(check_id: str) -> str:
    """Return where the page of a check lies."""
    return f"{REPORTS}/{check_id}.html"


def picture_path(check_id: str) -> str:
    """Return where the picture of a check lies."""
    return f"{REPORTS}/{check_id}.png"


def dataset_path(snapshot_id: str | None) -> str:
    """Return where the page on a snapshot lies; None: the one on what was there before the first snapshot."""
    return f"{DATASETS}/{snapshot_id or 'new'}.html"


def is_of_history(relative: str) -> bool:
    """Whether a file of the workspace is no snapshot of a check, but what all of them are shown in."""
    return _SNAPSHOTS not in relative.split("/")[:-1]
