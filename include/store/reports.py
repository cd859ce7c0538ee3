"""Where the reports of drift checks lie in the store."""

REPORTS = "reports"
"""The folder of the pages and pictures."""
WORKSPACE = "evidently"
"""The folder that is Evidently's workspace: in it the pipeline's project, which has a snapshot for each check."""

_SNAPSHOTS = "snapshots"


def page_path(check_id: str) -> str:
    """Return where the page of a check lies."""
    return f"{REPORTS}/{check_id}.html"


def picture_path(check_id: str) -> str:
    """Return where the picture of a check lies."""
    return f"{REPORTS}/{check_id}.png"


def is_of_history(relative: str) -> bool:
    """Whether a file of the workspace is no snapshot of a check, but what all of them are shown in."""
    return _SNAPSHOTS not in relative.split("/")[:-1]
