"""What each role of a pipeline may do: what the statements of the DAGs need, and nothing else.

A test computes these tables from the statements below include/sql; one that needs more than is here fails it.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from include.config import PipelineConfig
from include.config_parts import StageConfig
from include.warehouse.identifiers import MODELS_STAGE, WORK_STAGE, quote_identifier, stream_of
from include.warehouse.names import FILE_FORMAT, roles_of
from include.warehouse.statements import Statement

Privilege = Literal["SELECT", "INSERT", "UPDATE", "DELETE", "READ", "WRITE", "USAGE"]

PIPELINE_TABLES: Final[Mapping[str, tuple[Privilege, ...]]] = {
    "ACCEPTED_CHECKS": ("SELECT", "INSERT"),
    "ALERTS": ("SELECT", "INSERT", "UPDATE"),
    "APPROVAL_REQUESTS": ("SELECT", "INSERT"),
    "BASELINES": ("SELECT", "INSERT"),
    "CURE_CHECKS": ("SELECT", "INSERT"),
    "DRIFT_CHECKS": ("SELECT", "INSERT"),
    "FEATURES": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "FORGOTTEN": ("SELECT", "INSERT", "UPDATE"),
    "IMAGES": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "LABELS": ("SELECT", "INSERT", "DELETE"),
    "LABEL_REQUESTS": ("SELECT", "INSERT", "DELETE"),
    "MODEL_EVENTS": ("SELECT", "INSERT"),
    "MODEL_VERSIONS": ("SELECT", "INSERT"),
    "PIPELINE_LOCK": ("SELECT", "UPDATE"),
    "PIXELS": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "PREDICTIONS": ("SELECT", "INSERT", "DELETE"),
    "QUARANTINE": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "RECALLS": ("SELECT", "INSERT"),
    "REPRODUCTIONS": ("SELECT", "INSERT"),
    "RUNS": ("SELECT", "INSERT", "UPDATE"),
    "SNAPSHOTS": ("SELECT", "INSERT"),
    "SNAPSHOT_IMAGES": ("SELECT", "INSERT"),
    "STAGE_COMPARISONS": ("SELECT", "INSERT", "DELETE"),
}
"""What the DAGs and the command do with each table."""

PIPELINE_VIEWS: Final = (
    "CHAMPION",
    "CURRENT_LABELS",
    "CURRENT_PREDICTIONS",
    "FIRST_ANSWERS",
    "LABELLED_ANSWERS",
    "MODEL_HISTORY",
    "OPEN_LABEL_REQUESTS",
    "RECALLED_VERSIONS",
    "REQUESTED_IMAGES",
    "SERVING_VERSIONS",
)
"""The views that the DAGs and the command read."""

READER_VIEWS: Final = ("CHAMPION", "CHECK_ACCURACY", "CURRENT_PREDICTIONS", "MODEL_HISTORY", "OPEN_LABEL_REQUESTS")
"""The views that are made for others to read."""


def grant_statements(config: PipelineConfig) -> Iterator[Statement]:
    """Return what grants, in the pipeline's schema, each role what it needs; the owner of all that is there runs it."""
    roles = roles_of(config)
    for table, privileges in PIPELINE_TABLES.items():
        yield _on("table", table, privileges, roles.pipeline)
    for view in PIPELINE_VIEWS:
        yield _on("view", view, ("SELECT",), roles.pipeline)
    for stage in (config.stages.training, config.stages.incoming):
        yield _on("stage", stage.name, image_stage_privileges(stage), roles.pipeline)
        yield _on("stream", stream_of(stage.name), ("SELECT",), roles.pipeline)._replace(is_optional=True)
    for name in (MODELS_STAGE, WORK_STAGE):
        yield _on("stage", name, ("READ", "WRITE"), roles.pipeline)
    yield Statement("setup/grant_on_file_format", {"file_format": FILE_FORMAT, "role": roles.pipeline})
    if config.registry.function is not None:
        yield Statement("setup/grant_create_function", {"role": roles.pipeline})
    if config.registry.publish == "snowflake":
        yield Statement("setup/grant_create_model", {"role": roles.pipeline})
    for view in READER_VIEWS:
        yield _on("view", view, ("SELECT",), roles.reader)


def image_stage_privileges(stage: StageConfig) -> tuple[Privilege, ...]:
    """Return what it takes to refresh and read a stage with images: on an internal one a refresh needs WRITE."""
    return ("USAGE",) if stage.url is not None else ("READ", "WRITE")


def _on(kind: str, name: str, privileges: tuple[Privilege, ...], role: str) -> Statement:
    identifiers = {"privileges": ", ".join(privileges), kind: quote_identifier(name), "role": role}
    return Statement(f"setup/grant_on_{kind}", identifiers)
